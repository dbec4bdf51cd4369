"""Blobs as large objects of one container of an object store that speaks Swift.

`KEY/00000000` and so on are the segments, `KEY` is the manifest, which comes last: without it there is no blob. So an image may be
larger than the largest object, and nothing is held in memory but a block. A container belongs to one cloud alone: what is in it
and no image's is swept away.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import msgspec

from pileus.core.clock import Clock
from pileus.image.backends.base import BlobMissing, StoreFailed, StoreFull
from pileus.image.backends.config import SwiftConfig
from pileus.image.backends.keystone import Session
from pileus.image.backends.pieces import Going, Pieces, content_range, exactly, reached
from pileus.image.wire import Answer, Body, ask

FULL = (413, 507)
PAGE = 1000


class SwiftStore:
    def __init__(self, config: SwiftConfig, clock: Clock):
        self.config, self.session, self.going = config, Session(config, "object-store", clock), Going()

    async def put(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        pieces, made = Pieces(blocks), list[dict[str, Any]]()
        self.going.begin(key)
        try:
            with reached(pieces):
                await self._done("PUT", "")                             # the container; and the token is good for what follows
                while await pieces.more():
                    made.append(await self._segment(f"{key}/{len(made):08}", pieces))
                    self.going.check(key)
                if made:
                    await self._done("PUT", key, msgspec.json.encode(made), "multipart-manifest=put")
                else:
                    await self._done("PUT", key)
                self.going.check(key)
        except BaseException:
            await self._undo(key, len(made) + 1)
            raise
        finally:
            self.going.end(key)

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        if length == 0:
            return
        with reached():
            async with self._ask("GET", key, content_range(start, length)) as answer:
                if answer.status in (404, 416):
                    raise BlobMissing(detail=f"{key}: {answer.status}")
                self._check(answer)
                async for block in exactly(answer.blocks(), key, length):
                    yield block

    async def delete(self, key: str) -> None:
        self.going.stop(key)
        with reached():
            await self._done("DELETE", key, absent=True)
            for name in await self._names(f"{key}/"):
                await self._done("DELETE", name, absent=True)

    async def keys(self) -> set[str]:
        return {name.partition("/")[0] for name in await self._names("")} | set(self.going.keys)

    # ---- parts -------------------------------------------------------------------------------------------------------
    async def _segment(self, name: str, pieces: Pieces) -> dict[str, Any]:
        """Store the next bytes as an object; returns what the manifest says of it."""
        digest, size = hashlib.md5(usedforsecurity=False), 0

        async def counted() -> AsyncGenerator[bytes, None]:
            nonlocal size
            async for block in pieces.piece(self.config.segment_bytes):
                digest.update(block)
                size += len(block)
                yield block

        await self._done("PUT", name, counted())
        return {"path": f"/{self.config.container}/{name}", "etag": digest.hexdigest(), "size_bytes": size}

    async def _undo(self, key: str, segments: int) -> None:
        """Remove what was written of a blob, by names: a listing may be late. What cannot be removed now is swept later."""
        for name in (key, *(f"{key}/{number:08}" for number in range(segments))):
            try:
                await self._done("DELETE", name, absent=True)
            except (OSError, StoreFailed):
                return

    async def _names(self, prefix: str) -> list[str]:
        """The names of all objects that begin so."""
        found: list[str] = []
        with reached():
            while True:
                marker = quote(found[-1], safe="") if found else ""
                query = f"prefix={quote(prefix, safe='')}&limit={PAGE}&marker={marker}"
                async with self._ask("GET", "", {"Accept": "text/plain"}, query=query) as answer:
                    if answer.status == 404:
                        return found
                    self._check(answer)
                    page = (await answer.read()).decode().split()
                if not page:
                    return found
                found += page

    async def _done(self, method: str, name: str, body: Body = b"", query: str = "", *, absent: bool = False) -> None:
        """Raises OSError or StoreFailed."""
        async with self._ask(method, name, {}, body, query) as answer:
            if not (absent and answer.status == 404):
                self._check(answer)

    @asynccontextmanager
    async def _ask(self, method: str, name: str, headers: dict[str, str], body: Body = b"", query: str = "") -> AsyncIterator[Answer]:
        """The answer for an object, or for the container. A token that is refused is replaced, once; a stream cannot be sent again."""
        path = f"/{quote(self.config.container)}" + (f"/{quote(name)}" if name else "") + (f"?{query}" if query else "")
        for last in (not isinstance(body, bytes), True):
            endpoint, token = await self.session.endpoint()
            async with ask(method, endpoint + path, headers | {"X-Auth-Token": token}, body) as answer:
                if answer.status == 401:
                    self.session.forget()
                    if not last:
                        continue
                yield answer
                return

    def _check(self, answer: Answer) -> None:
        if answer.status in FULL:
            raise StoreFull(detail=f"the object store answered {answer.status}")
        if answer.status >= 300:
            raise StoreFailed(detail=f"the object store answered {answer.status}")
