"""Which processor of the host each dedicated virtual CPU of a guest has, and that all other threads keep off those.

A guest keeps its processors until it is destroyed, running or not, because the scheduler counts them so. They are not stored:
what runs says itself where it runs, and what does not may get others after a restart of the agent.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed
from pileus.compute.hypervisor.qemu.machine import Machine
from pileus.compute.hypervisor.topology import Cell

CPUS = Path("/sys/devices/system/cpu")
NODES = Path("/sys/devices/system/node")


class Pins:
    """The dedicated processors of this host and who has them. `cell` is the host's only one; none when it has several."""

    def __init__(self, cell: Cell | None, *, shared: Iterable[int] | None = None, dedicated: Iterable[int] = ()):
        own = frozenset(dedicated)
        self.cell = cell
        self.dedicated = replace(cell, dedicated=tuple(n for n in cell.cpus if n in own)) if cell else None
        self.shared = frozenset(shared) if shared is not None else frozenset(cell.cpus if cell else ()) - own
        self.divided = bool(own) or shared is not None
        self._held: dict[str, dict[int, int]] = {}     # guest → its CPU → the host's
        self._alone: set[str] = set()                  # guests that nobody may be beside

    def take(self, guest: GuestSpec) -> dict[int, int]:
        """The processors of a guest: those it has, or as many free ones as it needs. Raises HypervisorFailed."""
        wanted = dedicated(guest)
        held = self._held.get(guest.id, {})
        if set(held) == set(wanted):
            return held
        self.release(guest.id)
        if not wanted:
            return {}
        alone = guest.properties.get("hw_cpu_thread_policy") == "isolate"
        cores = self._free_cores()
        if alone:
            cores = [core[:1] for core in cores if len(core) == len(self._core_of(core[0]))]
        free = [processor for core in cores for processor in core]
        if len(free) < len(wanted):
            raise HypervisorFailed(what="pin the guest", detail=f"{len(wanted)} dedicated processors wanted, {len(free)} are free")
        return self._hold(guest.id, dict(zip(wanted, free, strict=False)), alone=alone)

    def found(self, guest: GuestSpec, pins: dict[int, int]) -> None:
        """A guest that runs already, and where."""
        self._hold(guest.id, pins, alone=guest.properties.get("hw_cpu_thread_policy") == "isolate")

    def release(self, guest_id: str) -> None:
        self._held.pop(guest_id, None)
        self._alone.discard(guest_id)

    def taken(self) -> set[int]:
        """The processors that nobody else can have."""
        taken = set()
        for guest_id, pins in self._held.items():
            for processor in pins.values():
                taken |= set(self._core_of(processor)) if guest_id in self._alone else {processor}
        return taken

    def _hold(self, guest_id: str, pins: dict[int, int], *, alone: bool) -> dict[int, int]:
        self._held[guest_id] = pins
        if alone:
            self._alone.add(guest_id)
        return pins

    def _free_cores(self) -> list[tuple[int, ...]]:
        """The whole ones first, so that a guest's CPUs are neighbours."""
        if self.dedicated is None:
            return []
        return sorted(replace(self.dedicated, pinned=tuple(self.taken())).free_cores(), key=lambda core: -len(core))

    def _core_of(self, processor: int) -> tuple[int, ...]:
        siblings = self.cell.siblings if self.cell else ()
        return next((core for core in siblings if processor in core), (processor,))


def dedicated(guest: GuestSpec) -> tuple[int, ...]:
    """The numbers of the guest's CPUs that get a processor for themselves."""
    return tuple(int(number) for number in guest.properties.get("hw_cpu_dedicated", "").split(",") if number)


async def pin(machine: Machine, pins: dict[int, int], shared: frozenset[int]) -> None:
    """Put the guest's CPUs where they belong, and all else of its process on the shared processors."""
    threads = {cpu["cpu-index"]: cpu["thread-id"] for cpu in await machine.ask("query-cpus-fast")}
    own = {threads[number]: {processor} for number, processor in pins.items()}
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


def only_cell(memory_mb: int) -> Cell | None:
    """The host as one NUMA cell; None for a host with several, or one that gives us only some of its processors."""
    processors = sorted(os.sched_getaffinity(0))
    nodes = [entry for entry in NODES.glob("node[0-9]*")]
    if len(nodes) > 1 or processors != list(range(len(processors))):
        return None
    siblings = {_siblings(processor) for processor in processors}
    several = tuple(sorted(core for core in siblings if len(core) > 1))
    return Cell(id=0, cpus=tuple(processors), siblings=several, memory_mb=memory_mb)


def _siblings(processor: int) -> tuple[int, ...]:
    """The threads of a processor's core, itself included."""
    try:
        text = (CPUS / f"cpu{processor}" / "topology" / "thread_siblings_list").read_text()
    except OSError:
        return (processor,)
    numbers: set[int] = set()
    for part in text.strip().split(","):
        low, _, high = part.partition("-")
        numbers |= set(range(int(low), int(high or low) + 1))
    return tuple(sorted(numbers))
