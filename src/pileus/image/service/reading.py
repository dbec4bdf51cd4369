"""Reading the bytes of images: from the store that is preferred, or from the next one that has them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from pileus.image.backends.base import BlobMissing, StoreFailed
from pileus.image.backends.stores import Stores
from pileus.image.model import Image, Place


class Reading:
    def __init__(self, stores: Stores):
        self.stores = stores

    def places(self, image: Image, preferred: tuple[str, ...] = ()) -> list[Place]:
        """Where to read an image from, in that order; stores that are not configured any more are left out."""
        order = list(dict.fromkeys([*preferred, *self.stores.ordered(image.stores)]))
        return sorted((place for place in image.places if place.store in self.stores.all), key=lambda place: order.index(place.store))

    async def blocks(self, image: Image, start: int = 0, length: int | None = None,
                     preferred: tuple[str, ...] = ()) -> AsyncGenerator[bytes, None]:
        """The bytes of an image. A store that fails before its first block is followed by the next one.

        Raises what the last one raised; BlobMissing when there is none."""
        failure: StoreFailed = BlobMissing(detail=f"image {image.id} is in none of the configured stores")
        for place in self.places(image, preferred):
            async with aclosing(self.stores.all[place.store].read(place.key, start, length)) as stream:
                try:
                    block = await anext(stream, b"")
                except StoreFailed as failed:
                    failure = failed
                    continue
                while block:
                    yield block
                    block = await anext(stream, b"")
                return
        raise failure

    def path(self, image: Image) -> Path | None:
        """The file with the bytes, when a store of this host has them."""
        local = self.stores.local
        return next((local[place.store].path(place.key) for place in self.places(image) if place.store in local), None)
