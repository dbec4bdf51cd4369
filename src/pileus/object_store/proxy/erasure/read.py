"""GET and HEAD of a coded object: as many fragments as it takes are read side by side and decoded segment by segment.

A source that fails, or gives a damaged piece, is replaced by another fragment from that segment on: the reader does not notice.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from pileus.core.log import Log
from pileus.object_store.proxy.ask import one
from pileus.object_store.proxy.erasure.codec import Codec, Unreadable, segments
from pileus.object_store.proxy.erasure.survey import Survey
from pileus.object_store.proxy.place import Place
from pileus.object_store.ring.device import Node
from pileus.object_store.storage.object.fragments import WANTED
from pileus.object_store.wire import conditional, multipart, ranges
from pileus.object_store.wire.body import close, stream
from pileus.object_store.wire.message import Request, Response, is_true
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.proxy.proxy import Proxy

log = Log("pileus.object_store.erasure")

#: What a fragment's metadata says of the whole object.
LENGTH, ETAG, SEGMENT, SCHEME = (f"x-object-sysmeta-ec-{name}" for name in ("content-length", "etag", "segment-size", "scheme"))


async def show(proxy: Proxy, req: Request, place: Place) -> Response:
    """HEAD and GET."""
    survey = Survey(proxy, place.policy, place.part, place.path)
    passed = {n: v for n, v in req.headers.items() if n == "x-backend-open-expired"}
    newest = is_true(req.header("x-newest"))
    # Of a range it is not known yet which pieces of fragments it is in.
    await survey.ask(proxy.nodes(place.ring, place.part), passed, everybody=newest,
                     reading=req.method == "GET" and "range" not in req.headers and not newest)
    try:
        return await _shown(proxy, req, survey)
    finally:
        await survey.release()


async def _shown(proxy: Proxy, req: Request, survey: Survey) -> Response:
    if (at := survey.readable) is None:
        return survey.refusal()
    whole = Whole(proxy, survey, at)
    headers = whole.headers()
    if (refusal := conditional.refused(req, headers)) is not None:
        return refusal
    if req.method == "HEAD":
        return Response(200, headers)
    pieces = ranges.parse(req.header("range"), whole.length) if "range" in req.headers else None
    if pieces == []:
        return plain(416, headers=headers | {"content-type": "text/html; charset=UTF-8", "content-range": f"bytes */{whole.length}"})
    try:
        return await (_several(whole, headers, pieces) if pieces and len(pieces) > 1 and multipart.sensible(pieces)
                      else _one(whole, headers, pieces))
    except Unreadable:
        return plain(503)


async def _one(whole: Whole, headers: dict[str, str], pieces: list[tuple[int, int]] | None) -> Response:
    start, length, status = 0, whole.length, 200
    if pieces is not None and len(pieces) == 1:
        (start, length), status = pieces[0], 206
        headers["content-range"] = f"bytes {start}-{start + length - 1}/{whole.length}"
    headers["content-length"] = str(length)
    if not length:
        return Response(status, headers)
    return Response(status, headers, await whole.read(start, length))


async def _several(whole: Whole, headers: dict[str, str], pieces: list[tuple[int, int]]) -> Response:
    boundary = hashlib.md5(f"{whole.at}{pieces}".encode(), usedforsecurity=False).hexdigest()
    kind = headers.get("content-type", "application/octet-stream")
    headers["content-length"] = str(multipart.length(pieces, whole.length, kind, boundary))
    headers["content-type"] = f"multipart/byteranges;boundary={boundary}"

    async def read(start: int, length: int) -> AsyncIterator[bytes]:
        async with aclosing(await whole.read(start, length)) as body:
            async for chunk in body:
                yield chunk

    return Response(206, headers, multipart.body(pieces, whole.length, kind, boundary, read))


class Whole:
    """The object that fragments of one moment make up."""

    def __init__(self, proxy: Proxy, survey: Survey, at: str):
        self.proxy, self.survey, self.at = proxy, survey, at
        self.codec: Codec = proxy.codec(survey.policy)
        about = survey.shown[at].headers
        self.length, self.segment = int(about[LENGTH]), int(about[SEGMENT])
        #: Bytes of each piece of a fragment, and of the last.
        self.piece, self.last_piece = self.codec.sizes(self.length, self.segment)

    def headers(self) -> dict[str, str]:
        """What the object is, in place of what the fragment is."""
        about = self.survey.shown[self.at].headers
        kept = {n: v for n, v in about.items() if not n.startswith(("x-object-sysmeta-ec-", "x-backend-fragment"))}
        return kept | {"etag": about[ETAG], "content-length": about[LENGTH]}

    async def read(self, start: int, length: int) -> AsyncGenerator[bytes]:
        """A piece of the body. Raises Unreadable now, or OSError later, when there is not enough of it."""
        stripes = Stripes(self, start // self.segment, (start + length - 1) // self.segment)
        await stripes.open()
        return self._decoded(stripes, start, start + length)

    async def _decoded(self, stripes: Stripes, start: int, end: int) -> AsyncGenerator[bytes]:
        async with aclosing(stripes.pieces()) as each:
            number = stripes.first
            async for pieces in each:
                try:
                    data = self.codec.decode(pieces)
                except Unreadable as problem:
                    raise OSError(f"{self.survey.path}: {problem}") from None
                base = number * self.segment
                yield data[max(0, start - base):end - base]
                number += 1


class Source:
    """One fragment while it is read."""

    def __init__(self, index: int, node: Node, answer: Response):
        self.index, self.node, self.held = index, node, b""
        self.body = stream(answer.body) if isinstance(answer.body, bytes) else answer.body

    async def take(self, size: int) -> bytes:
        """The next bytes. Raises OSError when they do not come."""
        parts, have = [self.held], len(self.held)
        while have < size:
            try:
                chunk = await anext(self.body)
            except StopAsyncIteration:
                raise OSError("the fragment is too short") from None
            parts.append(chunk)
            have += len(chunk)
        whole = b"".join(parts)
        self.held = whole[size:]
        return whole[:size]


class Stripes:
    """Some segments of an object, as pieces of enough fragments. `without`: an index that is not asked for."""

    def __init__(self, whole: Whole, first: int, last: int, *, without: int = -1):
        self.whole, self.first, self.last, self.without = whole, first, last, without
        self.tried: list[tuple[int, Node]] = []
        self.sources: dict[int, Source] = {}

    async def open(self) -> None:
        """Raises Unreadable when there are too few."""
        if self.first == 0 and self.last == segments(self.whole.length, self.whole.segment) - 1:
            for index, (node, answer) in self.whole.survey.take(self.whole.at).items():
                self.tried.append((index, node))
                self.sources[index] = Source(index, node, answer)
        try:
            await self._replenish(self.first)
        except BaseException:
            await self.close()
            raise

    async def _replenish(self, segment: int) -> None:
        """Have as many sources as it takes, all at the beginning of a segment."""
        need = self.whole.survey.erasure.data
        while len(self.sources) < need:
            chosen = self._choose(need - len(self.sources))
            if not chosen and self.whole.survey.unasked:
                await self.whole.survey.ask_rest()
                continue
            if not chosen:
                raise Unreadable(f"{len(self.sources)} of {need} fragments of {self.whole.survey.path}")
            self.tried += chosen.items()
            found = await asyncio.gather(*(self._connect(index, node, segment) for index, node in chosen.items()))
            self.sources |= {source.index: source for source in found if source is not None}

    def _choose(self, count: int) -> dict[int, Node]:
        """So many fragments that have not been tried. The first are the data as they are: nothing has to be reckoned from them."""
        held = self.whole.survey.held[self.whole.at]
        untried = [(index, node) for index in sorted(held) for node in held[index] if (index, node) not in self.tried]
        found: dict[int, Node] = {}
        for index, node in untried:
            if index != self.without and index not in self.sources and index not in found and len(found) < count:
                found[index] = node
        return found

    async def _connect(self, index: int, node: Node, segment: int) -> Source | None:
        whole, survey = self.whole, self.whole.survey
        begin = segment * whole.piece
        end = self.last * whole.piece + (whole.last_piece if self.last == segments(whole.length, whole.segment) - 1 else whole.piece)
        headers = {WANTED: f"{whole.at}#{index}", "x-backend-storage-policy-index": str(survey.policy.index),
                   "range": f"bytes={begin}-{end - 1}"}
        answer = await one(whole.proxy, "object", node, survey.part, Request("GET", survey.path), survey.path, headers)
        if answer.ok:
            return Source(index, node, answer)
        await answer.close()
        return None

    async def pieces(self) -> AsyncGenerator[dict[int, bytes]]:
        """The pieces of each segment by index. Raises OSError when there are too few."""
        count = segments(self.whole.length, self.whole.segment)
        try:
            for segment in range(self.first, self.last + 1):
                size = self.whole.last_piece if segment == count - 1 else self.whole.piece
                yield await self._segment(segment, size)
        finally:
            await self.close()

    async def _segment(self, segment: int, size: int) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        while len(found) < self.whole.survey.erasure.data:
            try:
                await self._replenish(segment)
            except Unreadable as problem:
                raise OSError(str(problem)) from None
            asked = [source for index, source in self.sources.items() if index not in found]
            pieces = await asyncio.gather(*(self._take(source, size) for source in asked))
            for source, piece in zip(asked, pieces, strict=True):
                if piece is not None and self.whole.codec.sound(piece, source.index):
                    found[source.index] = piece
                else:
                    log.warning("fragment failed", path=self.whole.survey.path, device=str(source.node.device), index=source.index)
                    await close(self.sources.pop(source.index).body)
        return found

    async def _take(self, source: Source, size: int) -> bytes | None:
        try:
            async with asyncio.timeout(self.whole.proxy.config.node_timeout_s):
                return await source.take(size)
        except (OSError, TimeoutError):
            return None

    async def close(self) -> None:
        while self.sources:
            await close(self.sources.popitem()[1].body)
