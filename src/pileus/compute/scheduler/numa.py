"""NUMATopologyFilter: hosts whose NUMA cells have room for the cells of the guest, each guest cell in one of its own.

Whether one cell has room for another is a question of columns, answered for all hosts at once. Whether all guest cells find
different places at the same time follows from it by Hall's theorem: for every set of guest cells there must be as many
host cells with room for one of them. What a host cannot do is refused here and not when the guest boots.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import msgspec
import numpy as np

from pileus.compute.hypervisor.topology import Cell
from pileus.compute.model.numa import ANY, LARGE, SMALL, SMALL_KIB, GuestCell

#: Hall's theorem asks about every set of guest cells; guests with more cells are refused.
MOST_CELLS = 8


class Columns:
    """Facts of all cells: one row per host, one column per cell. Hosts without cells cost nothing."""

    FACTS = ("cpus", "cpus_used", "free", "cores", "pairs", "memory", "memory_used", "dedicated")

    def __init__(self) -> None:
        self.facts = {name: np.zeros((0, 0), np.int64) for name in self.FACTS}
        self.pages: dict[int, np.ndarray] = {}              # size in KiB → free pages
        self.hosts = 0

    def put(self, row: int, rows: int, cells: tuple[Cell, ...], had: tuple[Cell, ...]) -> None:
        """What the host in this row has; `had` is what was there before."""
        if not cells and not had:
            return
        self.hosts += bool(cells) - bool(had)
        self._reach(rows, len(cells))
        for column in (*self.facts.values(), *self.pages.values()):
            column[row] = 0
        for at, cell in enumerate(cells):
            cores = cell.free_cores()
            facts = {"cpus": len(cell.cpus), "cpus_used": cell.cpus_used, "free": sum(map(len, cores)), "memory": cell.memory_mb,
                     "dedicated": len(cell.dedicated), "cores": len(_whole(cell, cores)), "memory_used": cell.memory_used_mb,
                     "pairs": sum(len(core) // 2 * 2 for core in cores)}
            for name, value in facts.items():
                self.facts[name][row, at] = value
            for pages in cell.pages:
                if pages.size_kib not in self.pages:
                    self.pages[pages.size_kib] = np.zeros_like(self.facts["cpus"])
                self.pages[pages.size_kib][row, at] = pages.total - pages.used

    def _reach(self, rows: int, cells: int) -> None:
        """Make the columns as long as the snapshot's and as wide as the widest host."""
        have = self.facts["cpus"].shape
        if have[0] < rows or have[1] < cells:
            more = ((0, max(0, rows - have[0])), (0, max(0, cells - have[1])))
            self.facts = {name: np.pad(column, more) for name, column in self.facts.items()}
            self.pages = {size: np.pad(column, more) for size, column in self.pages.items()}

    def fits(self, rows: int, guest: tuple[GuestCell, ...], cpu_ratio: np.ndarray, ram_ratio: np.ndarray) -> np.ndarray:
        """The hosts with room for all the cells of a guest."""
        if len(guest) > MOST_CELLS or not self.hosts:
            return np.zeros(rows, np.bool_)
        self._reach(rows, 0)
        have, threads = self.facts, {cell.threads for cell in guest}
        ratios = cpu_ratio[:, None], ram_ratio[:, None]
        room = [self._room(have, cell, *ratios, isolate="isolate" in threads) for cell in guest]
        mask = np.ones(rows, np.bool_)
        for size in range(1, len(guest) + 1):
            for some in combinations(room, size):
                mask &= np.count_nonzero(np.logical_or.reduce(some), axis=1) >= size
        return mask

    def _room(self, have: Mapping[str, np.ndarray], cell: GuestCell, cpu_ratio: np.ndarray, ram_ratio: np.ndarray, *,
              isolate: bool) -> np.ndarray:
        own, shared = len(cell.dedicated), len(cell.cpus) - len(cell.dedicated)
        room = (have["cpus"] + have["dedicated"]) > 0
        if own:
            # A CPU for itself: alone on its core, with another of its kind on the core, or anywhere.
            room &= {"isolate": have["cores"], "require": have["pairs"], "prefer": have["free"]}[cell.threads] >= own
        if shared:
            room &= (have["cpus"] >= shared) & (have["cpus_used"] + shared <= have["cpus"] * cpu_ratio)
        return room & self._memory(have, cell, ram_ratio if not own else np.ones_like(ram_ratio))

    def _memory(self, have: Mapping[str, np.ndarray], cell: GuestCell, ratio: np.ndarray) -> np.ndarray:
        plain = (have["memory"] >= cell.memory_mb) & (have["memory_used"] + cell.memory_mb <= have["memory"] * ratio)
        if cell.pages in (SMALL, SMALL_KIB):
            return plain
        sizes = [size for size in self.pages if cell.pages in (ANY, LARGE, size)]
        huge = np.zeros_like(plain)
        for size in sizes:
            if cell.memory_mb * 1024 % size == 0:
                huge |= self.pages[size] * size >= cell.memory_mb * 1024
        return huge | plain if cell.pages == ANY else huge


def _whole(cell: Cell, free: tuple[tuple[int, ...], ...]) -> list[tuple[int, ...]]:
    """The cores no thread of which is taken: a guest that wants to be alone can have one."""
    return [core for core in free if all(set(core) == set(whole) for whole in cell.siblings if set(core) & set(whole))]


def after(cells: tuple[Cell, ...], guest: tuple[GuestCell, ...]) -> tuple[Cell, ...]:
    """The cells of a host once the guest has its place; as they are, when it finds none. What the host itself will say of
    it comes with its next report and may differ."""
    left, taken = list(guest), list(cells)
    for at, cell in enumerate(taken):
        if not left:
            break
        wanted = left[0]
        own = [thread for core in cell.free_cores() for thread in core][:len(wanted.dedicated)]
        shared = len(wanted.cpus) - len(wanted.dedicated)
        if len(own) < len(wanted.dedicated) or len(cell.cpus) < shared:
            continue
        taken[at] = msgspec.structs.replace(cell, pinned=(*cell.pinned, *own), cpus_used=cell.cpus_used + shared,
                                            memory_used_mb=cell.memory_used_mb + wanted.memory_mb)
        left.pop(0)
    return tuple(taken)
