"""HTTP from the client's side: one request per connection, its body and its answer's as streams.

It follows no redirects and resolves a name only when it is not told the address: who is asked is for the caller to decide.
Whatever goes wrong on the way is an OSError. Bytes are waited for `STALL` seconds at most.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    import h11

PORTS = {"http": 80, "https": 443}
BLOCK = 1 << 18
STALL = 60
#: What an answer is read to that is not data.
MOST_TEXT = 16 << 20
Body = bytes | AsyncIterator[bytes]


class Unspoken(ConnectionError):
    """What came is not HTTP, or ended in the middle."""


class Answer:
    def __init__(self, status: int, headers: dict[str, str], wire: _Wire):
        self.status, self.headers, self.wire = status, headers, wire

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        import h11

        while isinstance(event := await self.wire.next(), h11.Data):
            yield bytes(event.data)

    async def read(self) -> bytes:
        """All of it. Raises Unspoken for more than there can be of text."""
        found = bytearray()
        async for block in self.blocks():
            found += block
            if len(found) > MOST_TEXT:
                raise Unspoken("the answer is too long")
        return bytes(found)


@asynccontextmanager
async def ask(method: str, url: str, headers: Mapping[str, str] | None = None, body: Body = b"", *,
              address: str | None = None) -> AsyncIterator[Answer]:
    """Send a request; in the block its answer can be read. A body that is a stream goes in chunks unless a length is among the
    headers. `address` is what to connect to instead of the name in the URL. Raises OSError, or what the stream raises."""
    import h11

    parts = urlsplit(url)
    wire = await _connect(parts, address)
    try:
        try:
            answer = await wire.send(_request(method, parts, headers or {}, body), body)
        except h11.ProtocolError as broken:
            raise Unspoken(str(broken)) from broken
        yield Answer(answer.status_code, {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}, wire)
    finally:
        wire.writer.close()


class _Wire:
    """A connection and what is said on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        import h11

        self.reader, self.writer, self.state = reader, writer, h11.Connection(h11.CLIENT)

    async def send(self, request: h11.Request, body: Body) -> h11.Response:
        """The head of the answer. A server may answer before it has all of the body: then the rest stays unsent."""
        import h11

        self.writer.write(self.state.send(request) or b"")
        early: asyncio.Task[Any] | None = None
        try:
            if isinstance(body, bytes):
                self.writer.write(self.state.send(h11.Data(data=body)) or b"")
            else:
                early = asyncio.ensure_future(self.reader.read(BLOCK))
                async for block in body:
                    self.writer.write(self.state.send(h11.Data(data=block)) or b"")
                    async with asyncio.timeout(STALL):
                        await self.writer.drain()
                    if early.done():
                        break
            if early is None or not early.done():
                self.writer.write(self.state.send(h11.EndOfMessage()) or b"")
            async with asyncio.timeout(STALL):
                await self.writer.drain()
                if early is not None:
                    self.state.receive_data(await early)
        finally:
            if early is not None:
                early.cancel()
        answer = await self.next()
        while not isinstance(answer, h11.Response):                        # 1xx: the answer is still to come
            answer = await self.next()
        return answer

    async def next(self) -> Any:
        """The next event. Raises Unspoken when the other side has ended where none can end."""
        import h11

        try:
            while (event := self.state.next_event()) is h11.NEED_DATA:
                async with asyncio.timeout(STALL):
                    self.state.receive_data(await self.reader.read(BLOCK))
        except h11.ProtocolError as broken:
            raise Unspoken(str(broken)) from broken
        if isinstance(event, h11.ConnectionClosed):
            raise Unspoken("the connection was closed")
        return event


async def _connect(parts: SplitResult, address: str | None) -> _Wire:
    secure: dict[str, Any] = {}
    if parts.scheme == "https":
        import ssl

        secure = {"ssl": ssl.create_default_context(), "server_hostname": parts.hostname}
    async with asyncio.timeout(STALL):
        return _Wire(*await asyncio.open_connection(address or parts.hostname, parts.port or PORTS[parts.scheme], limit=BLOCK, **secure))


def _request(method: str, parts: SplitResult, headers: Mapping[str, str], body: Body) -> h11.Request:
    import h11

    given = {name.lower() for name in headers}
    found = [("Host", parts.netloc.rpartition("@")[2]), ("User-Agent", "pileus"), ("Accept-Encoding", "identity"), ("Connection", "close")]
    if isinstance(body, bytes):
        found += [("Content-Length", str(len(body)))] if body or method not in ("GET", "HEAD", "DELETE") else []
    elif "content-length" not in given:
        found.append(("Transfer-Encoding", "chunked"))
    found = [pair for pair in found if pair[0].lower() not in given] + list(headers.items())
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    return h11.Request(method=method, target=target, headers=found)
