"""Copies of images on this host, so that what is in a distant store is fetched from there once.

A copy has a row of its host (`node`) before it has a file; a file without a row is nobody's and is pruned. Whether a caller may
have an image was decided before anybody looks here. Images in a store of this host are read where they are; when somebody wants
them cached all the same, the copy is a second name of the file wherever that is possible.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from pileus.core.context import EVERYONE
from pileus.core.errors import CloudError
from pileus.core.kit import Kit
from pileus.core.log import Log
from pileus.image.backends.file import FileStore
from pileus.image.backends.work import Workers
from pileus.image.config import ImageConfig
from pileus.image.errors import CacheAbsent, ImageNotCached, NotCacheable
from pileus.image.model import ACTIVE, Cached, Image
from pileus.image.service.proof import proven
from pileus.image.service.reading import Reading
from pileus.image.store.cached import CachedImages
from pileus.image.store.images import Images as ImageStore

log = Log("pileus.image.cache")


class Pruned(NamedTuple):
    """How many copies were removed, and how many bytes they had."""

    files: int
    size: int


class Cache:
    def __init__(self, kit: Kit, config: ImageConfig, store: ImageStore, reading: Reading, files: FileStore, workers: Workers):
        self.kit, self.config, self.store, self.reading, self.files, self.workers = kit, config, store, reading, files, workers
        self.copies = CachedImages(kit.db, kit.sagas.owner)

    @property
    def enabled(self) -> bool:
        return self.config.cache_max_bytes > 0

    # ---- for administrators ------------------------------------------------------------------------------------------
    async def all(self) -> list[Cached]:
        """Cached and queued images of this host. Raises CacheAbsent."""
        self._there()
        return await self.copies.all()

    async def queue(self, image: Image) -> None:
        """Have an image cached soon; one that is cached stays so. Raises CacheAbsent or NotCacheable."""
        self._there()
        if image.status != ACTIVE:
            raise NotCacheable(id=image.id, status=image.status)
        await self._queue(image.id)

    async def remove(self, image_id: str) -> None:
        """Raises CacheAbsent, or ImageNotCached when it is neither cached nor queued."""
        self._there()
        if await self.copies.find(image_id) is None:
            raise ImageNotCached(id=image_id)
        await self.drop(image_id)

    async def nodes(self, image: Image) -> list[str]:
        """The hosts that have a copy. Raises CacheAbsent."""
        self._there()
        return await self.copies.nodes(image.id)

    async def tidy(self) -> None:
        """Raises CacheAbsent."""
        self._there()
        await self.clean()

    async def shrink(self) -> Pruned:
        """Raises CacheAbsent."""
        self._there()
        return await self.prune()

    async def clear(self, *, cached: bool, queued: bool) -> None:
        """Forget all that is cached, or queued, or both. Raises CacheAbsent."""
        for copy in await self.all():
            if cached if copy.cached_at is not None else queued:
                await self.drop(copy.image_id)

    # ---- for the image service ---------------------------------------------------------------------------------------
    async def read(self, image: Image, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes of an image: the copy's when there is one; else the image is queued for the next time, if that is worth it."""
        if await self.file(image) is not None:
            return self.files.read(image.id, start, length)
        if self.enabled and self.reading.path(image) is None:
            await self._queue(image.id)
        return self.reading.blocks(image, start, length)

    async def file(self, image: Image) -> Path | None:
        """The copy of an image that is in no store of this host, which is being read now."""
        if not self.enabled or self.reading.path(image) is not None or not await self.copies.hit(image.id, self.kit.clock.now()):
            return None
        file = self.files.path(image.id)
        if not file.exists():                                              # somebody cleaned up by hand
            await self.drop(image.id)
            return None
        return file

    def verified(self, image: Image) -> AsyncGenerator[bytes, None]:
        """The bytes of an image for whoever opens a copy of them. Raises what `proven` raises."""
        return proven(image, self.reading.blocks(image), self.workers, self.config.max_virtual_bytes)

    async def drop(self, image_id: str) -> None:
        """Forget the copy of this host; the rows of others too when the image is gone, see `prune`. Repeatable."""
        await self.copies.remove(image_id)
        await self.files.delete(image_id)

    # ---- by itself ---------------------------------------------------------------------------------------------------
    async def prefetch(self) -> str | None:
        """Cache what is queued, the oldest first. What cannot be cached is not tried again until somebody asks for it."""
        done = failed = 0
        for copy in await self.copies.queued() if self.enabled else []:
            try:
                await self._fetch(copy.image_id)
                done += 1
            except CloudError as failure:
                log.warning("an image could not be cached", image=copy.image_id, why=failure.detail or str(failure))
                await self.drop(copy.image_id)
                failed += 1
        return f"cached {done}, failed {failed}" if done or failed else None

    async def clean(self) -> int:
        """Remove copies of images that are gone, and files of no copy. How many it were."""
        gone = {copy.image_id for copy in await self._cached() if await self.store.find(copy.image_id, EVERYONE) is None}
        gone |= await self.files.keys() - {copy.image_id for copy in await self.copies.all()}
        for image_id in gone:
            await self.drop(image_id)
        return len(gone)

    async def prune(self) -> Pruned:
        """Remove copies that nobody read for too long, and then the least recently read ones until the rest is small enough."""
        left = sorted(await self._cached(), key=lambda copy: copy.accessed_at)
        size, pruned = sum(copy.size or 0 for copy in left), Pruned(0, 0)
        limit = self.kit.clock.now() - timedelta(days=self.config.cache_days) if self.config.cache_days else None
        for copy in left:
            if size > self.config.cache_max_bytes or (limit is not None and copy.accessed_at < limit):
                await self.drop(copy.image_id)
                size -= copy.size or 0
                pruned = Pruned(pruned.files + 1, pruned.size + (copy.size or 0))
        return pruned

    # ---- parts -------------------------------------------------------------------------------------------------------
    async def _cached(self) -> list[Cached]:
        return [copy for copy in await self.copies.all() if copy.cached_at is not None]

    def _there(self) -> None:
        if not self.enabled:
            raise CacheAbsent()

    async def _queue(self, image_id: str) -> None:
        await self.copies.queue(image_id, self.kit.clock.now())
        self.kit.ticker.wake("image", "prefetch_images")

    async def _fetch(self, image_id: str) -> None:
        """Raises what the stores raise; NotCacheable for an image that would not fit."""
        image = await self.store.find(image_id, EVERYONE)
        if image is None or image.status != ACTIVE or (image.size or 0) > self.config.cache_max_bytes:
            raise NotCacheable(id=image_id, status="gone" if image is None else image.status)
        local = self.reading.path(image)
        if local is None or not await self.workers.run(_linked, local, self.files.path(image_id)):
            async with aclosing(self.verified(image)) as blocks:
                await self.files.put(image_id, blocks)
        if not await self.copies.cached(image_id, image.size or 0, self.kit.clock.now()):
            await self.files.delete(image_id)                              # nobody wants it any more


def _linked(file: Path, name: Path) -> bool:
    """Whether the file has a second name now; on another file system it cannot."""
    try:
        name.unlink(missing_ok=True)
        os.link(file, name)
    except OSError:
        return False
    return True

