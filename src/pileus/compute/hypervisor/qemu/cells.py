"""The NUMA cells of this host as the kernel tells of them, and those of a guest as its order does."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

import msgspec

from pileus.compute.hypervisor.base import GuestSpec
from pileus.compute.hypervisor.topology import Cell

SYSTEM = Path("/sys/devices/system")
#: Our own words to drivers: the guest's cells ("0,1:512;2,3:512": CPUs and MiB), which of its CPUs get processors for themselves,
#: and what flavor and image agreed on for its pages: large, any, or a size in KiB.
NUMA, DEDICATED, PAGES = "hw_numa", "hw_cpu_dedicated", "hw_pages"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A NUMA cell of a guest."""

    cpus: tuple[int, ...]
    own: tuple[int, ...]                    # those of them that get a processor for themselves
    memory_mb: int


def host_cells(memory_mb: int, system: Path = SYSTEM, processors: Collection[int] | None = None) -> tuple[Cell, ...]:
    """None for a host that gives us only some of its processors: what the others do there is not for us to plan."""
    have = sorted(os.sched_getaffinity(0) if processors is None else processors)
    if have != list(range(len(have))):
        return ()
    nodes = {int(entry.name.removeprefix("node")): entry for entry in (system / "node").glob("node[0-9]*")}
    if len(nodes) < 2:
        return (Cell(id=min(nodes, default=0), cpus=tuple(have), siblings=_siblings(have, system), memory_mb=memory_mb),)
    return tuple(_cell(number, nodes[number], system, have) for number in sorted(nodes))


def _cell(number: int, folder: Path, system: Path, have: list[int]) -> Cell:
    own = sorted(numbers((folder / "cpulist").read_text()) & set(have))
    total = re.search(r"MemTotal:\s+(\d+) kB", (folder / "meminfo").read_text())
    return Cell(id=number, cpus=tuple(own), siblings=_siblings(own, system), memory_mb=int(total[1]) >> 10 if total else 0)


def _siblings(processors: list[int], system: Path) -> tuple[tuple[int, ...], ...]:
    """The threads of each core that has several."""
    cores = set()
    for processor in processors:
        try:
            text = (system / "cpu" / f"cpu{processor}" / "topology" / "thread_siblings_list").read_text()
        except OSError:
            continue
        cores.add(tuple(sorted(numbers(text))))
    return tuple(sorted(core for core in cores if len(core) > 1))


def numbers(text: str) -> set[int]:
    """"0-3,8" as the kernel writes it; empty for a cell without processors."""
    found: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        low, _, high = part.partition("-")
        found |= set(range(int(low), int(high or low) + 1))
    return found


def dedicated(guest: GuestSpec) -> tuple[int, ...]:
    """The numbers of the guest's CPUs that get a processor for themselves."""
    return tuple(int(number) for number in guest.properties.get(DEDICATED, "").split(",") if number)


def parts_of(guest: GuestSpec) -> tuple[Part, ...]:
    """The guest's cells; one that is particular about its processors or pages and says no more is a single one."""
    own, said = dedicated(guest), guest.properties.get(NUMA, "")
    if not said:
        whole = Part(cpus=tuple(range(guest.vcpus)), own=own, memory_mb=guest.memory_mb)
        return (whole,) if own or guest.properties.get(PAGES) else ()
    found = []
    for cell in said.split(";"):
        cpus, _, memory = cell.partition(":")
        mine = tuple(int(number) for number in cpus.split(","))
        found.append(Part(cpus=mine, own=tuple(n for n in own if n in mine), memory_mb=int(memory)))
    return tuple(found)
