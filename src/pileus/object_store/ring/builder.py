"""The ring's builder: what operators say of devices, and the table that follows from it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import os
from array import array
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pileus.object_store.ring import file
from pileus.object_store.ring.device import Device
from pileus.object_store.ring.file import NOBODY
from pileus.object_store.ring.place import Tiers, deal, move, seeded, whole_numbers
from pileus.object_store.ring.targets import targets


class State(msgspec.Struct, kw_only=True):
    part_power: int
    replicas: float
    min_part_hours: float = 1
    overload: float = 0.0
    version: int = 0
    devices: list[Device | None] = []
    next_part_power: int | None = None      # while the number of partitions is being doubled


class Builder:
    """`moved_at`: by partition, the hour at which one of its replicas moved last: it rests for `min_part_hours` then."""

    def __init__(self, part_power: int, replicas: float, min_part_hours: float = 1, overload: float = 0.0):
        if not 0 <= part_power <= 32 or replicas < 1 or min_part_hours < 0 or overload < 0:
            raise ValueError("a ring has 2^0 to 2^32 partitions, at least one replica, and no negative figures")
        self.state = State(part_power=part_power, replicas=replicas, min_part_hours=min_part_hours, overload=overload)
        self.table: np.ndarray | None = None
        self.moved_at = np.full(1 << part_power, -1e9)

    # ---- devices -----------------------------------------------------------------------------------------------------
    @property
    def devices(self) -> list[Device]:
        return [d for d in self.state.devices if d is not None]

    def add(self, **fields: Any) -> Device:
        """Raises ValueError for a device that is there already, or a weight that is none."""
        id = fields.pop("id", None)
        device = Device(id=len(self.state.devices) if id is None else id, **fields)
        if any(d.id == device.id for d in self.devices):
            raise ValueError(f"{device} is in the ring already")
        self._check(device)
        self.state.devices += [None] * (device.id + 1 - len(self.state.devices))
        self.state.devices[device.id] = device
        return device

    def change(self, id: int, **fields: Any) -> Device:
        """Raises ValueError when there is no such device, or when it would be another's place or nothing that a device is."""
        changed = msgspec.structs.replace(self.device(id), **fields)
        self._check(changed)
        self.state.devices[id] = changed
        return changed

    def _check(self, device: Device) -> None:
        if not 0 <= device.weight < float("inf") or not device.device or "/" in device.device:
            raise ValueError("a device has a name and a weight that is not negative")
        if not 0 < device.port < 1 << 16 or not 0 <= device.replication_port < 1 << 16:
            raise ValueError("a port is a number below 65536")
        if any(d.name == device.name and d.id != device.id for d in self.devices):
            raise ValueError(f"{device.name} is in the ring already")

    def remove(self, id: int) -> None:
        self.device(id)
        self.state.devices[id] = None

    def device(self, id: int) -> Device:
        found = self.state.devices[id] if 0 <= id < len(self.state.devices) else None
        if found is None:
            raise ValueError(f"there is no device {id}")
        return found

    # ---- the table ---------------------------------------------------------------------------------------------------
    def rebalance(self, *, hour: float, seed: Any = None) -> int:
        """Give every device what it should have; returns how many slots moved. The same seed gives the same table.

        Raises ValueError when there are too few devices, and while the number of partitions is being doubled: what is linked on a device
        must be looked for there. `hour`: now, in hours since some moment.
        """
        if self.state.next_part_power is not None:
            raise ValueError("the number of partitions is being doubled: finish that first")
        active = [d for d in self.devices if d.weight > 0]
        tiers = Tiers(active, targets(active, self.state.replicas, self.state.overload))
        rng = seeded(self.state.version if seed is None else seed)
        old = self._shaped()
        if old is None:
            self.table = deal(tiers, self.state.replicas, 1 << self.state.part_power, rng)
            moved = np.ones(self.table.shape, bool)
        else:
            wanted = whole_numbers(tiers.share, int((old != NOBODY).sum()))
            rested = hour - self.moved_at >= self.state.min_part_hours
            self.table = move(tiers, old, wanted, rested, rng)
            moved = self.table != old
        self.moved_at[moved.any(axis=0)] = hour
        self.state.version += 1
        return int(moved.sum())

    def _shaped(self) -> np.ndarray | None:
        """The old table in the shape of the replicas that are wanted now; new slots are on a device that does not exist."""
        if self.table is None:
            return None
        rows, parts = int(np.ceil(self.state.replicas - 1e-9)), self.table.shape[1]
        table = self.table[:rows].copy()
        if len(table) < rows:
            table = np.vstack([table, np.full((rows - len(table), parts), NOBODY, np.uint32)])
        last = round((self.state.replicas - (rows - 1)) * parts)
        table[:-1][table[:-1] == NOBODY] = NOBODY - 1
        have = np.flatnonzero(table[-1] != NOBODY)
        table[-1, have[last:]] = NOBODY
        empty = np.flatnonzero(table[-1] == NOBODY)
        table[-1, empty[:last - min(len(have), last)]] = NOBODY - 1
        return table

    # ---- twice as many partitions ------------------------------------------------------------------------------------
    def prepare_increase(self) -> None:
        """Servers are to give what they write a second name, where it will be looked for; the rest gets one by the relinker."""
        if self.table is None or self.state.next_part_power is not None or self.state.part_power == 32:
            raise ValueError("the number of partitions can be doubled once the ring is balanced, up to 2^32, and not twice at once")
        self._next(self.state.part_power + 1)

    def increase(self) -> None:
        """Look for things there: each partition becomes two on the same devices."""
        if self.table is None or self.state.next_part_power != self.state.part_power + 1:
            raise ValueError("this has to be prepared first")
        self.table, self.moved_at = np.repeat(self.table, 2, axis=1), np.repeat(self.moved_at, 2)
        self.state.part_power += 1
        self._next(self.state.part_power)

    def cancel_increase(self) -> None:
        """Stay with the partitions that there are; the second names go by the relinker's cleaning up."""
        if self.state.next_part_power != self.state.part_power + 1:
            raise ValueError("nothing is prepared")
        self._next(self.state.part_power)

    def finish_increase(self) -> None:
        """All is cleaned up: replication goes on."""
        if self.state.next_part_power != self.state.part_power:
            raise ValueError("there is nothing to finish")
        self._next(None)

    def _next(self, power: int | None) -> None:
        self.state.next_part_power = power
        self.state.version += 1

    # ---- figures -----------------------------------------------------------------------------------------------------
    def counts(self) -> dict[int, int]:
        """Slots by device id."""
        if self.table is None:
            return {d.id: 0 for d in self.devices}
        held = np.bincount(self.table[self.table < NOBODY - 1].ravel(), minlength=len(self.state.devices))
        return {d.id: int(held[d.id]) for d in self.devices}

    def partitions_of(self, id: int) -> list[int]:
        """The partitions that have a replica on a device."""
        return [] if self.table is None else np.flatnonzero((self.table == id).any(axis=0)).tolist()

    def balance(self) -> float:
        """By how many percent the worst device is off what it should have by its weight (and by overload, where that is used)."""
        active = [d for d in self.devices if d.weight > 0]
        if not active or self.table is None:
            return 0.0
        share = targets(active, self.state.replicas, self.state.overload)
        counts, slots = self.counts(), int((self.table != NOBODY).sum())
        wanted = share * slots / share.sum()
        return max(abs(counts[d.id] - w) / w * 100 for d, w in zip(active, wanted, strict=True))

    def dispersion(self) -> float:
        """Percent of the slots that are nearer to another replica of their partition than they would have to be."""
        active = [d for d in self.devices if d.weight > 0]
        if self.table is None or not active:
            return 0.0
        spread = Tiers(active, targets(active, self.state.replicas, float("inf")))
        places = spread.places(self.table)
        bad = np.zeros(self.table.shape[1], int)
        for level in range(4):
            tier = np.where(places >= 0, spread.tier[level][places], -1)
            for row in range(len(tier)):
                same = ((tier[:row] == tier[row]) & (tier[row] >= 0)).sum(axis=0)
                bad += (same + 1 > spread.most[level][np.maximum(tier[row], 0)]) & (tier[row] >= 0) & (same > 0)
        return 100 * float(np.minimum(bad, len(places)).sum()) / max(1, int((self.table != NOBODY).sum()))

    def validate(self) -> None:
        """Raises ValueError for a table that must not be used."""
        if self.table is None:
            raise ValueError("the ring has not been balanced yet")
        used = np.unique(self.table[self.table != NOBODY])
        known = {d.id for d in self.devices}
        if strange := [int(id) for id in used if id not in known]:
            raise ValueError(f"the ring names devices that it does not have: {strange}; rebalance it")
        ordered = np.sort(self.table, axis=0)
        twice = ((ordered[1:] == ordered[:-1]) & (ordered[1:] != NOBODY)).any(axis=0)
        if twice.any():
            raise ValueError(f"{int(twice.sum())} partitions have two replicas on one device")

    # ---- files -------------------------------------------------------------------------------------------------------
    def save(self, path: Path) -> None:
        """Write the builder; `write_ring` writes what servers read."""
        out = io.BytesIO()
        table = self.table if self.table is not None else np.zeros((0, 0), np.uint32)
        np.savez_compressed(out, state=np.frombuffer(msgspec.json.encode(self.state), np.uint8), table=table, moved_at=self.moved_at)
        beside = path.with_name(path.name + ".new")
        beside.write_bytes(out.getvalue())
        os.replace(beside, path)

    @classmethod
    def load(cls, path: Path) -> Builder:
        """Raises ValueError for a file that is no builder."""
        try:
            with np.load(path, allow_pickle=False) as data:
                state = msgspec.json.decode(data["state"].tobytes(), type=State)
                made = cls(state.part_power, state.replicas, state.min_part_hours, state.overload)
                made.state, made.moved_at = state, data["moved_at"]
                made.table = data["table"] if data["table"].size else None
                return made
        except (OSError, KeyError, ValueError) as problem:
            raise ValueError(f"{path} is not a ring's builder: {problem}") from problem

    @classmethod
    def of_ring(cls, ring: file.Read, min_part_hours: float = 1) -> Builder:
        """A builder that goes on from a finished ring; when its partitions moved last is not known."""
        table = np.array([np.frombuffer(row, np.uint32) for row in ring.table])
        made = cls((table.shape[1] - 1).bit_length(), int((table != NOBODY).sum()) / table.shape[1], min_part_hours)
        made.state.devices, made.state.version, made.state.next_part_power = list(ring.devices), ring.version, ring.next_part_power
        made.table = table
        return made

    def write_ring(self, path: Path) -> None:
        self.validate()
        file.write(path, self.state.devices, self.rows, self.state.version, self.state.next_part_power)

    @property
    def rows(self) -> file.Table:
        """The table as a ring has it."""
        assert self.table is not None
        return [array("I", row.tobytes()) for row in self.table.astype(np.uint32)]
