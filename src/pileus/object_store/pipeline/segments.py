"""Objects that consist of others: their pieces are read one after another, as if they were one body."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing
from hashlib import md5
from typing import Any

import msgspec

from pileus.core.log import Log
from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire import conditional, multipart, ranges
from pileus.object_store.wire.body import Wrapped, stream
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

log = Log("pileus.object_store.segments")

#: Manifests within manifests: deeper ones are somebody's mistake, or trap.
DEEPEST = 10


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of an object, or bytes that stand in the manifest itself."""

    path: str = ""                          # /CONTAINER/OBJECT
    size: int                               # of what is used of it
    first: int = 0                          # the first byte that is used
    etag: str = ""                          # "": whatever is there now
    manifest: bool = False                  # whether it consists of others
    data: bytes | None = None


class Broken(Exception):
    """A segment is not there, or is not what the manifest says."""


#: Gives the segments of a manifest within a manifest.
Expand = Callable[[Segment], Coroutine[Any, Any, list[Segment]]]


class Segments:
    """The segments of one object, for one request."""

    #: Whether more than one range at a time is given.
    many_ranges = True

    def __init__(self, feature: Feature, req: Request, account: str, segments: Sequence[Segment], source: str,
                 expand: Expand | None = None):
        self.feature, self.req, self.account, self.segments, self.source = feature, req, account, segments, source
        self.expand = expand
        self.size = sum(s.size for s in segments)

    async def answer(self, response: Response) -> Response:
        """The response of the manifest, made that of the whole: preconditions, ranges and all. Its headers say ETag and date."""
        headers = {n: v for n, v in response.headers.items() if n not in ("content-range", "content-length", "x-backend-timestamp")}
        headers["accept-ranges"] = "bytes"
        if (refusal := conditional.refused(self.req, headers)) is not None:
            return refusal
        headers["content-length"] = str(self.size)
        if self.req.method == "HEAD":
            return Response(200, headers)
        pieces = ranges.parse(self.req.header("range"), self.size) if "range" in self.req.headers else None
        if pieces == []:
            del headers["content-length"]
            return plain(416, headers=headers | {"content-range": f"bytes */{self.size}", "content-type": "text/html; charset=UTF-8"})
        if pieces is not None and len(pieces) > 1 and self.many_ranges and multipart.sensible(pieces):
            return self._several(headers, pieces)
        start, length, status = 0, self.size, 200
        if pieces is not None and len(pieces) == 1:
            (start, length), status = pieces[0], 206
            headers["content-range"] = f"bytes {start}-{start + length - 1}/{self.size}"
        headers["content-length"] = str(length)
        return await self._begun(status, headers, start, length)

    def _several(self, headers: dict[str, str], pieces: list[tuple[int, int]]) -> Response:
        kind = headers.get("content-type", "application/octet-stream")
        boundary = md5(f"{headers.get('etag')}{pieces}".encode(), usedforsecurity=False).hexdigest()
        headers["content-length"] = str(multipart.length(pieces, self.size, kind, boundary))
        headers["content-type"] = f"multipart/byteranges;boundary={boundary}"
        return Response(206, headers, multipart.body(pieces, self.size, kind, boundary, self.read))

    async def _begun(self, status: int, headers: dict[str, str], start: int, length: int) -> Response:
        """The answer, once its first bytes are there: a manifest that is broken from the start is a conflict."""
        body = self.read(start, length)
        try:
            first = await anext(body, b"")
        except Broken:
            await body.aclose()
            return plain(409)
        return Response(status, headers, Wrapped(_rest(first, body), body))

    async def read(self, start: int, length: int) -> AsyncGenerator[bytes]:
        """Bytes of the whole. Raises Broken, which cuts the answer off where it cannot be told any more."""
        async with aclosing(self._read(self.segments, start, length, 0)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _read(self, segments: Sequence[Segment], start: int, length: int, depth: int) -> AsyncGenerator[bytes]:
        if depth >= DEEPEST:
            raise Broken("Max recursion depth exceeded")
        for segment in segments:
            if length <= 0:
                return
            if start >= segment.size:
                start -= segment.size
                continue
            amount = min(length, segment.size - start)
            async with aclosing(self._piece(segment, segment.first + start, amount, depth)) as chunks:
                async for chunk in chunks:
                    yield chunk
            start, length = 0, length - amount

    async def _piece(self, segment: Segment, first: int, amount: int, depth: int) -> AsyncGenerator[bytes]:
        if segment.data is not None:
            yield segment.data[first : first + amount]
            return
        if segment.manifest and self.expand is not None:
            async with aclosing(self._read(await self.expand(segment), first, amount, depth + 1)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        body = await self._open(segment, first, amount)
        async with aclosing(body) as chunks:    # type: ignore[type-var]
            left = amount
            async for chunk in chunks:
                left -= len(chunk)
                yield chunk
        if left:
            raise Broken(f"Segment {segment.path} is not as long as it was")

    async def _open(self, segment: Segment, first: int, amount: int) -> AsyncIterator[bytes]:
        headers = {n: v for n, v in self.req.headers.items() if n in ("referer", "x-newest", "x-open-expired")}
        headers["range"] = f"bytes={first}-{first + amount - 1}"
        if segment.etag:
            headers["if-match"] = f'"{segment.etag}"'
        got = await self.feature.app(self.req.child("GET", f"/v1/{self.account}{segment.path}", headers, source=self.source))
        if got.status not in (200, 206):
            await got.close()
            log.warning("a segment cannot be read", object=self.req.path, segment=segment.path, status=got.status)
            raise Broken(f"While processing manifest {self.req.path}, got {got.status} for segment {segment.path}")
        return stream(got.body) if isinstance(got.body, bytes) else got.body


async def _rest(first: bytes, body: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(body) as chunks:
        if first:
            yield first
        async for chunk in chunks:
            yield chunk
