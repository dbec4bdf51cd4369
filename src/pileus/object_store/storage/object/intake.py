"""A body on its way to a file: hashed by one thread of its device and written by another, while more of it comes.

MD5 is what takes longest, so that all else has to be done beside it. What is in memory of a body is bounded: no more is read than the
device takes, and ahead of it only as long as no other work waits for the device's threads.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from hashlib import md5
from typing import Any

from pileus.object_store.storage.object.files import Writer
from pileus.object_store.storage.threads import Lane, Threads
from pileus.object_store.wire.body import CHUNK

#: What is gathered before it is handed to threads: each time is a hop to them.
GATHER = 4 * CHUNK
#: Pieces that threads have while the next one is gathered: what they are at, and what they go on with at once.
AHEAD = 3


class Intake:
    """A small body stays in memory until `settle`: all there is to do about it is one hop to a thread."""

    def __init__(self, threads: Threads, create: Callable[[], Writer]):
        self.threads, self.create = threads, create
        self.lanes: tuple[Lane, Lane] | None = None
        self.digest: Any = md5(usedforsecurity=False)
        self.size = 0                                   # of what is written
        self.writer: Writer | None = None
        self.pending: list[bytes] = []
        self.under_way: deque[tuple[asyncio.Future[Any], ...]] = deque()

    # ---- in the event loop -------------------------------------------------------------------------------------------
    async def read(self, body: AsyncIterator[bytes] | None, most: int | None) -> int:
        """Take in a body; returns its length. One that is longer than `most` is read until that shows."""
        size = gathered = 0
        if body is None:
            return 0
        async for chunk in body:
            self.pending.append(chunk)
            gathered, size = gathered + len(chunk), size + len(chunk)
            if most is not None and size > most:
                break
            if gathered >= GATHER:
                self._hand_over()
                gathered = 0
                while len(self.under_way) > (0 if self.threads.wanted else AHEAD):
                    await self._oldest()
        return size

    def _hand_over(self) -> None:
        pending, self.pending = self.pending, []
        hashing, writing = self.lanes = self.lanes or (Lane(self.threads), Lane(self.threads))
        self.under_way.append((hashing.run(self._hash, pending), writing.run(self._write, pending)))

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """The result of blocking work on the body, which is begun when all before it is done. Raises what went wrong with that."""
        while self.under_way:
            await self._oldest()
        self.under_way.append((self.threads.run(function, *args),))
        return await self._oldest()

    async def _oldest(self) -> Any:
        result = None
        for work in self.under_way[0]:
            # A thread cannot be stopped: when nobody waits for it any more, its file must not be closed under it (`abort`).
            result = await asyncio.shield(work)
        self.under_way.popleft()
        return result

    async def abort(self) -> None:
        """Leave nothing behind of what has not got its name. Repeatable."""
        for each in self.under_way:
            await asyncio.gather(*each, return_exceptions=True)
        self.under_way.clear()
        if self.writer is not None:
            self.writer.abort()

    # ---- in a thread -------------------------------------------------------------------------------------------------
    def _hash(self, pending: list[bytes]) -> None:
        for chunk in pending:
            self.digest.update(chunk)

    def open(self) -> Writer:
        """Begin to write, if that is not begun. Raises OSError when there is no room for what was announced."""
        if self.writer is None:
            self.writer = self.create()
        return self.writer

    def _write(self, pending: list[bytes]) -> None:
        writer = self.open()
        for chunk in pending:
            writer.write(chunk)
            self.size += len(chunk)

    def settle(self) -> Writer:
        """Hash and write what is in memory still; returns what has all of the body now."""
        self._hash(self.pending)
        self._write(self.pending)
        self.pending = []
        return self.open()
