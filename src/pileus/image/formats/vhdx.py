"""Microsoft's newer format. Refused with a parent, and with a log that is still to be replayed: a log can rewrite anything."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import uuid

from pileus.image.formats.parsing import MOST, Damaged, End, Verdict, Want, field, fields

_HEADERS, _REGIONS, _FIRST_REGION = (64 << 10, 128 << 10), 192 << 10, 1 << 20
_METADATA = uuid.UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e").bytes_le
_SIZE = uuid.UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8").bytes_le
_PARAMETERS = uuid.UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b").bytes_le
_PARENT = uuid.UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c").bytes_le
_HAS_PARENT = 2
_LARGEST = 64 << 40


def parse():
    if (yield Want(0, 8)) != b"vhdxfile":
        return None
    headers = []
    for at in _HEADERS:
        headers.append((yield Want(at, 4096)))
    problems = _log_problems(headers)
    table_at = _metadata_at((yield Want(_REGIONS, MOST)))
    items = _items((yield Want(table_at, MOST)))
    if _PARENT in items:
        problems.append("it has a parent")
    found = {}
    for kind, at in sorted(items.items(), key=lambda item: item[1]):
        if kind in (_SIZE, _PARAMETERS):
            found[kind] = field((yield Want(table_at + at, 8)), "<Q")
    if set(found) != {_SIZE, _PARAMETERS}:
        raise Damaged("it does not say how large it is")
    yield End(0)
    if found[_PARAMETERS] >> 32 & _HAS_PARENT and "it has a parent" not in problems:
        problems.append("it has a parent")
    if found[_SIZE] > _LARGEST:
        problems.append("its virtual size is not possible")
    return Verdict(found[_SIZE], tuple(problems))


def _log_problems(headers: list[bytes]) -> list[str]:
    """The header that counts is the valid one with the higher sequence number."""
    valid = [header for header in headers if header[:4] == b"head" and len(header) == 4096 and _is_sound(header)]
    if not valid:
        raise Damaged("it has no valid header")
    current = max(valid, key=lambda header: field(header, "<Q", 8))
    return ["its log was not replayed"] if any(current[48:64]) else []


def _metadata_at(table: bytes) -> int:
    if table[:4] != b"regi":
        raise Damaged("its region table is missing")
    places = []
    for entry in range(min(field(table, "<I", 8), 2047)):
        kind, at = fields(table, "<16sQ", 16 + 32 * entry)
        if kind == _METADATA:
            places.append(at)
    if len(places) != 1 or not _FIRST_REGION <= places[0] < 1 << 62:
        raise Damaged("it does not say once where its metadata is")
    return places[0]


def _items(table: bytes) -> dict[bytes, int]:
    """Metadata items and their places, counted from the beginning of the metadata."""
    if table[:8] != b"metadata":
        raise Damaged("its metadata is missing")
    items: dict[bytes, int] = {}
    for entry in range(min(field(table, "<H", 10), 2047)):
        kind, at = fields(table, "<16sI", 32 + 32 * entry)
        if kind in items:
            raise Damaged("its metadata says something twice")
        items[kind] = at
    return items


def _is_sound(header: bytes) -> bool:
    return _crc32c(header[:4] + bytes(4) + header[8:]) == field(header, "<I", 4)


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _crc32c_of_byte(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


_TABLE = tuple(map(_crc32c_of_byte, range(256)))
