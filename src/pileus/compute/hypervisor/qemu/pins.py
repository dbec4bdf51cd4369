"""Where on this host a guest is: which of its NUMA cells are where, and which processor each dedicated CPU has.

A guest keeps its place until it is destroyed, running or not, because the scheduler counts it so. Processors are not stored:
what runs says itself where it runs, and what does not may get others after a restart of the agent. The cells are, in its record.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed
from pileus.compute.hypervisor.qemu import pages
from pileus.compute.hypervisor.qemu.cells import PAGES, Part, dedicated, parts_of
from pileus.compute.hypervisor.qemu.layout import Record
from pileus.compute.hypervisor.qemu.machine import Machine
from pileus.compute.hypervisor.topology import Cell, Placed

#: Host's cell → its huge pages, as `pages.kept` has them.
Kept = Mapping[int, pages.Kept]


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """What one guest has."""

    cpus: dict[int, int] = {}               # its CPU → the host's processor
    alone: bool = False                     # nobody may be beside it on a core
    memory: tuple[tuple[int, int], ...] = ()    # host's cell, MiB of small pages there


class Pins:
    """The cells of this host, and who has what of them; without cells, a host that nobody can be placed on so exactly."""

    def __init__(self, cells: tuple[Cell, ...], *, shared: Iterable[int] | None = None, dedicated: Iterable[int] = ()):
        own, every = frozenset(dedicated), frozenset(n for cell in cells for n in cell.cpus)
        self.cells = cells
        self.shared = frozenset(shared) if shared is not None else every - own
        self.divided = bool(own) or shared is not None
        self.own = {cell.id: replace(cell, dedicated=tuple(n for n in cell.cpus if n in own)) for cell in cells}
        self._held: dict[str, Seat] = {}

    def settle(self, guest: GuestSpec, kept: Kept) -> tuple[int, tuple[int, ...]]:
        """The size of the guest's pages in KiB (0: small ones), and the host's cell of each of its own; () where there is but
        one. Raises HypervisorFailed when there is no room."""
        parts = parts_of(guest)
        if not parts:
            return 0, ()
        others = {id: seat for id, seat in self._held.items() if id != guest.id}
        for size in pages.sizes(guest.properties.get(PAGES, ""), kept.values()):
            for strict in (True, False) if not size else (True,):
                if found := self._arrange(guest, parts, _Room(self, others, kept, size, strict)):
                    return size, found if len(self.cells) > 1 else ()
        what = "give the guest huge pages" if guest.properties.get(PAGES) else "place the guest's NUMA cells"
        raise HypervisorFailed(what=what, detail=f"no room for {parts} in {self.cells}; huge pages {dict(kept)}")

    def take(self, record: Record) -> dict[int, int]:
        """The processors of a guest: those it has, or as many free ones of its cells as it needs. Raises HypervisorFailed."""
        guest, parts, seat = record.spec, parts_of(record.spec), self._held.get(record.spec.id)
        if seat is None or set(seat.cpus) != set(dedicated(guest)):
            self.release(guest.id)
            cpus: dict[int, int] = {}
            for part, node in zip(parts, self._nodes(record), strict=True):
                cpus |= zip(part.own, self._free(node, isolated(guest), len(part.own), frozenset(cpus.values())), strict=True)
            seat = Seat(cpus=cpus)
        self._hold(record, seat.cpus)
        return seat.cpus

    def found(self, record: Record, cpus: dict[int, int]) -> None:
        """A guest that runs already, and where."""
        self._hold(record, cpus)

    def release(self, guest_id: str) -> None:
        self._held.pop(guest_id, None)

    def places(self, record: Record, cpus: Mapping[int, int]) -> dict[int, set[int]]:
        """The processors that each CPU of a guest may run on, where that is not just all shared ones."""
        found = {number: {processor} for number, processor in cpus.items()}
        for part, node in zip(parts_of(record.spec), record.nodes, strict=False):
            near = self.shared & set(self.own[node].cpus)
            found |= {number: set(near) for number in part.cpus if number not in found and near}
        return found

    def placed(self, record: Record) -> Placed | None:
        """Where a guest with cells of its own is; None for others, and on hosts that plan none."""
        parts = parts_of(record.spec)
        if not parts or not self.cells:
            return None
        return Placed(nodes=self._nodes(record), cpus=self._held.get(record.spec.id, Seat()).cpus)

    def taken(self) -> set[int]:
        """The processors that nobody else can have."""
        return self.taken_by(self._held.values())

    def inventory(self, records: list[Record], kept: Kept) -> tuple[Cell, ...]:
        """The host's cells with what is taken of them. What of guests has no place of its own is everywhere a little."""
        taken = self.taken()
        return tuple(self._inventory(cell, records, kept.get(cell.id, {}), taken) for cell in self.cells)

    def _inventory(self, cell: Cell, records: list[Record], kept: pages.Kept, taken: set[int]) -> Cell:
        cpus = memory = 0
        huge: list[tuple[int, int]] = []
        for record in records:
            own, here = dedicated(record.spec), [part for part, node in zip(parts_of(record.spec), record.nodes, strict=False)
                                                 if node == cell.id]
            if not record.nodes:
                share = len(self.cells)
                cpus += -(-(record.spec.vcpus - len(own)) // share)
                mine = -(-record.spec.memory_mb // share)
            else:
                cpus += sum(len(part.cpus) - len(part.own) for part in here)
                mine = sum(part.memory_mb for part in here)
            memory += 0 if record.page_kib else mine
            huge.append((record.page_kib, mine))
        small_mb = cell.memory_mb - sum(size * total for size, (total, _) in kept.items()) // 1024
        return replace(cell, pinned=tuple(sorted(taken & set(cell.cpus))), cpus_used=cpus, memory_mb=small_mb, memory_used_mb=memory,
                       pages=pages.count(kept, huge))

    def _nodes(self, record: Record) -> tuple[int, ...]:
        """The host's cell of each cell of a guest. Raises HypervisorFailed for one that has none, or no longer."""
        parts = parts_of(record.spec)
        nodes = record.nodes or tuple(cell.id for cell in self.cells[:1]) * len(parts)
        if len(nodes) != len(parts) or not set(nodes) <= self.own.keys():
            raise HypervisorFailed(what="pin the guest", detail=f"cells {nodes} for {len(parts)} of its own")
        return nodes

    def _hold(self, record: Record, cpus: dict[int, int]) -> None:
        small = () if record.page_kib else tuple(zip(record.nodes, (part.memory_mb for part in parts_of(record.spec)), strict=False))
        self._held[record.spec.id] = Seat(cpus=cpus, alone=isolated(record.spec), memory=small)

    def taken_by(self, seats: Iterable[Seat]) -> set[int]:
        taken = set()
        for seat in seats:
            for processor in seat.cpus.values():
                taken |= set(self._core_of(processor)) if seat.alone else {processor}
        return taken

    def _free(self, node: int, alone: bool, count: int, gone: frozenset[int]) -> list[int]:
        """Free processors of a cell, whole cores first, so that a guest's CPUs are neighbours. Raises HypervisorFailed."""
        free = self.free_in(node, alone, self.taken() | gone)
        if len(free) < count:
            raise HypervisorFailed(what="pin the guest", detail=f"{count} dedicated processors wanted, {len(free)} are free")
        return free[:count]

    def free_in(self, node: int, alone: bool, taken: set[int]) -> list[int]:
        cores = sorted(replace(self.own[node], pinned=tuple(taken)).free_cores(), key=lambda core: -len(core))
        if alone:
            cores = [core[:1] for core in cores if len(core) == len(self._core_of(core[0]))]
        return [processor for core in cores for processor in core]

    def _core_of(self, processor: int) -> tuple[int, ...]:
        return next((core for cell in self.cells for core in cell.siblings if processor in core), (processor,))

    def _arrange(self, guest: GuestSpec, parts: tuple[Part, ...], room: _Room) -> tuple[int, ...]:
        """A cell of the host for each of the guest's, no two in one; () when there is no such arrangement."""
        def extend(chosen: tuple[int, ...]) -> tuple[int, ...]:
            if len(chosen) == len(parts):
                return chosen
            for node in room.roomiest():
                if node not in chosen and room.fits(parts[len(chosen)], node, isolated(guest)) and (found := extend((*chosen, node))):
                    return found
            return ()

        return extend(())


class _Room:
    """What other guests leave of the host's cells, for a guest with pages of one size."""

    def __init__(self, pins: Pins, others: Mapping[str, Seat], kept: Kept, size: int, strict: bool):
        self.pins, self.kept, self.size, self.strict = pins, kept, size, strict
        self.taken = pins.taken_by(others.values())
        self.memory = {cell.id: cell.memory_mb for cell in pins.cells}
        for node, memory_mb in (pair for seat in others.values() for pair in seat.memory):
            self.memory[node] -= memory_mb

    def roomiest(self) -> list[int]:
        return sorted(self.memory, key=lambda node: (-self.memory[node], node))

    def fits(self, part: Part, node: int, alone: bool) -> bool:
        """Memory of small pages may be promised twice, when there is no better place."""
        near = self.pins.shared & set(self.pins.own[node].cpus)
        if len(self.pins.free_in(node, alone, self.taken)) < len(part.own):
            return False
        if len(self.pins.cells) > 1 and len(near) < len(part.cpus) - len(part.own):
            return False
        if not self.size:
            return not self.strict or self.memory[node] >= part.memory_mb
        _, free = self.kept.get(node, {}).get(self.size, (0, 0))
        return part.memory_mb * 1024 % self.size == 0 and free * self.size >= part.memory_mb * 1024


def isolated(guest: GuestSpec) -> bool:
    return guest.properties.get("hw_cpu_thread_policy") == "isolate"


async def pin(machine: Machine, places: Mapping[int, set[int]], shared: frozenset[int]) -> None:
    """Put the guest's CPUs where they belong, and all else of its process on the shared processors."""
    threads = {cpu["cpu-index"]: cpu["thread-id"] for cpu in await machine.ask("query-cpus-fast")}
    own = {threads[number]: place for number, place in places.items()}
    for task in os.listdir(f"/proc/{machine.pid}/task"):
        place = own.get(int(task), shared)
        try:
            if place:
                os.sched_setaffinity(int(task), place)
        except ProcessLookupError:
            continue                                  # a worker that has just ended
        except OSError as error:
            raise HypervisorFailed(what="pin the guest", detail=str(error)) from None


async def pins_of(machine: Machine, guest: GuestSpec) -> dict[int, int]:
    """Where the dedicated CPUs of a guest run, as far as each has one place."""
    threads = {cpu["cpu-index"]: cpu["thread-id"] for cpu in await machine.ask("query-cpus-fast")}
    places = {number: os.sched_getaffinity(threads[number]) for number in dedicated(guest)}
    return {number: min(place) for number, place in places.items() if len(place) == 1}
