"""VMware's format. Only images that are one file: sparse with a descriptor inside (monolithicSparse, streamOptimized).

A descriptor names the files that make up the disk, and QEMU opens what it names (CVE-2022-47951, OSSA-2023-002). So a
descriptor alone is refused, as is every other kind of disk, a parent, and an extent with a path. Where QEMU searches the
text for a word, so do we, rather than parse it better than QEMU does and come to something else.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterator

from pileus.image.formats.parsing import MOST, SECTOR, Damaged, End, Verdict, Want, field, fields

ALLOWED = frozenset({"monolithicsparse", "streamoptimized"})
_AT_END = (1 << 64) - 1
_EXTENT = re.compile(r"(?:RW|RDONLY|NOACCESS)\s+\S+\s+(\S+)\s*(.*)", re.IGNORECASE)
_LARGEST_SECTORS = 1 << 50


def parse():
    data = yield Want(0, 4096)
    if data[:4] == b"COWD":
        return Verdict(SECTOR * field(data, "<I", 12), ("it is an extent of a disk of several files",))
    if data[:4] != b"KDMV":
        return Verdict(0, ("it is a descriptor that names other files",)) if _is_descriptor(data) else None
    version, flags, capacity, grain, descriptor_at, descriptor_sectors, _, _, table_at = fields(data, "<IIQQQQIQQ", 4)
    problems = []
    if version not in (1, 2, 3):
        problems.append(f"version {version} of VMDK is not known")
    if not capacity:
        # QEMU then reads the descriptor as one that names other files.
        problems.append("it has no capacity of its own")
    if not grain or grain & (grain - 1) or grain > 1 << 20 or capacity > _LARGEST_SECTORS:
        problems.append("its sizes are not possible")
    if not descriptor_at or not 0 < descriptor_sectors * SECTOR <= MOST:
        raise Damaged("it has no descriptor, or too long a one")
    text = yield Want(descriptor_at * SECTOR, descriptor_sectors * SECTOR)
    if len(text) < descriptor_sectors * SECTOR:
        raise Damaged("the descriptor is cut off")
    problems += _descriptor_problems(text)
    tail, _ = yield End(3 * SECTOR)
    if table_at == _AT_END:
        # The header proper is then at the end, and it is the one that counts.
        footer = tail[SECTOR:]
        if footer[:4] != b"KDMV" or len(tail) < 3 * SECTOR:
            problems.append("its footer is missing")
        elif fields(footer, "<IIQQQQ", 4) != (version, flags, capacity, grain, descriptor_at, descriptor_sectors):
            problems.append("its footer differs from its header")
    return Verdict(SECTOR * capacity, tuple(problems))


def _is_descriptor(data: bytes) -> bool:
    """Whether QEMU would take the text for a descriptor: comments and empty lines, then a version."""
    if data[:21].lower() == b"# disk descriptorfile":
        return True
    for line in data.split(b"\n"):
        line = line.strip()
        if line and not line.startswith(b"#"):
            return line.lower().startswith(b"version=") and (b"createtype" in data.lower() or b"cid=" in data.lower())
    return False


def _descriptor_problems(raw: bytes) -> Iterator[str]:
    text = raw.decode("latin-1")
    lower = text.lower()
    kinds = re.findall(r'createtype\s*=\s*"([^"\n]{0,64})"', lower)
    if lower.count("createtype") != 1 or len(kinds) != 1:
        yield "its descriptor does not say once what kind of disk it is"
    elif kinds[0] not in ALLOWED:
        yield f"it is of the kind {kinds[0]!r}, which names other files"
    if "parentfilenamehint" in lower or re.search(r"parentcid\s*=\s*(?!ffffffff\b)", lower):
        yield "it has a parent"
    extents = [found for line in text.split("\0", 1)[0].splitlines() if (found := _EXTENT.match(line.strip()))]
    if len(extents) != 1:
        yield f"it has {len(extents)} extents instead of one"
    for extent in extents:
        if extent[1].upper() != "SPARSE":
            yield f"it has an extent of the kind {extent[1][:20]!r}"
        if not re.fullmatch(r'"[^"/\\:]+"', extent[2]):
            yield "its extent names another file"
