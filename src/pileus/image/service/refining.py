"""Import plug-ins: bytes that came are unpacked and converted before the image is active.

Each works from a file to a file in a folder of its own; only what is complete takes the place of the bytes that came, under the
same key. So every step may be repeated, and a crash leaves working files at most, which the next sweep removes. A signed image
is left as it is: what is made of it nobody has signed.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec

from pileus.core.context import Context
from pileus.core.kit import Kit
from pileus.image.backends.file import PART, FileStore
from pileus.image.config import ImageConfig
from pileus.image.errors import ImageDataTooLarge
from pileus.image.model import OPAQUE_CONTAINERS, Image
from pileus.image.plugins import conversion, decompression
from pileus.image.sagas.import_image import IMPORT_IMAGE, ImportImage, Refined, described
from pileus.image.service.copies import Copies
from pileus.image.service.signatures import signed
from pileus.image.service.uploads import Uploads

UNPACKED, CONVERTED, WHOLE = "-unpacked", "-converted", "-whole"
#: Percentages between two notes of the progress.
STEP = 5


class Refining:
    def __init__(self, kit: Kit, config: ImageConfig, uploads: Uploads, copies: Copies, work: FileStore):
        """`work` keeps the working files."""
        self.kit, self.config, self.uploads, self.copies, self.work = kit, config, uploads, copies, work
        self.tasks = copies.tasks
        self.plugins: dict[str, Callable[[Image, ImportImage, Refined | None], Awaitable[Refined | None]]] = {
            "image_decompression": self._unpack, "image_conversion": self._convert}

    def injected(self, who: Context) -> dict[str, str]:
        """Properties that an image gets when it is imported by the caller."""
        config = self.config
        if "inject_image_metadata" not in config.import_plugins or set(config.inject_ignored_roles) & set(who.roles):
            return {}
        return dict(config.inject_properties)

    async def refine(self, state: ImportImage) -> Refined | None:
        """Make the file that is to be the image; None when the bytes stay as they came. Repeatable.

        Raises what the plug-ins raise, or ContentRefused for staged bytes that are not what the image was declared to be, and for
        packed ones that no plug-in unpacks any more."""
        image = described(await self.copies.get(state.image_id), state)
        made: Refined | None = None
        if image.container_format not in OPAQUE_CONTAINERS and not signed(image):
            for name in self.config.import_plugins:
                if name in self.plugins:
                    made = await self.plugins[name](image, state, made)
        inspected = image.virtual_size if state.received is None else state.received.virtual_size
        if made is None and inspected is None and image.container_format not in OPAQUE_CONTAINERS:
            async with aclosing(self._blocks(image, None)) as blocks:
                state.received = await self.uploads.look(image, state.blob, blocks)
        return made

    async def replace(self, state: ImportImage, made: Refined) -> None:
        """The file that was made becomes the bytes of the image, inspected and hashed like what came, in the store that those are in.
        Repeatable."""
        image = msgspec.structs.replace(described(await self.copies.get(state.image_id), state), disk_format=made.disk_format)
        async with aclosing(self.work.read(made.key)) as data:
            state.received = await self.uploads.pour(image, state.blob, image.stores[0], data)

    async def drop(self, task_id: str) -> None:
        """Remove the working files of an import. Repeatable."""
        for suffix in (UNPACKED, CONVERTED, WHOLE):
            await self.work.delete(task_id + suffix)

    async def sweep(self) -> int:
        """Remove working files of imports that have ended."""
        keys = await self.work.keys()
        going = {entry.state["task_id"] for entry in await self.kit.sagas.open() if entry.saga == IMPORT_IMAGE.name}
        ended = [key for key in keys if key.rpartition("-")[0] not in going]
        for key in ended:
            await self.work.delete(key)
        return len(ended)

    # ---- plug-ins ----------------------------------------------------------------------------------------------------
    async def _unpack(self, image: Image, state: ImportImage, before: Refined | None) -> Refined | None:
        async with aclosing(self._blocks(image, before)) as blocks:
            if not decompression.packed((await anext(blocks, b""))[:decompression.HEAD]):
                return before
        key = state.task_id + UNPACKED
        await self._note(state, "Decompressing")
        async with (aclosing(self._blocks(image, before)) as blocks,
                    aclosing(decompression.unpacked(blocks, self.uploads.workers)) as pieces,
                    aclosing(_at_most(pieces, await self._room(image))) as bounded):
            await self.work.put(key, bounded)
        return Refined(key=key, disk_format=image.disk_format or "")

    async def _convert(self, image: Image, state: ImportImage, before: Refined | None) -> Refined | None:
        target = self.config.conversion_format
        if not conversion.needed(image, target):
            return before
        key = state.task_id + CONVERTED
        final = self.work.path(key)
        part = final.with_name(key + PART)
        await self.work.delete(key)
        progress = _Progress(lambda percent: self._note(state, f"Converted {percent} %"))
        try:
            await conversion.convert(await self._file(image, state, before), image.disk_format or "", part, target,
                                     most_bytes=await self._room(image), progress=progress)
        finally:
            await progress.noted()
        await self.uploads.workers.run(os.rename, part, final)
        return Refined(key=key, disk_format=target)

    # ---- parts -------------------------------------------------------------------------------------------------------
    def _blocks(self, image: Image, before: Refined | None) -> AsyncGenerator[bytes, None]:
        return self.copies.reading.blocks(image) if before is None else self.work.read(before.key)

    async def _file(self, image: Image, state: ImportImage, before: Refined | None) -> Path:
        """A file with the bytes: qemu-img reads nothing else."""
        if before is not None:
            return self.work.path(before.key)
        if (stored := self.copies.reading.path(image)) is not None:
            return stored
        key = state.task_id + WHOLE
        async with aclosing(self._blocks(image, None)) as blocks:
            await self.work.put(key, blocks)
        return self.work.path(key)

    async def _room(self, image: Image) -> int:
        """How large the image may become. What was staged has been counted already."""
        left = await self.uploads.quotas.left(image.owner)
        most = self.config.max_image_bytes
        return most if left is None else min(most, left + (image.size or 0))

    async def _note(self, state: ImportImage, message: str) -> None:
        await self.tasks.update(state.task_id, self.kit.clock.now(), message=message)


class _Progress:
    """Hears percentages from where nothing can be awaited, and notes some of them."""

    def __init__(self, note: Callable[[int], Awaitable[None]]):
        self.note, self.last = note, 0
        self.notes: list[asyncio.Future[Any]] = []

    def __call__(self, percent: int) -> None:
        if percent >= self.last + STEP:
            self.last = percent
            self.notes.append(asyncio.ensure_future(self.note(percent)))

    async def noted(self) -> None:
        await asyncio.gather(*self.notes)


async def _at_most(pieces: AsyncGenerator[bytes, None], most: int) -> AsyncGenerator[bytes, None]:
    """Raises ImageDataTooLarge when more comes."""
    came = 0
    async for piece in pieces:
        came += len(piece)
        if came > most:
            raise ImageDataTooLarge(limit=most)
        yield piece
