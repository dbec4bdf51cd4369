"""An upload in pieces of a bounded size, for stores behind HTTP: they take objects up to some size, or whose size is known."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager

from pileus.image.backends.base import BlobMissing, StoreFailed


class Pieces:
    """The blocks of a blob, cut where a piece ends. What the blocks raise is kept: it is not the store's failure."""

    def __init__(self, blocks: AsyncIterator[bytes]):
        self.blocks, self.rest = blocks, b""
        self.failure: BaseException | None = None

    async def more(self) -> bool:
        """Whether there is another byte."""
        while not self.rest:
            try:
                self.rest = await anext(self.blocks)
            except StopAsyncIteration:
                return False
            except BaseException as failure:
                self.failure = failure
                raise
        return True

    async def piece(self, size: int) -> AsyncGenerator[bytes, None]:
        """The next `size` bytes, or what is left."""
        while size and await self.more():
            part, self.rest = self.rest[:size], self.rest[size:]
            size -= len(part)
            yield part


class Going:
    """Blobs that this process is writing: until they are whole no listing need show them, and a delete must stop them."""

    def __init__(self) -> None:
        self.keys: dict[str, bool] = {}                # key → whether it was deleted meanwhile

    def begin(self, key: str) -> None:
        self.keys[key] = False

    def stop(self, key: str) -> None:
        if key in self.keys:
            self.keys[key] = True

    def check(self, key: str) -> None:
        """Raises BlobMissing when the blob was deleted meanwhile."""
        if self.keys[key]:
            raise BlobMissing(detail=f"{key} was deleted while it was written")

    def end(self, key: str) -> None:
        self.keys.pop(key, None)


@contextmanager
def reached(pieces: Pieces | None = None) -> Iterator[None]:
    """A server that cannot be reached, or breaks off, is a store that failed; what the blocks of an upload raised is not."""
    try:
        yield
    except OSError as broken:
        if pieces is not None and pieces.failure is not None:
            raise
        raise StoreFailed(detail=str(broken)) from broken


def content_range(start: int, length: int | None) -> dict[str, str]:
    """The header that asks for a part; none for the whole."""
    if start == 0 and length is None:
        return {}
    return {"Range": f"bytes={start}-{'' if length is None else start + length - 1}"}


async def part(blocks: AsyncIterator[bytes], start: int, length: int | None) -> AsyncGenerator[bytes, None]:
    """A part of what comes as a whole; what is behind it is not waited for."""
    at, end = 0, None if length is None else start + length
    async for block in blocks:
        wanted = block[max(0, start - at):None if end is None else max(0, end - at)]
        at += len(block)
        if wanted:
            yield wanted
        if end is not None and at >= end:
            return


async def exactly(blocks: AsyncIterator[bytes], key: str, length: int | None) -> AsyncGenerator[bytes, None]:
    """The same blocks. Raises BlobMissing when they are not as many bytes as were asked for."""
    came = 0
    async for block in blocks:
        came += len(block)
        yield block
    if length is not None and came != length:
        raise BlobMissing(detail=f"{key} gave {came} bytes instead of {length}")
