"""Why a server goes where it goes: the same filters and weighers as `rank`, told host by host."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
import numpy as np

from pileus.compute.scheduler.plugins import STANDARD, Plugins
from pileus.compute.scheduler.rank import chain_of
from pileus.compute.scheduler.request import ServerRequest
from pileus.compute.scheduler.snapshot import Hosts
from pileus.compute.scheduler.weighers import weight


class HostExplained(msgspec.Struct, frozen=True, kw_only=True):
    """One host: the filters that refuse it, in their order; or what each weigher says for it."""

    host: str
    node: str
    refused_by: tuple[str, ...] = ()
    weight: float = 0.0
    weights: dict[str, float] = {}


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """All hosts, the best first, those refused last; and how many the filters removed, each of those before it left.

    `traits`: what the server needs of a host, or must not find there (`!`) → how many hosts do not have it so."""

    hosts: tuple[HostExplained, ...]
    removed: dict[str, int]
    traits: dict[str, int]


def explain(hosts: Hosts, request: ServerRequest, *, filters: Collection[str], weighers: Mapping[str, float],
            plugins: Plugins = STANDARD) -> Explanation:
    mask, removed = hosts.present, {}
    refused: dict[int, list[str]] = {}
    for name, one in chain_of(request, filters, plugins).items():
        keeps = one.keeps(hosts, request)
        for row in np.flatnonzero(hosts.present & ~keeps).tolist():
            refused.setdefault(row, []).append(name)
        if gone := int(np.count_nonzero(mask & ~keeps)):
            removed[name] = gone
        mask = mask & keeps
    rows = np.flatnonzero(mask)
    parts = {name: weight(hosts, request, rows, plugins.weighers[name], by) for name, by in weighers.items()}
    said = {name: part.tolist() for name, part in parts.items() if part is not None}
    kept = []
    for at, row in enumerate(rows.tolist()):
        weights = {name: round(part[at], 6) for name, part in said.items() if part[at]}
        total = round(sum(weights.values()), 6)
        kept.append(HostExplained(host=hosts.at(row).host, node=hosts.at(row).node, weights=weights, weight=total))
    kept.sort(key=lambda host: (-host.weight, host.host))
    out = [HostExplained(host=hosts.at(row).host, node=hosts.at(row).node, refused_by=tuple(names)) for row, names in refused.items()]
    return Explanation(hosts=(*kept, *sorted(out, key=lambda host: host.host)), removed=removed, traits=unmet(hosts, request))


def unmet(hosts: Hosts, request: ServerRequest) -> dict[str, int]:
    """How many hosts lack each trait that is needed, or have one that is forbidden (`!`)."""
    required, forbidden = request.traits()
    with_it = {trait: hosts.present & hosts.traits.get(trait, hosts.nowhere()) for trait in required | forbidden}
    wrong = {trait: hosts.present & ~with_it[trait] for trait in required} | {f"!{trait}": with_it[trait] for trait in forbidden}
    return {name: int(np.count_nonzero(mask)) for name, mask in sorted(wrong.items()) if mask.any()}
