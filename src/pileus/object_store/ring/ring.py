"""A finished ring: a table of devices by replica and partition, and the questions that are asked of it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import md5
from pathlib import Path

from pileus.object_store.model.names import Hashing, partition
from pileus.object_store.ring import file
from pileus.object_store.ring.device import Device, Node

#: What the table says where a fractional replica count leaves a partition without a device.
NOBODY = file.NOBODY


class Ring:
    """`table[replica][partition]` is the id of a device; `devices[id]` the device, or None where one was removed.

    `next_part_power`: while the number of partitions is being doubled, what its power of two is to be, or has just become.
    """

    def __init__(self, devices: Sequence[Device | None], table: file.Table, hashing: Hashing, version: int = 1,
                 next_part_power: int | None = None):
        self.devices, self.table, self.hashing, self.version = list(devices), table, hashing, version
        self.next_part_power = next_part_power
        self.partitions = len(table[0])
        self.part_power = (self.partitions - 1).bit_length()
        held = set().union(*table)
        self._used = [d for d in self.devices if d is not None and d.id in held and d.weight > 0]
        self._counts = [len({d.tiers[level] for d in self._used}) for level in range(4)]

    @classmethod
    def load(cls, path: Path, hashing: Hashing) -> Ring:
        """Raises OSError and ValueError for a file that cannot be read or is none."""
        read = file.read(path)
        return cls(read.devices, read.table, hashing, read.version, read.next_part_power)

    @property
    def replicas(self) -> int:
        """How many devices a partition has, at most."""
        return len(self.table)

    def partition(self, account: str, container: str | None = None, obj: str | None = None) -> int:
        return partition(self.hashing.hash(account, container, obj), self.part_power)

    def primaries(self, part: int) -> list[Node]:
        """The devices that hold a partition, in the order of its replicas; one that holds two is named once."""
        nodes: dict[int, Node] = {}
        for index, row in enumerate(self.table):
            id = row[part]
            device = self.devices[id] if id != NOBODY else None
            if device is not None and id not in nodes:
                nodes[id] = Node(device=device, index=index)
        return list(nodes.values())

    def handoffs(self, part: int) -> Iterator[Node]:
        """All other devices that take part, in the order in which they stand in: as far from those that hold it, and from each
        other, as there are regions, zones and servers left; the same at every call, but different from partition to partition."""
        primaries = [n.device for n in self.primaries(part)]
        taken = {d.id for d in primaries}
        seen = [{d.tiers[level] for d in primaries} for level in range(4)]
        start = int.from_bytes(md5(str(part).encode(), usedforsecurity=False).digest()[:4]) % self.partitions
        index = self.replicas
        for level in range(4):
            for device in self._walk(start, seen[level], level, taken):
                taken.add(device.id)
                for known, tier in zip(seen, device.tiers, strict=True):
                    known.add(tier)
                yield Node(device=device, index=index, handoff=True)
                index += 1

    def _walk(self, start: int, seen: set[tuple], level: int, taken: set[int]) -> Iterator[Device]:
        """Devices in tiers of a level that nobody is in yet, met on a walk over the table; `seen` grows as they are used."""
        step = max(1, self.partitions // 65_536)
        for row in self.table:
            for offset in range(0, self.partitions, step):
                if len(seen) >= self._counts[level]:
                    return
                id = row[(start + offset) % self.partitions]
                device = self.devices[id] if id != NOBODY else None
                if device is not None and device.weight > 0 and id not in taken and device.tiers[level] not in seen:
                    yield device
        # A device that holds very little may not lie on the walk.
        for device in self._used:
            if device.id not in taken and device.tiers[level] not in seen:
                yield device
