"""Blobs as RBD images of one pool of a Ceph cluster.

The protected snapshot `snap` of an image is made when all its bytes are there: without it there is no blob, and guests' disks are
clones of it. An image that has clones, or a snapshot of somebody else, stays until a sweep finds it without. A pool belongs to one
cloud alone: what is in it and no image's is swept away.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from typing import Any, TypeVar

from pileus.image.backends.base import BlobMissing, StoreFailed
from pileus.image.backends.ceph import Pool
from pileus.image.backends.config import RbdConfig
from pileus.image.backends.pieces import Going
from pileus.image.backends.work import Workers

T = TypeVar("T")
SNAP = "snap"
BLOCK = 4 << 20
#: How much an image grows at once while nobody knows how large it becomes.
GROWTH = 256 << 20


class RbdStore:
    def __init__(self, config: RbdConfig):
        """It has threads of its own: calls wait for a cluster that is away, and other stores must not wait with them."""
        self.pool, self.workers, self.going = Pool(config), Workers(config.threads), Going()

    async def put(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        image = Opened(self.pool, key)
        self.going.begin(key)
        try:
            try:
                await self._run(image.create)
                async for block in blocks:
                    self.going.check(key)
                    await self._run(image.append, block)
                self.going.check(key)
                await self._run(image.complete)
            finally:
                await self._run(image.close)
            self.going.check(key)
        except BaseException:
            with suppress(StoreFailed):                         # what cannot be removed now, the sweep removes
                await self._run(remove, self.pool, key)
            raise
        finally:
            self.going.end(key)

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        image = Opened(self.pool, key)
        try:
            await self._run(image.open)
            end = image.size if length is None else start + length
            while start < end:
                block = await self._run(image.read, start, min(BLOCK, end - start))
                if not block:
                    raise BlobMissing(detail=f"{key} ends at {start}, before {end}")
                start += len(block)
                yield block
        finally:
            await self._run(image.close)

    async def delete(self, key: str) -> None:
        """One that is being written is removed by its writer: nobody else can while it is open. Raises BlobInUse."""
        if key in self.going.keys:
            self.going.stop(key)
        else:
            await self._run(remove, self.pool, key)

    async def keys(self) -> set[str]:
        return set(await self._run(names, self.pool)) | set(self.going.keys)

    async def _run(self, fn: Callable[..., T], *args: Any) -> T:
        """Run it in a thread. A cancellation waits for its end: two threads must never have one image."""
        work = asyncio.ensure_future(self.workers.start(self._told, fn, *args))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            raise

    def _told(self, fn: Callable[..., T], *args: Any) -> T:
        with self.pool.told():
            return fn(*args)


class Opened:
    """An RBD image that one thread at a time reads, or writes from its beginning to its end."""

    def __init__(self, pool: Pool, key: str):
        self.pool, self.key, self.size = pool, key, 0
        self.image: Any = None

    def create(self) -> None:
        """Empty, whatever was there."""
        remove(self.pool, self.key)
        io, rbd = self.pool.io(), self.pool.rbd
        rbd.RBD().create(io, self.key, 0, order=self.pool.config.chunk_order, old_format=False)
        self.image = rbd.Image(io, self.key)

    def open(self) -> None:
        self.image = self.pool.rbd.Image(self.pool.io(), self.key, snapshot=SNAP, read_only=True)
        self.size = self.image.size()

    def append(self, block: bytes) -> None:
        """What is all zeros takes no space."""
        end = self.size + len(block)
        if end > self.image.size():
            self.image.resize(max(end, self.image.size() + GROWTH))
        if block != bytes(len(block)):
            self.image.write(block, self.size)
        self.size = end

    def complete(self) -> None:
        self.image.resize(self.size)
        self.image.flush()
        self.image.create_snap(SNAP)
        self.image.protect_snap(SNAP)

    def read(self, start: int, length: int) -> bytes:
        """Less at the end, and nothing behind it."""
        length = min(length, self.size - start)
        return self.image.read(start, length) if length > 0 else b""

    def close(self) -> None:
        if self.image is not None:
            self.image.close()


def names(pool: Pool) -> list[str]:
    return pool.rbd.RBD().list(pool.io())


def remove(pool: Pool, key: str) -> None:
    """An absent one is removed already. Clones are looked for first: an image that has some is left as it is."""
    io, rbd = pool.io(), pool.rbd
    with suppress(rbd.ImageNotFound), rbd.Image(io, key) as image:
        if any(snapshot["name"] == SNAP for snapshot in image.list_snaps()):
            if image.is_protected_snap(SNAP):
                image.unprotect_snap(SNAP)
            image.remove_snap(SNAP)
    with suppress(rbd.ImageNotFound):
        rbd.RBD().remove(io, key)
