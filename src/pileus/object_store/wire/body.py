"""Bodies: bytes, a stream, or a piece of a file that a server may send by itself."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

CHUNK = 64 * 1024

#: A stream is an asynchronous iterator of bytes; it may have `aclose`.
Body = bytes | AsyncIterator[bytes]


async def close(body: Any) -> None:
    """Let go of a body: files and connections behind it are closed. Repeatable."""
    ending = getattr(body, "aclose", None)
    if ending is not None:
        await ending()


async def drain(body: AsyncIterator[bytes] | None) -> int:
    """Read a body to its end and forget it; returns how long it was."""
    size = 0
    if body is not None:
        async for chunk in body:
            size += len(chunk)
    return size


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    """A stream of what is in memory already."""
    for chunk in chunks:
        yield chunk


class Wrapped:
    """A stream that a generator makes of another one. Closing it closes both: a generator that was never begun closes nothing, and
    a client may go away before a byte was read."""

    def __init__(self, made: AsyncGenerator[bytes], inner: Any):
        self.made, self.inner = made, inner

    def __aiter__(self) -> Wrapped:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self.made)

    async def aclose(self) -> None:
        await self.made.aclose()
        await close(self.inner)


class FileBody:
    """A piece of an open file. Iterating reads it, in threads; a server of this machine may send it without that.

    Owns the descriptor and closes it.
    """

    def __init__(self, fd: int, start: int, length: int, run: Callable[..., Any]):
        self.fd, self.start, self.length = fd, start, length
        self._at, self._end, self._run = start, start + length, run

    @property
    def whole(self) -> bool:
        """Whether this is the file from its first to its last byte."""
        return self.start == 0 and self._at == 0 and self.length == os.fstat(self.fd).st_size

    def __aiter__(self) -> FileBody:
        return self

    async def __anext__(self) -> bytes:
        if self._at >= self._end:
            await self.aclose()
            raise StopAsyncIteration
        # Larger pieces for what is long: each costs a hop to a thread.
        data = await self._run(os.pread, self.fd, min(self._end - self._at, 4 * CHUNK), self._at)
        if not data:
            await self.aclose()
            raise OSError("a file is shorter than it was")
        self._at += len(data)
        return data

    async def aclose(self) -> None:
        self.release()

    def release(self) -> None:
        """Close the file. Repeatable."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def __del__(self) -> None:
        self.release()
