"""How much of the image service a project may use: bytes, bytes that are staged, images, uploads at once.

The limits are this service's configuration, or identity's (`unified_limits`). Whoever counts holds the project first, in the
transaction that adds what was counted: so two requests never both take what is left.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.image.config import ImageConfig
from pileus.image.errors import ImagesOverQuota, StorageOverQuota, UploadsOverQuota
from pileus.image.store.images import Images as ImageStore

MIB = 1 << 20
#: What identity calls a limit → (what it is of, in which unit identity counts it)
UNIFIED = {"image_size_total": ("size", MIB), "image_stage_total": ("staged", MIB), "image_count_total": ("images", 1),
           "image_count_uploading": ("uploading", 1)}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """None: any number."""

    size: int | None = None                 # bytes of all images, staged ones included
    staged: int | None = None               # bytes that wait for their import
    images: int | None = None
    uploading: int | None = None            # uploads at once


class Quotas:
    def __init__(self, config: ImageConfig, store: ImageStore, identity: Any = None):
        """`identity` keeps the limits when the configuration says so."""
        self.config, self.store = config, store
        self.identity: Any = identity if config.unified_limits else None

    async def limits(self, owner: str | None) -> Limits:
        """What nobody owns (the cloud's own images) counts against nobody."""
        if owner is None:
            return Limits()
        if self.identity is not None:
            return await self._unified(owner)
        config = self.config
        return Limits(size=config.quota_bytes or None, staged=config.max_staged_bytes or None,
                      images=config.max_images or None, uploading=config.max_uploads or None)

    async def usage(self, owner: str | None) -> dict[str, tuple[int, int | None]]:
        """What a project has of everything that is limited, and its limit, by identity's names and in identity's units."""
        limits, store = await self.limits(owner), self.store
        has = {"size": await store.used(owner), "staged": await store.used(owner, staged=True), "images": await store.count(owner),
               "uploading": await store.count(owner, uploading=True)}
        found = {}
        for name, (what, unit) in UNIFIED.items():
            limit = getattr(limits, what)
            found[name] = (has[what] // unit, None if limit is None else limit // unit)
        return found

    async def left(self, owner: str | None, *, staged: bool = False) -> int | None:
        """Bytes that a project may add, or stage; None: any number."""
        left = [max(0, limit - used) for limit, used in await self._bytes(owner, staged)]
        return min(left, default=None)

    async def one_more_image(self, owner: str | None) -> None:
        """In the transaction that adds it. Raises ImagesOverQuota."""
        limit = (await self.limits(owner)).images
        if limit is not None:
            await self.store.hold(owner)
            if await self.store.count(owner) >= limit:
                raise ImagesOverQuota(limit=limit)

    async def one_more_upload(self, owner: str | None) -> None:
        """In the transaction that begins it. Raises UploadsOverQuota."""
        limit = (await self.limits(owner)).uploading
        if limit is not None:
            await self.store.hold(owner)
            if await self.store.count(owner, uploading=True) >= limit:
                raise UploadsOverQuota(limit=limit)

    async def more_bytes(self, owner: str | None, size: int, *, staged: bool = False) -> None:
        """In the transaction that keeps them. Raises StorageOverQuota."""
        limits = await self.limits(owner)
        if limits.size is not None or (staged and limits.staged is not None):
            await self.store.hold(owner)
            for limit, used in await self._bytes(owner, staged):
                if used + size > limit:
                    raise StorageOverQuota(left=max(0, limit - used))

    async def _bytes(self, owner: str | None, staged: bool) -> list[tuple[int, int]]:
        """(limit, how much of it is used) of each limit that bytes count against."""
        limits = await self.limits(owner)
        found = [] if limits.size is None else [(limits.size, await self.store.used(owner))]
        if staged and limits.staged is not None:
            found.append((limits.staged, await self.store.used(owner, staged=True)))
        return found

    async def _unified(self, project_id: str) -> Limits:
        """What nobody registered nobody may have any of; a negative limit is none."""
        services = {service.id for service in await self.identity.services.list_services([]) if service.type == "image"}
        registered = {one.id: one for one in await self.identity.limits.list_registered([])
                      if one.service_id in services and one.resource_name in UNIFIED}
        found = dict.fromkeys(UNIFIED, 0) | {one.resource_name: one.default_limit for one in registered.values()}
        for limit, of in await self.identity.limits.matching({project_id}, []):
            if of.id in registered:
                found[of.resource_name] = limit.resource_limit
        return Limits(**{UNIFIED[name][0]: None if limit < 0 else limit * UNIFIED[name][1] for name, limit in found.items()})
