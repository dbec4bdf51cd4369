"""Huge pages: which the host keeps, and which size a guest gets.

The scheduler counts pages per guest whether it runs or not, so a guest keeps its size until its flavor changes; the kernel has
the last word when the guest starts.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed
from pileus.compute.hypervisor.topology import Pages

HUGEPAGES = Path("/sys/kernel/mm/hugepages")
#: Our own word to drivers for what flavor and image agreed on: large, any, or a size in KiB.
WANTED = "hw_pages"


def kept(root: Path = HUGEPAGES) -> dict[int, tuple[int, int]]:
    """Size in KiB → pages that the host keeps, and how many of them are free."""
    found = {}
    for folder in root.glob("hugepages-*kB"):
        size = re.fullmatch(r"hugepages-(\d+)kB", folder.name)
        if size:
            found[int(size[1])] = (int((folder / "nr_hugepages").read_text()), int((folder / "free_hugepages").read_text()))
    return {size: pages for size, pages in sorted(found.items()) if pages[0]}


def count(kept: dict[int, tuple[int, int]], guests: Iterable[tuple[int, int]]) -> tuple[Pages, ...]:
    """What the host reports; `guests` are their sizes of page (0: small) and memories in MiB.

    What others than guests took is not there for guests."""
    used = dict.fromkeys(kept, 0)
    for size, memory_mb in guests:
        if size in used:
            used[size] += memory_mb * 1024 // size
    return tuple(Pages(size_kib=size, total=total, used=max(used[size], total - free)) for size, (total, free) in kept.items())


def choose(guest: GuestSpec, kept: dict[int, tuple[int, int]]) -> int:
    """The size of a guest's pages in KiB, 0 for small ones. Raises HypervisorFailed when there are not enough."""
    wanted = guest.properties.get(WANTED, "")
    if not wanted:
        return 0
    sizes = [size for size in _sizes(wanted, kept) if guest.memory_mb * 1024 % size == 0]
    for size in sizes:
        if kept[size][1] * size >= guest.memory_mb * 1024:
            return size
    if wanted == "any":
        return 0
    raise HypervisorFailed(what="give the guest huge pages", detail=f"{wanted} pages wanted, free are {kept}")


def _sizes(wanted: str, kept: dict[int, tuple[int, int]]) -> Iterator[int]:
    """The largest first."""
    yield from (size for size in sorted(kept, reverse=True) if wanted in ("large", "any", str(size)))


def backend(size_kib: int, memory_mb: int) -> Iterator[str]:
    """QEMU's arguments for a guest whose memory is made of huge pages. They are taken before it runs, or it does not start."""
    if size_kib:
        yield from ("-object", f"memory-backend-memfd,id=ram,size={memory_mb}M,hugetlb=on,hugetlbsize={size_kib}K,prealloc=on")
        yield from ("-machine", "memory-backend=ram")
