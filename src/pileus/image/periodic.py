"""What the image service looks after by itself."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.periodic import Periodic
from pileus.image.service import Images


async def sweep_uploads(images: Images) -> str | None:
    """Queue images again whose upload nobody carries on, and remove bytes that belong to no image."""
    return await images.uploads.sweep()


PERIODIC = [
    Periodic(sweep_uploads, every_s=300),
]
