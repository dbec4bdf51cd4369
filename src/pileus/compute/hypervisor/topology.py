"""What of a host's inside matters to guests that are particular about it: NUMA cells, pages of memory, PCI devices.

A driver that can place guests this exactly says so in its inventory, with what is taken; one that cannot says nothing, and
the scheduler gives it no such guest.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection

import msgspec


class Pages(msgspec.Struct, frozen=True, kw_only=True):
    """Huge pages of one size in one cell."""

    size_kib: int
    total: int
    used: int = 0


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A NUMA cell: processors with the memory that is near to them."""

    id: int
    cpus: tuple[int, ...] = ()              # for guests that share them
    cpus_used: int = 0                      # virtual CPUs of the guests that share them
    dedicated: tuple[int, ...] = ()         # for guests that get processors of their own
    pinned: tuple[int, ...] = ()            # of those, the ones that are taken
    siblings: tuple[tuple[int, ...], ...] = ()      # the threads of each core, where a core has several
    memory_mb: int = 0
    memory_used_mb: int = 0
    pages: tuple[Pages, ...] = ()

    def free_cores(self) -> tuple[tuple[int, ...], ...]:
        """The free dedicated threads, core by core; a core without siblings is a core of one thread."""
        free = set(self.dedicated) - set(self.pinned)
        cores = [tuple(t for t in core if t in free) for core in self.siblings]
        alone = free.difference(*self.siblings) if self.siblings else free
        return tuple(core for core in (*cores, *((t,) for t in sorted(alone))) if core)


def divide(cells: tuple[Cell, ...], count: int, shared: Collection[int] | None,
           dedicated: Collection[int]) -> tuple[int, int, tuple[Cell, ...]]:
    """The processors 0 … count-1 divided into those that guests share (None: all the others) and those they get for
    themselves: how many of each, and the cells so. With dedicated ones only, none are shared."""
    own = frozenset(dedicated)
    rest = frozenset(range(count)) - own if shared is None and not own else frozenset(shared or ())
    made = tuple(msgspec.structs.replace(cell, cpus=tuple(n for n in (*cell.cpus, *cell.dedicated) if n in rest),
                                         dedicated=tuple(n for n in (*cell.cpus, *cell.dedicated) if n in own)) for cell in cells)
    return len(rest), len(own), made


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """Where on its host a guest is."""

    nodes: tuple[int, ...]                  # the host's cell of each of its own
    cpus: dict[int, int] = {}               # its dedicated CPUs → the host's processors


class PciPool(msgspec.Struct, frozen=True, kw_only=True):
    """Free PCI devices of a host that are all alike."""

    vendor_id: str
    product_id: str
    dev_type: str = "type-PCI"              # type-PCI | type-PF | type-VF
    count: int = 0
