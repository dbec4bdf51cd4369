"""Bytes that are to be opened on this host, held once more against what their image is: a distant store may have others by now."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

from pileus.image.backends.base import BlobMissing
from pileus.image.backends.work import Workers
from pileus.image.model import Image
from pileus.image.service.meter import Meter


async def proven(image: Image, blocks: AsyncGenerator[bytes, None], workers: Workers,
                 max_virtual_bytes: int) -> AsyncGenerator[bytes, None]:
    """The same bytes. Raises behind the last one: BlobMissing when they are not the image, of which never more come than it has, and
    ContentRefused when they may not be used as what it is declared to be."""
    known = image.os_hash_algo if image.os_hash_value is not None and image.os_hash_algo in hashlib.algorithms_available else None
    meter = Meter(image, workers, algorithm=known or "sha512")
    async with aclosing(blocks), aclosing(meter.through(blocks)) as metered:
        async for block in metered:
            if image.size is not None and meter.size > image.size:
                break
            yield block
    others = BlobMissing(detail=f"image {image.id} was read with other bytes than it was stored with")
    if image.size is not None and meter.size != image.size:
        raise others
    received = await meter.finish(max_virtual_bytes)
    if known is not None and received.os_hash_value != image.os_hash_value:
        raise others
