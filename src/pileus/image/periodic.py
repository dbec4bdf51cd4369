"""What the image service looks after by itself."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.periodic import Periodic
from pileus.image.service import Images


async def sweep_uploads(images: Images) -> str | None:
    """Queue images again whose upload nobody carries on, and remove bytes that belong to no image."""
    return await images.uploads.sweep()


async def sweep_working_files(images: Images) -> str | None:
    """Remove what imports that have ended left in the folder they work in."""
    removed = await images.imports.refining.sweep()
    return f"removed {removed}" if removed else None


async def expire_tasks(images: Images) -> str | None:
    """Forget the tasks of imports that ended days ago."""
    return await images.imports.expire()


async def scrub_images(images: Images) -> str | None:
    """Remove the bytes of images that were deleted long enough ago."""
    return await images.scrubbing.scrub()


async def prefetch_images(images: Images) -> str | None:
    """Cache the images that are queued for it."""
    return await images.cache.prefetch()


async def prune_cache(images: Images) -> str | None:
    """Remove cached copies that are too old, too many, or of images that are gone."""
    removed = await images.cache.clean() + (await images.cache.prune()).files
    return f"removed {removed}" if removed else None


PERIODIC = [
    Periodic(sweep_uploads, every_s=300),
    Periodic(sweep_working_files, every_s=900),
    Periodic(scrub_images, every_s=300),
    Periodic(prefetch_images, every_s=300),
    Periodic(prune_cache, every_s=1800),
    Periodic(expire_tasks, every_s=3600),
]
