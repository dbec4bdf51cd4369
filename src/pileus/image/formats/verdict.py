"""Whether an image may be used as what it was declared to be."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Invalid
from pileus.image.formats.inspector import PLAIN, Found

#: What each declared disk format may turn out to be. Raw is whatever QEMU reads byte by byte when told to, and nothing that
#: a tool could take for another format (OSSA-2024-002): an ISO must be declared as one.
ACCEPTED: dict[str, frozenset[str]] = {
    "raw": PLAIN, "ami": PLAIN, "aki": PLAIN, "ari": PLAIN,
    "gpt": frozenset({"gpt", "mbr"}), "luks": frozenset({"luks"}), "iso": frozenset({"iso"}),
    "qcow2": frozenset({"qcow2"}), "vmdk": frozenset({"vmdk"}), "vhd": frozenset({"vhd"}), "vhdx": frozenset({"vhdx"}),
    "vdi": frozenset({"vdi"}), "ploop": frozenset({"ploop"}),
}


class FormatUnknown(Invalid):
    code, message = "image.format_unknown", "Disk format {declared} is not supported."


class FormatMismatch(Invalid):
    code, message = "image.format_mismatch", "The image was declared as {declared}, but its content is {found}."


class ImageUnsafe(Invalid):
    code, message = "image.unsafe", "The {found} image is refused: {problems}."


class ImageTooLarge(Invalid):
    code, message = "image.too_large", "The image has a virtual size of {size} bytes, more than the {limit} allowed."


def check(declared: str | None, found: Found, *, max_virtual_bytes: int | None = None) -> None:
    """Raise unless an image with this content may be used as what it was declared to be."""
    accepted = ACCEPTED.get(declared or "")
    if accepted is None:
        raise FormatUnknown(declared=declared)
    if found.format not in accepted:
        raise FormatMismatch(declared=declared, found=found.format)
    if not found.safe:
        raise ImageUnsafe(found=found.format, problems="; ".join(found.problems))
    if max_virtual_bytes is not None and found.virtual_size > max_virtual_bytes:
        raise ImageTooLarge(size=found.virtual_size, limit=max_virtual_bytes)
