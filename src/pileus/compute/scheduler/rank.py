"""The decision: filter, weigh, choose, count what was chosen, and again for the next server of the request.

Pure: the snapshot given is not changed. Hosts with equal weights are put in an order by lot, so that two schedulers with
the same snapshot do not all choose the first host; the lot is drawn per host from one number of `chance`, so a host that
comes or goes does not change how the others are ordered.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec
import numpy as np

from pileus.compute.scheduler.filters import DEFAULT_FILTERS, Filter
from pileus.compute.scheduler.plugins import STANDARD, Plugins
from pileus.compute.scheduler.request import ServerRequest
from pileus.compute.scheduler.snapshot import Hosts
from pileus.compute.scheduler.weighers import DEFAULT_WEIGHERS, Weigher, weights


class Chance(Protocol):
    """`random.Random` with a seed, or anything like it."""

    def getrandbits(self, bits: int, /) -> int: ...


class Choice(msgspec.Struct, frozen=True):
    """A compute node that may have the server."""

    id: str
    host: str
    node: str


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """One choice per server, best first, and for each the next best. Fewer choices than servers: there was no more room.

    `removed` counts the hosts each filter took away in the last round, in order: the answer to "No valid host was found".
    Alternates are where each server could have gone at its turn; a server sent there is a new decision for its group.
    """

    chosen: tuple[Choice, ...] = ()
    alternates: tuple[tuple[Choice, ...], ...] = ()
    removed: dict[str, int] = {}


#: What a forced host is still asked: a server on a dead or full host would help nobody.
FORCED_FILTERS = frozenset({"ComputeFilter", "CoreFilter", "RamFilter", "DiskFilter", "NUMATopologyFilter", "PciPassthroughFilter"})


def rank(hosts: Hosts, request: ServerRequest, *, chance: Chance, filters: Collection[str] = DEFAULT_FILTERS,
         weighers: Mapping[str, float] = DEFAULT_WEIGHERS, n: int | None = None, alternates: int = 2,
         plugins: Plugins = STANDARD) -> Ranking:
    """Choose a host for each of `n` servers (`request.num_instances` when not given).

    `weighers` maps names to multipliers. Raises ValueError for a filter or weigher that does not exist, and Invalid for
    a scheduler hint that makes no sense.
    """
    plugins.check(filters, weighers)
    n = request.num_instances if n is None else n
    chain, scales = chain_of(request, filters, plugins), _scales(weighers, plugins)
    fixed, counted = _sieve(hosts, request, hosts.present, {name: one for name, one in chain.items() if not one.moves})
    moving = {name: one for name, one in chain.items() if one.moves}
    work = hosts.working_copy() if n > 1 else hosts
    chosen: list[Choice] = []
    others: list[tuple[Choice, ...]] = []
    removed = counted
    for turn in range(n):
        mask, more = _sieve(work, request, fixed, moving)
        removed = counted | more
        rows = _best(work, request, mask, scales, 1 + alternates, chance.getrandbits(64))
        if not rows:
            break
        choices = [_choice(hosts, row) for row in rows]
        chosen.append(choices[0])
        others.append(tuple(choices[1:]))
        if turn + 1 < n:
            work.consume(rows[0], request)
            if request.group is not None:
                request = msgspec.structs.replace(request, group=request.group.joined(choices[0].host))
    in_order = {name: removed[name] for name in chain if name in removed}
    return Ranking(chosen=tuple(chosen), alternates=tuple(others), removed=in_order)


def forced(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    mask = hosts.present
    if request.force_host is not None:
        mask = mask & hosts.mask_of_hosts([request.force_host])
    if request.force_node is not None:
        mask = mask & hosts.mask_of_rows(hosts.by_node.get(request.force_node, ()))
    return mask


def requested_destination(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    return hosts.mask_of_hosts([request.requested_destination or ""])


def not_ignored(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    return ~hosts.mask_of_hosts(request.ignore_hosts)


def traits(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    mask = hosts.present
    required, forbidden = request.traits()
    for trait in required:
        mask = mask & hosts.traits.get(trait, hosts.nowhere())
    for trait in forbidden:
        if trait in hosts.traits:
            mask = mask & ~hosts.traits[trait]
    return mask


def candidates(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    return hosts.mask_of_rows([hosts.row_of[id] for id in request.candidates or () if id in hosts.row_of])


def chain_of(request: ServerRequest, filters: Collection[str], plugins: Plugins) -> dict[str, Filter]:
    """The filters to ask, in order: first those that come with the request itself, under names of their own."""
    chain: dict[str, Filter] = {}
    is_forced = request.force_host is not None or request.force_node is not None
    if is_forced:
        chain["force_hosts"] = Filter(forced)
    if request.requested_destination is not None:
        chain["requested_destination"] = Filter(requested_destination)
    if request.ignore_hosts:
        chain["ignore_hosts"] = Filter(not_ignored)
    chain["traits"] = Filter(traits)
    if request.candidates is not None:
        chain["placement"] = Filter(candidates)
    chain.update((name, plugins.filters[name]) for name in filters if not is_forced or name in FORCED_FILTERS)
    return chain


def _sieve(hosts: Hosts, request: ServerRequest, mask: np.ndarray,
           chain: Mapping[str, Filter]) -> tuple[np.ndarray, dict[str, int]]:
    removed: dict[str, int] = {}
    left = int(np.count_nonzero(mask))
    for name, one in chain.items():
        keeps = one.keeps(hosts, request)
        if keeps is not hosts.present:
            mask = mask & keeps
            before, left = left, int(np.count_nonzero(mask))
            if before != left:
                removed[name] = before - left
    return mask, removed


def _scales(weighers: Mapping[str, float], plugins: Plugins) -> list[tuple[Weigher, float]]:
    return [(plugins.weighers[name], multiplier) for name, multiplier in weighers.items()]


def _best(hosts: Hosts, request: ServerRequest, mask: np.ndarray, scales: list[tuple[Weigher, float]], most: int, lot: int) -> list[int]:
    """The best rows, best first: by weight, and by lot among equals."""
    rows = np.flatnonzero(mask)
    if not len(rows):
        return []
    total = weights(hosts, request, rows, scales)
    if len(rows) > most:
        # Only rows at least as heavy as the last one wanted need an order.
        kept = total >= np.partition(total, len(rows) - most)[len(rows) - most]
        rows, total = rows[kept], total[kept]
    return rows[np.lexsort((_draw(hosts.luck[rows], lot), -total))][:most].tolist()


def _draw(luck: np.ndarray, lot: int) -> np.ndarray:
    """A number per host that looks random, of the host's own number and the lot (the mixer of SplitMix64)."""
    mixed = luck ^ np.uint64(lot)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _choice(hosts: Hosts, row: int) -> Choice:
    host = hosts.at(row)
    return Choice(host.id, host.host, host.node or host.host)
