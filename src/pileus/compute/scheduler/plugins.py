"""The filters and weighers there are: those of Nova's names, and those that third parties bring.

A package brings one by an entry point in the group `pileus.scheduler.filters` or `pileus.scheduler.weighers`: the name is
the one the configuration uses, the object a `Filter` or a `Weigher`. Only what the configuration names is loaded.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

import msgspec

from pileus.compute.scheduler.filters import FILTERS, Filter
from pileus.compute.scheduler.weighers import WEIGHERS, Weigher

T = TypeVar("T")


class Plugins(msgspec.Struct, frozen=True):
    """By name."""

    filters: Mapping[str, Filter]
    weighers: Mapping[str, Weigher]

    def check(self, filters: Collection[str], weighers: Collection[str]) -> None:
        """Raise ValueError for a name that no filter or weigher has; for configuration, at start."""
        for kind, names, table in (("filter", filters, self.filters), ("weigher", weighers, self.weighers)):
            unknown = [name for name in names if name not in table]
            if unknown:
                raise ValueError(f"no such {kind}: {', '.join(unknown)} (there are {', '.join(sorted(table))})")


STANDARD = Plugins(FILTERS, WEIGHERS)


def load(filters: Collection[str], weighers: Collection[str]) -> Plugins:
    """The standard ones and those of others that are named. Raises ValueError for a name nobody has."""
    found = Plugins({**FILTERS, **_others("pileus.scheduler.filters", FILTERS, filters, Filter)},
                    {**WEIGHERS, **_others("pileus.scheduler.weighers", WEIGHERS, weighers, Weigher)})
    found.check(filters, weighers)
    return found


def _others(group: str, known: Collection[str], names: Collection[str], kind: type[T]) -> dict[str, T]:
    found: dict[str, T] = {}
    if all(name in known for name in names):
        return found                                # reading what is installed takes time
    for point in entry_points(group=group):
        if point.name in names and point.name not in known:
            found[point.name] = _loaded(point, kind)
    return found


def _loaded(point: EntryPoint, kind: type[T]) -> T:
    thing = point.load()
    if not isinstance(thing, kind):
        raise ValueError(f"{point.value} is no {kind.__name__}")
    return thing
