"""Addresses as numbers: which are free, which one is next. Pure; the database keeps what is decided here.

The free addresses of a subnet are kept as ranges that never touch an address in use: taking the next one is "the first
address of the range that has waited longest", whatever the size of the subnet. Addresses that were given back wait behind
those that were never used, so that an address is used again as late as possible: a neighbour that has not yet heard that
its former owner is gone does not mistake the new one for it.

What stays true, whatever the order of calls: the ranges and the addresses in use never overlap; together they are the
pools, apart from addresses that were asked for by name outside of them; a subnet's gateway is in neither.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable

#: First and last address, both included.
Range = tuple[int, int]


def without(range: Range, address: int) -> list[Range]:
    """What is left of a range when one address of it is taken."""
    first, last = range
    if not first <= address <= last:
        return [range]
    return [part for part in ((first, address - 1), (address + 1, last)) if part[0] <= part[1]]


def free(pools: Iterable[Range], used: Iterable[int]) -> list[Range]:
    """The pools less the addresses in use, in order."""
    taken = sorted(set(used))
    found: list[Range] = []
    at = 0
    for first, last in merged(pools):
        while at < len(taken) and taken[at] < first:
            at += 1
        begin = first
        while at < len(taken) and taken[at] <= last:
            if begin < taken[at]:
                found.append((begin, taken[at] - 1))
            begin = taken[at] + 1
            at += 1
        if begin <= last:
            found.append((begin, last))
    return found


def free_blocks(pools: Iterable[Range], used: Iterable[Range]) -> list[Range]:
    """The pools less whole ranges in use, in order: `free` for subnets instead of addresses."""
    left = merged(pools)
    for first, last in merged(used):
        left = [
            part for low, high in left for part in ((low, min(high, first - 1)), (max(low, last + 1), high)) if part[0] <= part[1]
        ]
    return left


def merged(ranges: Iterable[Range]) -> list[Range]:
    """The same addresses in as few ranges as possible, in order."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def inside(pools: Iterable[Range], address: int) -> bool:
    return any(first <= address <= last for first, last in pools)


def size(ranges: Iterable[Range]) -> int:
    return sum(last - first + 1 for first, last in ranges)


def first_block(ranges: Iterable[Range], size: int) -> int | None:
    """The first address, a multiple of `size`, at which `size` addresses in a row are free."""
    for first, last in ranges:
        start = -(-first // size) * size
        if start + size - 1 <= last:
            return start
    return None
