"""Images made of servers: what compute orders before a disk is read, and fills when it is.

Every call may be repeated, and the image's id is the caller's choice: a saga stores it before there is an image. The image
belongs to the server's project whoever asked for it. No rule is enforced here: that was done where the snapshot was asked for.

    await images.snapshots.begin(id, name="s1", owner=server.project_id, disk_format="qcow2", base=server.image_id,
                                 properties={"instance_uuid": server.id, "image_type": "snapshot"})
    await images.snapshots.fill(id, images.snapshots.blocks(path))          # queued → saving → active
    await images.snapshots.cancel(id)                                       # the undo of both
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from pileus.core.context import CLOUD, EVERYONE
from pileus.image.errors import ImageNotFound
from pileus.image.model import PRIVATE, Image
from pileus.image.service.meter import BLOCK

if TYPE_CHECKING:
    from pileus.image.service.images import Images

#: Properties that say something about the bytes of an image, which those of its snapshots are not.
NOT_INHERITED = frozenset({
    "img_signature", "img_signature_hash_method", "img_signature_key_type", "img_signature_certificate_uuid", "base_image_ref",
    "image_location", "image_state", "image_type", "instance_uuid", "owner_id", "user_id", "block_device_mapping", "bdm_v2",
    "root_device_name",
})


class Snapshots:
    def __init__(self, images: Images):
        self.images = images

    async def begin(self, image_id: str, *, name: str, owner: str, disk_format: str | None, base: str | None = None,
                    properties: dict[str, str] | None = None, min_disk: int = 0, min_ram: int = 0) -> Image:
        """A queued, private image of `owner`. It has the properties of the image `base`, if that still exists, under the given ones.

        Raises ImageIdTaken for an id that was somebody else's image or a deleted one, and TooMany."""
        known = await self.images.store.find(image_id, owner)
        if known is not None and known.owner == owner:
            return known
        now = self.images.kit.clock.now()
        inherited = await self._inherited(base)
        return await self.images.create(CLOUD, Image(
            id=image_id, name=name, owner=owner, disk_format=disk_format, container_format="bare", min_disk=min_disk,
            min_ram=min_ram, visibility=PRIVATE, properties=inherited | (properties or {}),
            created_at=now, updated_at=now))

    async def fill(self, image_id: str, data: AsyncIterator[bytes], size: int | None = None) -> Image:
        """Store the bytes of an image that `begin` made; one that has its bytes is left as it is, and `data` unread.

        Raises what an upload raises: afterwards the image is queued and may be filled again. ImageGone or ImageNotFound when it
        was deleted meanwhile."""
        image = await self.images.get(image_id, EVERYONE)
        if not image.has_data:
            await self.images.upload(image, data, size)
            image = await self.images.get(image_id, EVERYONE)
        return image

    async def cancel(self, image_id: str) -> None:
        """Remove the image, its bytes, and whatever upload of it goes on. One that does not exist is removed already."""
        image = await self.images.store.find(image_id, EVERYONE)
        if image is not None:
            await self.images.discard(image)

    async def blocks(self, path: str | os.PathLike[str]) -> AsyncGenerator[bytes, None]:
        """The bytes of a file of this host, read beside the event loop. Nothing else may write to it meanwhile."""
        workers = self.images.workers
        with Path(path).open("rb", buffering=0) as file:
            while block := await workers.run(os.read, file.fileno(), BLOCK):
                yield block

    async def _inherited(self, base: str | None) -> dict[str, str]:
        if base is None:
            return {}
        try:
            image = await self.images.get(base, EVERYONE)
        except ImageNotFound:
            return {"base_image_ref": base}
        return {name: value for name, value in image.properties.items() if name not in NOT_INHERITED} | {"base_image_ref": base}
