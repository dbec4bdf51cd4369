"""Have hosts fetch images before a server needs them. Each host does what it can: one that cannot is told of in the log, and
fetches the image when a server comes, as it would have done anyway."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

import msgspec

from pileus.compute.sagas.conductor import Conductor
from pileus.core.errors import CloudError
from pileus.core.log import Log
from pileus.core.saga import Saga, Step

log = Log("pileus.compute.image_cache")


class CacheImages(msgspec.Struct, kw_only=True):
    hosts: list[str]
    images: list[str]


async def fetch(s: CacheImages, c: Conductor) -> None:
    await asyncio.gather(*(_fetch_on(host, s.images, c) for host in s.hosts))


async def _fetch_on(host: str, images: list[str], c: Conductor) -> None:
    """One after the other: a host's line to the image service is its servers' too."""
    for image in images:
        try:
            await c.agent(host).cache_image(image)
        except CloudError as refused:
            log.warning("an image was not cached", host=host, image=image, error=str(refused))


async def failed(s: CacheImages, c: Conductor, error: CloudError) -> None:
    """Nothing was begun that would have to be put right."""


CACHE_IMAGES = Saga(name="aggregate.cache_images", state=CacheImages, failed=failed, steps=[Step(fetch)])
