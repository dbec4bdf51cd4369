"""The smallest HTTP/1.1 client that keeps its connection: one request at a time, bytes in, bytes out.

Not a general client: no redirects, no compression, no pipelining. A request is one prepared string of bytes, so a
scenario that repeats itself pays nothing for building it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

from msgspec import Struct

HEAD_END = b"\r\n\r\n"


class Origin(Struct, frozen=True):
    """Where a server is reached: what the connection needs and what the Host header says."""

    host: str
    port: int
    tls: bool

    @classmethod
    def of(cls, url: str) -> Origin:
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        return cls(parts.hostname or "", parts.port or (443 if tls else 80), tls)


class Request(Struct, frozen=True):
    """A request that is ready to be sent, and the status that means success."""

    origin: Origin
    data: bytes
    expect: int


class Answer(Struct, frozen=True):
    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header, whatever its case on the wire."""
        wanted = name.lower().encode()
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == wanted:
                return value.strip().decode("latin-1")
        return None


class Refused(Exception):
    """The server answered something else than was expected."""

    def __init__(self, expected: int, answer: Answer):
        super().__init__(f"status {answer.status} where {expected} was expected: {answer.body[:300].decode(errors='replace')}")
        self.answer = answer


class ConnectionLost(Exception):
    """The server hung up before it had answered."""


def request(method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes = b"", expect: int = 200) -> Request:
    """Build a request once, to be sent as often as wanted."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", "Accept: application/json"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
        if body and not any(name.lower() == "content-type" for name in headers or {}):
            lines.append("Content-Type: application/json")
    return Request(Origin.of(url), "\r\n".join(lines).encode() + HEAD_END + body, expect)


class Connection(asyncio.Protocol):
    """A kept connection. `send` must not be called again before it has answered."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self._head: bytes | None = None
        self._length: int | None = None
        self._bodiless = False

    @classmethod
    async def open(cls, origin: Origin) -> Connection:
        context = ssl.create_default_context() if origin.tls else None
        _, connection = await asyncio.get_running_loop().create_connection(cls, origin.host, origin.port, ssl=context)
        return connection

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    async def send(self, data: bytes) -> Answer:
        if self.transport is None or self.transport.is_closing():
            raise ConnectionLost("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._bodiless = data.startswith(b"HEAD ")      # its Content-Length is that of a GET's answer
        self.transport.write(data)
        return await self._answer

    def close(self) -> None:
        if self.transport:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            if self._head is not None and self._length is None:
                self._deliver(bytes(self._buffer))  # a body that ends with the connection
            else:
                self._answer.set_exception(ConnectionLost(str(exc or "the server hung up")))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._head is None and not self._read_head():
            return
        if self._length is not None and self._length >= 0:
            if len(self._buffer) >= self._length:
                self._deliver(bytes(self._buffer[: self._length]))
        elif self._length == CHUNKED and self._buffer.endswith(b"0\r\n\r\n"):
            body = unchunked(bytes(self._buffer))
            if body is not None:
                self._deliver(body)

    def _read_head(self) -> bool:
        end = self._buffer.find(HEAD_END)
        if end < 0:
            return False
        self._head = bytes(self._buffer[:end])
        del self._buffer[: end + len(HEAD_END)]
        self._length = 0 if self._bodiless else length_of(self._head)
        return True

    def _deliver(self, body: bytes) -> None:
        head, answer = self._head or b"", self._answer
        self._buffer.clear()
        self._head = self._length = None
        if answer and not answer.done():
            answer.set_result(Answer(int(head[9:12]), head, body))


CHUNKED = -1


def length_of(head: bytes) -> int | None:
    """How long the body is: a number, CHUNKED, or None when it lasts until the connection ends."""
    if head[9:12] in (b"204", b"304"):
        return 0
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    if at >= 0:
        return int(lower[at + 17 :].split(b"\r\n", 1)[0])
    return CHUNKED if b"\r\ntransfer-encoding: chunked" in lower else None


def unchunked(data: bytes) -> bytes | None:
    """The body out of its chunks, or None while the last one is missing."""
    parts: list[bytes] = []
    at = 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(data[at:end].split(b";", 1)[0], 16)
        if size == 0:
            return b"".join(parts)
        if len(data) < end + 2 + size + 2:
            return None
        parts.append(data[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
