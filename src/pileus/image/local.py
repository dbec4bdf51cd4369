"""Image files for a host that shares the image store's file system: hard links, so no byte is copied and a guest keeps its
base when the image is deleted."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from pileus.image.service import Images


class LocalImages:
    """The `ImageSource` of compute agents in the process of the image service."""

    def __init__(self, images: Images, folder: Path):
        self.images, self.folder = images, folder

    async def path(self, image_id: str) -> str:
        """Raises ImageNotFound, or ImageInWrongState while the image has no bytes. Repeatable."""
        link = self.folder / image_id
        if not link.exists():
            stored = await self.images.local_path(image_id)
            await asyncio.to_thread(_link, stored, link)
        return str(link)

    async def store(self, image_id: str, file: Path) -> None:
        """Fill an image that `Snapshots.begin` made. Repeatable."""
        await self.images.snapshots.fill(image_id, self.images.snapshots.blocks(file))

    async def prune(self, used: set[str]) -> int:
        """Remove links that no guest uses and that are all that is left of their image."""
        gone = [p for p in self.folder.glob("*") if str(p) not in used and p.stat().st_nlink == 1]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone)


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
        shutil.copyfile(stored, new)
        os.replace(new, link)
