"""Images in another format: inspected by us, then converted by qemu-img, which is told the format and never guesses it.

What cannot be converted stays as it is: boot media (an ISO in another format is none), containers whose inside nobody has
looked at, and disks that are only ever bytes (kernels, ramdisks).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from pileus.core.errors import Invalid
from pileus.image.formats import check, inspect, qemu_img
from pileus.image.model import OPAQUE_CONTAINERS, UNFORMATTED_DISKS, Image

#: Formats that images may be converted to.
TARGETS = ("raw", "qcow2", "vmdk", "vhd", "vhdx", "vdi")
MIB = 1 << 20
_SAME = frozenset({"raw", "gpt"})


class NotConverted(Invalid):
    code, message = "image.not_converted", "The image cannot be converted from {source} to {target}."


class ConvertedTooLarge(Invalid):
    code, message = "image.converted_too_large", "As {target} the image has {size} bytes, more than the {limit} allowed."


def needed(image: Image, target: str) -> bool:
    """Whether the image is to be converted."""
    kind = image.disk_format
    return not (kind == target or kind in UNFORMATTED_DISKS or kind in ("iso", "luks") or {kind, target} <= _SAME
                or image.container_format in OPAQUE_CONTAINERS)


async def convert(source: Path, declared: str, target: Path, wanted: str, *, most_bytes: int,
                  progress: Callable[[int], None] | None = None) -> None:
    """Write `target`, at most so large; `progress` hears the percentages. Leaves nothing when it fails.

    Raises what `formats.check` raises, ConvertedTooLarge or NotConverted."""
    found = await asyncio.to_thread(inspect, source)
    check(declared, found)
    if wanted == "raw" and found.virtual_size > most_bytes:
        raise ConvertedTooLarge(target=wanted, size=found.virtual_size, limit=most_bytes)
    limits = msgspec.structs.replace(qemu_img.WRITING, file_size_mb=-(-most_bytes // MIB))
    try:
        await qemu_img.convert(str(source.absolute()), declared, str(target.absolute()), wanted, limits=limits, progress=progress)
    except qemu_img.QemuImgFailed as failed:
        raise NotConverted(source=declared, target=wanted, detail=failed.detail) from failed
