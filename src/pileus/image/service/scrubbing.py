"""Delayed delete: the bytes of a deleted image are kept for a while, in which an administrator can take it back.

To everybody else the image is gone at once, and counts against no quota. Who removes the row of a deleted image, to scrub it or to
restore it, is the only one who may touch its bytes.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

import msgspec

from pileus.core.db import Duplicate
from pileus.core.kit import Kit
from pileus.image.backends.stores import Stores
from pileus.image.config import ImageConfig
from pileus.image.errors import ImageIdTaken, ImageNotFound
from pileus.image.model import DeletedImage, Image
from pileus.image.store.deleted import DeletedImages
from pileus.image.store.images import Images as ImageStore
from pileus.image.store.members import Members


class Scrubbing:
    def __init__(self, kit: Kit, config: ImageConfig, store: ImageStore, members: Members, stores: Stores):
        self.kit, self.config, self.store, self.members, self.stores = kit, config, store, members, stores
        self.deleted = DeletedImages(kit.db)

    async def keep(self, image: Image) -> bool:
        """In the transaction that deletes an image: keep what it was. False when its bytes are to go at once."""
        if not self.config.delayed_delete_s or not image.has_data:
            return False
        now = self.kit.clock.now()
        await self.deleted.add(DeletedImage(
            id=image.id, image=image, members=await self.members.all(image.id), places=image.places, deleted_at=now,
            scrub_at=now + timedelta(seconds=self.config.delayed_delete_s)))
        return True

    async def restore(self, image_id: str) -> Image:
        """The image is what it was when it was deleted, members and all. Raises ImageNotFound when its bytes are gone."""
        async with self.kit.db.transaction():
            found = await self.deleted.find(image_id)
            if found is None or not await self.deleted.remove(image_id):
                raise ImageNotFound(id=image_id)
            await self.store.unspend(image_id)
            image = msgspec.structs.replace(found.image, updated_at=self.kit.clock.now())
            try:
                await self.store.add(image)
            except Duplicate as taken:
                raise ImageIdTaken(id=image_id) from taken
            for member in found.members:
                await self.members.add(member)
        return image

    async def scrub(self) -> str | None:
        """Remove the bytes of images that were deleted long enough ago. What a crash leaves of them the sweep finds."""
        scrubbed = 0
        for one in await self.deleted.due(self.kit.clock.now()):
            if await self.deleted.remove(one.id):
                for place in one.places:
                    await self.stores.discard(place.store, place.key)
                scrubbed += 1
        return f"scrubbed {scrubbed}" if scrubbed else None
