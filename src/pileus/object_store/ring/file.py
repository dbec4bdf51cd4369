"""The ring's file: a line that says what it is, the devices as JSON, the table as numbers of 16 or 32 bits, compressed.

It is written beside its place and moved there: who reads it reads all of the old one or all of the new one.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import zlib
from pathlib import Path

import msgspec
import numpy as np

from pileus.object_store.ring.device import Device

MAGIC = b"pileus ring 1\n"
NOBODY = 0xFFFFFFFF


class Head(msgspec.Struct, kw_only=True):
    version: int
    replicas: int
    partitions: int
    wide: bool
    devices: list[Device | None]


class Read(msgspec.Struct, kw_only=True):
    devices: list[Device | None]
    table: np.ndarray
    version: int


def write(path: Path, devices: list[Device | None], table: np.ndarray, version: int) -> None:
    wide = len(devices) >= 0xFFFF
    head = Head(version=version, replicas=table.shape[0], partitions=table.shape[1], wide=wide, devices=devices)
    numbers = table.astype("<u4" if wide else "<u2")         # "nobody" keeps all its bits set in either width
    packed = zlib.compress(msgspec.json.encode(head) + b"\n" + numbers.tobytes(), 6)
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
    numbers = np.frombuffer(rest, "<u4" if head.wide else "<u2").reshape(head.replicas, head.partitions)
    table = numbers.astype(np.uint32)
    if not head.wide:
        table[table == 0xFFFF] = NOBODY
    return Read(devices=head.devices, table=table, version=head.version)
