"""A body that is handed on chunk by chunk, to one of several readers who go at their own pace."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

#: Chunks that wait for a reader who is slower than the others.
AHEAD = 8


class Feed:
    """One reader's body. `wanted` is set by the first read: whoever takes the body has agreed to it."""

    def __init__(self) -> None:
        self.wanted = asyncio.Event()
        self.queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(AHEAD)

    def __aiter__(self) -> Feed:
        return self

    async def __anext__(self) -> bytes:
        self.wanted.set()
        item = await self.queue.get()
        if isinstance(item, bytes):
            return item
        if item is None:
            raise StopAsyncIteration
        raise item

    async def give(self, item: bytes | Exception | None) -> None:
        """The next chunk, None for the end, or why there will be no more. Waits while the reader is far behind."""
        if self.queue.full():
            await self.queue.put(item)
        else:
            self.queue.put_nowait(item)


class Once:
    """A body that may be offered to several readers in turn, as long as none of them has begun to read it."""

    def __init__(self, body):
        self.body, self.begun = body, False

    def __aiter__(self) -> Once:
        return self

    async def __anext__(self) -> bytes:
        self.begun = True
        return await self.body.__anext__()
