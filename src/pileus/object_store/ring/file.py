"""The ring's file: a line that says what it is, the devices as JSON, the table as numbers of 16 or 32 bits, compressed.

It is written beside its place and moved there: who reads it reads all of the old one or all of the new one.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sys
import zlib
from array import array
from pathlib import Path

import msgspec

from pileus.object_store.ring.device import Device

MAGIC = b"pileus ring 1\n"
NOBODY = 0xFFFFFFFF
#: By replica: the id of the device of each partition. Without NumPy, which takes longer to load than a store to start.
Table = list[array]


class Head(msgspec.Struct, kw_only=True):
    version: int
    replicas: int
    partitions: int
    wide: bool
    devices: list[Device | None]
    next_part_power: int | None = None


class Read(msgspec.Struct, kw_only=True):
    devices: list[Device | None]
    table: Table
    version: int
    next_part_power: int | None


def write(path: Path, devices: list[Device | None], table: Table, version: int, next_part_power: int | None = None) -> None:
    wide = len(devices) >= 0xFFFF
    head = Head(version=version, replicas=len(table), partitions=len(table[0]), wide=wide, devices=devices,
                next_part_power=next_part_power)
    # "Nobody" keeps all its bits set in either width.
    numbers = [array("I", row) if wide else array("H", [id & 0xFFFF for id in row]) for row in table]
    packed = zlib.compress(msgspec.json.encode(head) + b"\n" + b"".join(_little(row).tobytes() for row in numbers), 6)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + f".new-{os.getpid()}")
    with open(beside, "wb") as out:
        out.write(MAGIC + zlib.crc32(packed).to_bytes(4) + packed)
        out.flush()
        os.fsync(out.fileno())
    os.replace(beside, path)


def read(path: Path) -> Read:
    """Raises ValueError for what is no ring, or a damaged one."""
    data = path.read_bytes()
    packed = data[len(MAGIC) + 4:]
    if not data.startswith(MAGIC) or zlib.crc32(packed) != int.from_bytes(data[len(MAGIC):len(MAGIC) + 4]):
        raise ValueError(f"{path} is not a ring, or it is damaged")
    first, _, rest = zlib.decompress(packed).partition(b"\n")
    head = msgspec.json.decode(first, type=Head)
    width = (4 if head.wide else 2) * head.partitions
    if len(rest) != width * head.replicas:
        raise ValueError(f"{path} is damaged: its table has {len(rest)} bytes")
    numbers = [_little(array("I" if head.wide else "H", rest[at:at + width])) for at in range(0, len(rest), width)]
    table = numbers if head.wide else [array("I", [NOBODY if id == 0xFFFF else id for id in row]) for row in numbers]
    return Read(devices=head.devices, table=table, version=head.version, next_part_power=head.next_part_power)


def _little(numbers: array) -> array:
    """Numbers of a file as this machine has them, or the other way round: in files the lowest byte is first."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
