"""What a server takes, by resource class: its flavor's size, as the extra specs of the flavor change it.

`resources:CLASS=N` asks for other classes or changes the amount of the usual ones (0: none of it); `resources_GROUP:CLASS`
and `trait_GROUP:TRAIT` ask for a provider of their own; CPUs for itself are PCPU and not VCPU; each name in `hw:pmem` is a
piece of persistent memory. Pure.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from pileus.compute.model.flavor import Flavor
from pileus.compute.model.numa import dedicated

#: What every host has an inventory of, and what the scheduler counts by itself.
USUAL = frozenset({"VCPU", "PCPU", "MEMORY_MB", "DISK_GB"})
_ASKED = re.compile(r"(resources|trait)([a-zA-Z0-9_-]*):(.+)")


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What one provider has to give."""

    resources: dict[str, int] = {}
    required: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """`resources` of the host as a whole; `groups` by their suffix."""

    resources: dict[str, int]
    groups: dict[str, Group] = {}
    isolate: bool = False

    @property
    def unusual(self) -> bool:
        """Whether placement has to be asked where there is such a thing at all."""
        return bool(self.groups) or not self.resources.keys() <= USUAL


def demand(flavor: Flavor, properties: Mapping[str, str]) -> Demand:
    """What a server of this flavor, made of an image with these properties, takes. Classes it takes nothing of are left out."""
    own = len(dedicated(flavor.vcpus, flavor.extra_specs, properties))
    wanted = {"VCPU": flavor.vcpus - own, "PCPU": own, "MEMORY_MB": flavor.memory_mb,
              "DISK_GB": flavor.root_gib + flavor.ephemeral_gib + (flavor.swap_mb + 1023) // 1024}
    for piece in filter(None, flavor.extra_specs.get("hw:pmem", "").split(",")):
        name = f"CUSTOM_PMEM_NAMESPACE_{piece.upper()}"
        wanted[name] = wanted.get(name, 0) + 1
    groups: dict[str, Group] = {}
    for key, value in flavor.extra_specs.items():
        if (found := _ASKED.fullmatch(key)) is None:
            continue
        what, suffix, name = found.groups()
        group = groups.get(suffix, Group()) if suffix else None
        if what == "resources" and value.isdecimal():
            if group is None:
                wanted[name] = int(value)
            else:
                groups[suffix] = msgspec.structs.replace(group, resources={**group.resources, name: int(value)})
        elif what == "trait" and group is not None and value in ("required", "forbidden"):
            groups[suffix] = msgspec.structs.replace(group, **{value: getattr(group, value) | {name}})
    return Demand(resources={name: amount for name, amount in wanted.items() if amount},
                  groups={suffix: group for suffix, group in groups.items() if group.resources},
                  isolate=flavor.extra_specs.get("group_policy") == "isolate")
