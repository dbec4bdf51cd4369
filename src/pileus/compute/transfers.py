"""Disks on their way: from a guest into an image, and from one host to another.

What lies in the agent's work folder belongs to a call that runs; when an agent starts, none does, and the folder is emptied.
Hosts need no common file system: the destination reads the source's files over the bus, a piece at a time.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pileus.compute.hypervisor.base import GuestNotFound, GuestSpec, GuestState, Hypervisor, Moves, TakesSnapshots
from pileus.compute.interface import ComputeAgent, Exported
from pileus.core.bus import Bus
from pileus.core.errors import NotImplementedHere

T = TypeVar("T")
PIECE = 1 << 22
#: What is shorter is read and written at once: a thread would take longer.
SHORT = 1 << 16


class Transfers:
    def __init__(self, driver: Hypervisor, images: Any, bus: Bus, work: Path):
        self.driver, self.images, self.bus, self.work = driver, images, bus, work

    def start(self) -> None:
        """Remove what calls that were cut off have left."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True, mode=0o700)

    async def snapshot(self, guest_id: str, image_id: str, format: str) -> None:
        """Copy the guest's root disk into the image. Repeatable; the image is filled once."""
        if not isinstance(self.driver, TakesSnapshots):
            raise NotImplementedHere("The hypervisor of this server's host takes no snapshots.")
        with _folder(self.work / f"image-{image_id}") as folder:
            await self.driver.snapshot(guest_id, folder / "disk", format)
            await self.images.store(image_id, folder / "disk")

    async def receive(self, guest: GuestSpec, source: str) -> GuestState:
        """Fetch the guest's disks from the host `source`, which keeps them, and make the guest of them."""
        other = ComputeAgent.at(source, self.bus)
        with _folder(self.work / f"import-{guest.id}") as folder:
            try:
                for file in await other.export(guest.id):
                    await self._fetch(other, guest.id, file, folder)
            finally:
                await other.drop_export(guest.id)
            return await self._moves().import_(guest, folder)

    async def export(self, guest_id: str) -> list[Exported]:
        """Make the files that `read` reads, in place of older ones."""
        await self.drop(guest_id)
        folder = self._export(guest_id)
        folder.mkdir(mode=0o700)
        try:
            await self._moves().export(guest_id, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return [Exported(name=file.name, size=file.stat().st_size) for file in sorted(folder.iterdir())]

    async def read(self, guest_id: str, name: str, offset: int) -> bytes:
        """A piece of an exported file; nothing behind its end. Raises GuestNotFound when there is no such file."""
        path = self._export(guest_id) / Path(name).name
        if not path.is_file():
            raise GuestNotFound(id=guest_id)
        return await _beside(path.stat().st_size - offset, _piece, path, offset)

    async def drop(self, guest_id: str) -> None:
        folder = self._export(guest_id)
        if folder.exists():
            await _beside(sum(file.stat().st_size for file in folder.iterdir()), shutil.rmtree, folder)

    async def _fetch(self, other: ComputeAgent, guest_id: str, file: Exported, folder: Path) -> None:
        """Pieces of nothing but zeros become holes."""
        path = folder / Path(file.name).name
        with path.open("wb") as to:
            to.truncate(file.size)
            for offset in range(0, file.size, PIECE):
                piece = await other.read_export(guest_id, file.name, offset)
                if piece.count(0) != len(piece):
                    to.seek(offset)
                    await _beside(len(piece), to.write, piece)

    def _export(self, guest_id: str) -> Path:
        return self.work / f"export-{Path(guest_id).name}"

    def _moves(self) -> Moves:
        if not isinstance(self.driver, Moves):
            raise NotImplementedHere("The hypervisor of this server's host cannot hand guests to other hosts.")
        return self.driver


async def _beside(size: int, work: Callable[..., T], *args: Any) -> T:
    """Do the work in a thread when there is much of it."""
    return await asyncio.to_thread(work, *args) if size > SHORT else work(*args)


def _piece(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(PIECE)


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """An empty folder that is gone afterwards."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
