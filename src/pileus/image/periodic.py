"""What the image service looks after by itself."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.periodic import Periodic
from pileus.image.service import Images


async def sweep_uploads(images: Images) -> str | None:
    """Queue images again whose upload nobody carries on, and remove bytes that belong to no image."""
    return await images.uploads.sweep()


async def expire_tasks(images: Images) -> str | None:
    """Forget the tasks of imports that ended days ago."""
    return await images.imports.expire()


PERIODIC = [
    Periodic(sweep_uploads, every_s=300),
    Periodic(expire_tasks, every_s=3600),
]
