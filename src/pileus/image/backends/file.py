"""Blobs as files of one folder, or of several: a blob goes where most space is left."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from pathlib import Path

from pileus.image.backends.base import BlobMissing, StoreFull
from pileus.image.backends.work import Workers

BLOCK = 1 << 20
PART = ".part"
#: The smallest hole that is worth one.
HOLE = 64 << 10
ZEROS = bytes(HOLE)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FileStore:
    """`KEY.part` while bytes come, renamed to `KEY` when all of them are on the disk. Longer runs of zeros become holes."""

    def __init__(self, folders: Sequence[Path], workers: Workers):
        self.folders, self.workers = folders, workers

    def start(self) -> None:
        for folder in self.folders:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, key: str) -> Path:
        found = self._paths(key)
        return next((path for path in found[1:] if path.exists()), found[0])

    async def put(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        final = self._paths(key)[self._roomiest()]
        part = final.with_name(key + PART)
        file = _create(part)
        work: Awaitable[None] | None = None
        try:
            async for block in blocks:
                await _finished(work)
                work = self.workers.start(_write, file, block)
            await _finished(work)
            work = self.workers.start(_commit, file, part, final)
            await _finished(work)
        except BaseException as failure:
            await _ended(work)
            await self.delete(key)
            if isinstance(failure, OSError) and failure.errno in FULL:
                raise StoreFull(detail=str(failure)) from failure
            if isinstance(failure, FileNotFoundError):
                raise BlobMissing(detail=str(failure)) from failure
            raise
        finally:
            os.close(file)

    async def read(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        try:
            file = os.open(self.path(key), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as absent:
            raise BlobMissing(detail=str(absent)) from absent
        try:
            end = os.fstat(file).st_size if length is None else start + length
            while start < end:
                block = await self.workers.run(os.pread, file, min(BLOCK, end - start), start)
                if not block:
                    raise BlobMissing(detail=f"{key} ends at {start}, before {end}")
                start += len(block)
                yield block
        finally:
            os.close(file)

    async def delete(self, key: str) -> None:
        for final in self._paths(key):
            # In this order a rename in another thread comes too late, or before both.
            final.with_name(key + PART).unlink(missing_ok=True)
            final.unlink(missing_ok=True)

    async def keys(self) -> set[str]:
        return {name.removesuffix(PART) for folder in self.folders for name in await self.workers.run(os.listdir, folder)}

    def _paths(self, key: str) -> list[Path]:
        """Where a blob may be. A key is never a path (OSSA-2015-002)."""
        if not key or "/" in key or key.startswith("."):
            raise BlobMissing(detail=f"key {key!r}")
        return [folder / key for folder in self.folders]

    def _roomiest(self) -> int:
        if len(self.folders) == 1:
            return 0
        space = [found.f_bavail * found.f_frsize for found in map(os.statvfs, self.folders)]
        return space.index(max(space))


def _create(part: Path) -> int:
    return os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)


def _write(file: int, block: bytes) -> None:
    """What is zero is passed over, the rest is written in as few calls as there are pieces of it."""
    at = 0
    while at < len(block):
        end, hole = at, _is_zero(block, at)
        while end < len(block) and _is_zero(block, end) == hole:
            end = min(end + HOLE, len(block))
        if hole:
            os.lseek(file, end - at, os.SEEK_CUR)
        else:
            rest = memoryview(block)[at:end]
            while rest:
                rest = rest[os.write(file, rest):]
        at = end


def _is_zero(block: bytes, at: int) -> bool:
    left = len(block) - at
    return block.startswith(ZEROS if left >= HOLE else bytes(left), at)


def _commit(file: int, part: Path, final: Path) -> None:
    os.ftruncate(file, os.lseek(file, 0, os.SEEK_CUR))      # a hole at the end has no length yet
    os.fsync(file)
    os.rename(part, final)
    folder = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


async def _finished(work: Awaitable[None] | None) -> None:
    """Wait for work that was begun. A cancellation ends the waiting, not the work: its thread has the file."""
    if work is not None:
        await asyncio.shield(work)


async def _ended(work: Awaitable[None] | None) -> None:
    """Wait until the file is nobody's: were it closed under a thread, its number might be another file's by then."""
    if work is not None:
        await asyncio.wait([asyncio.ensure_future(work)])
