"""Image files for a host. Where it shares the image store's file system they are hard links, so no byte is copied and a guest
keeps its base when the image is deleted; from other stores they are copied once."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from pileus.core.context import EVERYONE
from pileus.core.errors import NotFound
from pileus.image.backends.file import FileStore
from pileus.image.service import Images

#: How long a copy stays that no guest uses: another guest may be made of the image.
KEPT = timedelta(days=1)
#: The folder, beside the files, of those that are still being copied.
ARRIVING = "arriving"


class LocalImages:
    """The `ImageSource` of compute agents in the process of the image service."""

    def __init__(self, images: Images, folder: Path):
        self.images, self.folder = images, folder
        self.arriving = FileStore([folder / ARRIVING], images.workers)
        self.started = False
        self.asked: dict[str, datetime] = {}        # when each file was last wanted

    async def path(self, image_id: str) -> str:
        """Raises ImageNotFound, or ImageInWrongState while the image has no bytes. Repeatable."""
        link = self.folder / image_id
        self.asked[image_id] = self.images.kit.clock.now()
        if not link.exists():
            stored = await self.images.local_path(image_id)
            if stored is not None:
                await asyncio.to_thread(_link, stored, link)
            else:
                await self._fetch(image_id, link)
        return str(link)

    async def _fetch(self, image_id: str, link: Path) -> None:
        """A copy of an image that is in no store of this host. Any number may do it at once: the last one stays."""
        if not self.started:
            self.started = True
            self.arriving.start()
            for key in await self.arriving.keys():                         # what a crash cut off
                await self.arriving.delete(key)
        key = self.images.kit.ids.uuid()
        await self.arriving.put(key, self.images.cache.verified(await self.images.get(image_id, EVERYONE)))
        self.arriving.path(key).replace(link)

    async def store(self, image_id: str, file: Path) -> None:
        """Fill an image that `Snapshots.begin` made. Repeatable."""
        await self.images.snapshots.fill(image_id, self.images.snapshots.blocks(file))

    async def prune(self, used: set[str]) -> int:
        """Remove links that no guest uses and that are all that is left of their image, and copies that nobody wanted for long."""
        alone = [p for p in self.folder.glob("*") if p.is_file() and str(p) not in used and p.stat().st_nlink == 1]
        gone = [p for p in alone if not await self._worth_keeping(p.name)]
        for path in gone:
            path.unlink(missing_ok=True)
            self.asked.pop(path.name, None)
        return len(gone)

    async def _worth_keeping(self, image_id: str) -> bool:
        """A file that was here before this process began counts as wanted now."""
        try:
            await self.images.get(image_id, EVERYONE)
        except NotFound:
            return False
        now = self.images.kit.clock.now()
        return now - self.asked.setdefault(image_id, now) < KEPT


def _link(stored: Path, link: Path) -> None:
    """A second name for the file; on another file system a copy, complete before it gets its name. Any number may do it at once."""
    link.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(stored, link)
    except FileExistsError:
        return
    except OSError:
        handle, new = tempfile.mkstemp(dir=link.parent)
        os.close(handle)
        copy_sparse(stored, new)
        os.replace(new, link)


def copy_sparse(source: Path, target: Path | str) -> None:
    """Copy a file without filling its holes."""
    with source.open("rb") as old, open(target, "wb") as new:
        size, at = os.fstat(old.fileno()).st_size, 0
        os.ftruncate(new.fileno(), size)
        while at < size:
            try:
                begin = os.lseek(old.fileno(), at, os.SEEK_DATA)
            except OSError as nothing:
                if nothing.errno != errno.ENXIO:
                    raise
                return                                                     # the rest is a hole
            at = os.lseek(old.fileno(), begin, os.SEEK_HOLE)
            os.lseek(new.fileno(), begin, os.SEEK_SET)
            while begin < at:
                begin += os.sendfile(new.fileno(), old.fileno(), begin, at - begin)
