"""Tasks, as administrators order and list them: Glance's older way to import."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pileus.core.context import Context
from pileus.image.errors import TaskMarkerInvalid, TaskNotFound
from pileus.image.model import Image, Task, WantedTasks
from pileus.image.service.imports import WEB, Order

if TYPE_CHECKING:
    from pileus.image.service.images import Images


class ImageTasks:
    def __init__(self, images: Images):
        self.images, self.store = images, images.imports.tasks

    async def import_from(self, who: Context, image: Image, uri: str, asked: dict[str, Any]) -> Task:
        """Make an image of what is at an address. When that fails there is no image.

        Raises what creating an image raises, and AddressRefused."""
        self.images.imports.check(WEB)
        async with self.images.kit.db.transaction():
            made = await self.images.create(who, image)
            task = await self.images.imports.begin(who, made, Order(method=WEB, asked=asked, uri=uri, made=True))
        assert task is not None
        return task

    async def get(self, id: str) -> Task:
        """Raises TaskNotFound."""
        task = await self.store.find(id)
        if task is None:
            raise TaskNotFound(id=id)
        return task

    async def page(self, wanted: WantedTasks, marker: str | None) -> list[Task]:
        """Raises TaskMarkerInvalid."""
        if marker is not None:
            after = await self.store.find(marker)
            if after is None:
                raise TaskMarkerInvalid(id=marker)
            wanted = msgspec.structs.replace(wanted, after=after)
        return await self.store.page(wanted)
