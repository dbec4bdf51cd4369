"""Images on hosts before a server needs them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.compute.sagas.cache_images import CACHE_IMAGES, CacheImages
from pileus.compute.service.aggregates import Aggregates
from pileus.core.kit import Kit


class ImageCaches:
    def __init__(self, kit: Kit, aggregates: Aggregates):
        self.kit, self.aggregates = kit, aggregates

    async def fetch(self, aggregate_id: int, images: list[str]) -> None:
        """Begin to fetch the images on every host of an aggregate. Raises AggregateNotFound."""
        aggregate = await self.aggregates.get(aggregate_id)
        async with self.kit.db.transaction():
            await self.kit.sagas.begin(CACHE_IMAGES, aggregate.uuid, CacheImages(hosts=list(aggregate.hosts), images=images))
