"""VirtualBox (vdi) and Parallels (ploop); and what is recognised only to be refused."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.image.formats.parsing import SECTOR, Damaged, End, Verdict, Want, field, fields

_DYNAMIC, _FIXED = 1, 2


def parse_vdi():
    data = yield Want(0, SECTOR)
    if data[64:68] != b"\x7f\x10\xda\xbe":
        return None
    kind = field(data, "<I", 0x4C)
    size, block, _, blocks = fields(data, "<QIII", 0x170)
    problems = []
    if kind not in (_DYNAMIC, _FIXED):
        problems.append("it is a difference to another disk")
    if any(data[0x1A8:0x1C8]):
        problems.append("it has a parent")
    if len(data) < SECTOR or block < SECTOR or block & (block - 1) or blocks * block < size:
        problems.append("its block map does not fit its virtual size")
    return Verdict(size, tuple(problems))


def parse_ploop():
    data = yield Want(0, 64)
    if data[:16] not in (b"WithoutFreeSpace", b"WithouFreSpacExt"):
        return None
    version, _, _, block_sectors, entries, sectors = fields(data, "<IIIIIQ", 16)
    if data[:16] == b"WithoutFreeSpace":
        sectors &= 0xFFFFFFFF
    problems = []
    if version != 2:
        problems.append(f"version {version} is not known")
    if field(data, "<Q", 56):
        problems.append("it has a format extension")
    if not block_sectors or entries * block_sectors < sectors:
        problems.append("its block map does not fit its virtual size")
    return Verdict(sectors * SECTOR, tuple(problems))


def parse_bochs():
    data = yield Want(0, 32)
    return Verdict(0, ("Bochs images are not supported",)) if data.startswith(b"Bochs Virtual HD Image\0") else None


def parse_cloop():
    data = yield Want(0, 32)
    return Verdict(0, ("cloop images are not supported",)) if data.startswith(b"#!/bin/sh\n#V2.0 Format\n") else None


def parse_dmg():
    tail, _ = yield End(SECTOR)
    return Verdict(0, ("DMG images are not supported",)) if tail.startswith(b"koly") else None


def parse_luks():
    """Encrypted bytes behind a header. QEMU opens it as such only when told to, and the header names no file."""
    data = yield Want(0, 8)
    if data[:6] != b"LUKS\xba\xbe":
        return None
    version = field(data, ">H", 6)
    if version not in (1, 2):
        raise Damaged(f"version {version} of LUKS is not known")
    _, total = yield End(0)
    return Verdict(total, encrypted=True)


def parse_iso():
    data = yield Want(0x8000, 6)
    if data[1:6] != b"CD001":
        return None
    _, total = yield End(0)
    return Verdict(total)


def parse_gpt():
    """A partition table with GUIDs, for sectors of 512 or 4096 bytes, behind the protective MBR that belongs to it."""
    data = yield Want(0, 4104)
    if data[510:512] != b"\x55\xaa" or b"EFI PART" not in (data[512:520], data[4096:4104]):
        return None
    _, total = yield End(0)
    return Verdict(total)


def parse_mbr():
    """A partition table of four entries, at least one of them used. A boot sector alone is not one."""
    data = yield Want(0, SECTOR)
    entries = [data[at:at + 16] for at in range(446, 510, 16)]
    if data[510:512] != b"\x55\xaa" or any(entry[0] not in (0, 0x80) for entry in entries) or not any(entry[4] for entry in entries):
        return None
    _, total = yield End(0)
    return Verdict(total)
