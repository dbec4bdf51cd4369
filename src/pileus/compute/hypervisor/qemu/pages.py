"""Huge pages: which the host keeps, and which sizes a guest can be given.

The scheduler counts pages per guest whether it runs or not, so a guest keeps its size until its flavor changes; the kernel has
the last word when the guest starts.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pileus.compute.hypervisor.qemu.cells import SYSTEM
from pileus.compute.hypervisor.topology import Cell, Pages

HUGEPAGES = Path("/sys/kernel/mm/hugepages")
#: Size in KiB → pages that are kept, and how many of them are free.
Kept = dict[int, tuple[int, int]]


def kept(root: Path = HUGEPAGES) -> Kept:
    found = {}
    for folder in root.glob("hugepages-*kB"):
        size = re.fullmatch(r"hugepages-(\d+)kB", folder.name)
        if size:
            found[int(size[1])] = (int((folder / "nr_hugepages").read_text()), int((folder / "free_hugepages").read_text()))
    return {size: pages for size, pages in sorted(found.items()) if pages[0]}


def kept_in(cells: tuple[Cell, ...], system: Path = SYSTEM) -> dict[int, Kept]:
    """Host's cell → its huge pages; those of a host with one cell are all that it has."""
    if len(cells) == 1:
        return {cells[0].id: kept()}
    return {cell.id: kept(system / "node" / f"node{cell.id}" / "hugepages") for cell in cells}


def count(kept: Kept, guests: Iterable[tuple[int, int]]) -> tuple[Pages, ...]:
    """What the host reports; `guests` are their sizes of page (0: small) and memories in MiB.

    What others than guests took is not there for guests."""
    used = dict.fromkeys(kept, 0)
    for size, memory_mb in guests:
        if size in used:
            used[size] += memory_mb * 1024 // size
    return tuple(Pages(size_kib=size, total=total, used=max(used[size], total - free)) for size, (total, free) in kept.items())


def sizes(wanted: str, kept: Iterable[Kept]) -> Iterator[int]:
    """The sizes that would do, the best first; 0 is small pages. `wanted` is `hw_pages`."""
    known = {size for cell in kept for size in cell}
    if wanted:
        yield from (size for size in sorted(known, reverse=True) if wanted in ("large", "any", str(size)))
    if wanted in ("", "any"):
        yield 0
