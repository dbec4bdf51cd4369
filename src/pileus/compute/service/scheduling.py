"""Choosing hosts: asks `scheduler.rank` about the snapshot, and claims the winner in placement.

The snapshot is a cache and may be behind; the claim decides. A claim that is refused costs one more try with the next
host, never a host that holds more than it has. What only placement knows (custom resource classes, providers below a
host) it is asked beforehand, and then it says which provider gives what.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from pileus.compute.config import ComputeConfig
from pileus.compute.errors import NoValidHost, PciAliasUnknown
from pileus.compute.hypervisor.limits import traits_for
from pileus.compute.model.demand import Demand, demand
from pileus.compute.model.needs import traits_needed
from pileus.compute.model.numa import guest_cells
from pileus.compute.model.server import Server
from pileus.compute.service.snapshot import Snapshot
from pileus.core.errors import CloudError, Conflict
from pileus.core.kit import Kit
from pileus.core.log import Log
from pileus.core.turns import Turns

if TYPE_CHECKING:
    from pileus.compute.scheduler.explain import Explanation
    from pileus.compute.scheduler.plugins import Plugins
    from pileus.compute.scheduler.rank import Choice
    from pileus.compute.scheduler.request import PciRequest, ServerRequest

#: What is asked again when a server gets another image.
OF_IMAGES = frozenset({"AggregateImagePropertiesIsolation", "ImagePropertiesFilter", "IsolatedHostsFilter"})

log = Log("pileus.compute.scheduling")


def image_properties(server: Server) -> dict[str, str]:
    """What the image of a server said of itself when the server was ordered."""
    return {key[6:]: value for key, value in server.system_metadata.items() if key.startswith("image_")}


def demand_of(server: Server) -> Demand:
    return demand(server.flavor, image_properties(server))


def resources(server: Server) -> dict[str, int]:
    """What a server takes of its host, by resource class; classes it takes nothing of are left out."""
    return demand_of(server).resources


class Scheduling:
    def __init__(self, kit: Kit, config: ComputeConfig, *, hosts: Any, aggregates: Any, server_groups: Any, servers: Any, placement: Any):
        self.kit, self.config = kit, config
        self.hosts, self.server_groups, self.servers, self.placement = hosts, server_groups, servers, placement
        self._turns = Turns()
        self.snapshot = Snapshot(kit, config, hosts=hosts, aggregates=aggregates, servers=servers, placement=placement)

    @cached_property
    def _weighers(self) -> dict[str, float]:
        from pileus.compute.scheduler.weighers import DEFAULT_WEIGHERS

        return {**DEFAULT_WEIGHERS, **self.config.weighers}

    @cached_property
    def _filters(self) -> tuple[str, ...]:
        from pileus.compute.scheduler.filters import DEFAULT_FILTERS

        return tuple(self.config.filters) or DEFAULT_FILTERS

    @cached_property
    def _plugins(self) -> Plugins:
        from pileus.compute.scheduler.plugins import load

        return load(self._filters, self._weighers)

    def check(self) -> None:
        """Raise ValueError for a filter or weigher in the configuration that there is not; for the start."""
        if self.config.filters or self.config.weighers:
            _ = self._plugins

    @asynccontextmanager
    async def turn(self, server: Server) -> AsyncIterator[bool]:
        """Servers of one group are placed one after another: where each goes depends on where the others are. Whether it has a group."""
        group = server.scheduler_hints.get("group")
        if group is None:
            yield False
            return
        async with self._turns.of(group):
            yield True

    async def rank(self, server: Server, *, ignore: frozenset[str] = frozenset(), force_host: str | None = None,
                   force_node: str | None = None, destination: str | None = None,
                   image_properties: dict[str, str] | None = None, required_traits: frozenset[str] = frozenset()) -> list[Choice]:
        """The hosts for a server, best first. Raises NoValidHost, saying which filter removed how many.

        A forced host is only asked for room and life; a `destination` must pass every filter."""
        from pileus.compute.scheduler.explain import unmet
        from pileus.compute.scheduler.rank import rank

        snapshot = await self.snapshot.current()
        request = await self._request(server, image_properties, ignore_hosts=ignore, force_host=force_host, force_node=force_node,
                                      requested_destination=destination, required_traits=required_traits)
        found = rank(snapshot, request, chance=self.kit.ids.random, filters=self._filters, weighers=self._weighers, plugins=self._plugins,
                     n=1, alternates=self.config.max_attempts - 1)
        if not found.chosen:
            steps = ", ".join(f"{name} removed {count}" for name, count in found.removed.items())
            lacking = ", ".join(trait for trait, count in unmet(snapshot, request).items() if count == len(snapshot))
            lacking = f"; none is what was asked for: {lacking}" if lacking else ""
            raise NoValidHost(reason=f"There are not enough hosts available. ({len(snapshot)} hosts: {steps or 'none'}{lacking})")
        return [found.chosen[0], *found.alternates[0]]

    async def admit_image(self, server: Server) -> None:
        """Ask the filters that look at images whether a server may stay where it is with its new one (OSSA-2017-005).

        It takes nothing: what the server holds it holds already. Raises NoValidHost."""
        from pileus.compute.scheduler.rank import rank

        snapshot = await self.snapshot.current()
        request = await self._request(server, None, requested_destination=server.host)
        filters = tuple(name for name in self._filters if name in OF_IMAGES)
        if not rank(snapshot, msgspec.structs.replace(request, candidates=None), chance=self.kit.ids.random, filters=filters,
                    weighers=self._weighers, plugins=self._plugins, n=1, alternates=0).chosen:
            raise NoValidHost(reason="The server's host does not take its new image.")

    async def explain(self, server: Server) -> Explanation:
        """Where a server like this one could go now, host by host: the filter that says no, or the weights."""
        from pileus.compute.scheduler.explain import explain

        snapshot = await self.snapshot.current()
        return explain(snapshot, await self._request(server, None), filters=self._filters, weighers=self._weighers, plugins=self._plugins)

    async def claim(self, server: Server, choices: list[Choice]) -> Choice:
        """Hold the server's resources on the first of the hosts that has them. Raises NoValidHost."""
        for choice in choices:
            try:
                amounts = await self.amounts(server, choice.id)
                await self.placement.claim(server.id, amounts, project_id=server.project_id, user_id=server.user_id)
            except Conflict:
                self.snapshot.outdate()
                continue
            self.snapshot.count(choice.id, server.id, resources(server), +1)
            return choice
        raise NoValidHost(reason="The hosts chosen were taken in the meantime.")

    async def release(self, server: Server) -> None:
        """Give back what the server holds. Nothing held is nothing to do."""
        await self.placement.release(server.id)
        if (host_id := server.host_id) is not None:
            self.kit.db.after_commit(lambda: self.snapshot.count(host_id, server.id, resources(server), -1))

    # ---- placement ---------------------------------------------------------------------------------------------------
    async def amounts(self, server: Server, host_id: str) -> dict[str, dict[str, int]]:
        """What to claim for a server on a host. Raises Conflict when placement finds no way."""
        wanted = demand_of(server)
        if not wanted.unusual:
            return {host_id: wanted.resources}
        found, _ = await self.placement.candidates(_asked(wanted, in_tree=host_id))
        if not found:
            raise Conflict(f"{host_id} has not all of what server {server.id} takes.")
        return found[0].allocations

    async def _candidates(self, wanted: Demand) -> frozenset[str] | None:
        """The hosts with all that is wanted, when that is more than the snapshot knows of."""
        if not wanted.unusual:
            return None
        try:
            found, nodes = await self.placement.candidates(_asked(wanted))
        except CloudError as unknown:                       # a class or a trait that nobody has made
            raise NoValidHost(reason=str(unknown)) from unknown
        return frozenset(nodes[id].provider.root_id for one in found for id in one.allocations)

    # ---- the request -------------------------------------------------------------------------------------------------
    async def _request(self, server: Server, properties: dict[str, str] | None, required_traits: frozenset[str] = frozenset(),
                       **more: Any) -> ServerRequest:
        from pileus.compute.scheduler.request import ServerRequest

        hints, flavor = server.scheduler_hints, server.flavor
        properties = properties or image_properties(server)
        wanted = demand(flavor, properties)
        takes = wanted.resources
        return ServerRequest(
            vcpus=takes.get("VCPU", 0), pcpus=takes.get("PCPU", 0), memory_mb=takes.get("MEMORY_MB", 0), disk_gib=takes.get("DISK_GB", 0),
            project_id=server.project_id, flavor_name=flavor.name, extra_specs=flavor.extra_specs, image_id=server.image_id or "",
            image_properties=properties, availability_zone=server.pinned_zone, group=await self._group(hints.get("group"), server.id),
            same_host=_ids(hints.get("same_host")), different_host=_ids(hints.get("different_host")),
            build_near_host_ip=hints.get("build_near_host_ip"), cidr=hints.get("cidr", "/24"), query=hints.get("query"),
            cells=guest_cells(flavor.vcpus, flavor.memory_mb, flavor.extra_specs, properties), pci=self.pci(flavor.extra_specs),
            candidates=await self._candidates(wanted),
            required_traits=required_traits | traits_for(flavor.extra_specs) | traits_needed(flavor.extra_specs, properties), **more)

    def pci(self, specs: dict[str, str]) -> tuple[PciRequest, ...]:
        """`pci_passthrough:alias = name:count,…` of a flavor. Raises PciAliasUnknown for one that the configuration does not name."""
        from pileus.compute.scheduler.request import PciDevice, PciRequest

        found = []
        for part in filter(None, specs.get("pci_passthrough:alias", "").split(",")):
            name, _, count = part.strip().partition(":")
            kinds = self.config.scheduler.pci_aliases.get(name)
            if kinds is None or not count.isdecimal():
                raise PciAliasUnknown(alias=part)
            found.append(PciRequest(count=int(count), devices=tuple(
                PciDevice(vendor_id=k.vendor_id, product_id=k.product_id, device_type=k.device_type) for k in kinds)))
        return tuple(found)

    async def _group(self, group_id: str | None, server_id: str):
        """The server's group, without the server itself: one that moves does not stand in its own way."""
        from pileus.compute.scheduler.request import Group

        if group_id is None:
            return None
        group = await self.server_groups.get(group_id, "*")
        count: dict[str, int] = {}
        others = set(await self.server_groups.members(group_id)) - {server_id}
        for host in (await self.servers.hosts_of(others)).values():
            count[host] = count.get(host, 0) + 1
        return Group(policy=group.policy, max_server_per_host=int(group.rules.get("max_server_per_host", 1)), hosts=count)


def _ids(hint: Any) -> tuple[str, ...]:
    return () if not hint else (hint,) if isinstance(hint, str) else tuple(hint)


def _asked(wanted: Demand, in_tree: str | None = None) -> Any:
    """A demand as placement is asked for candidates."""
    from pileus.placement.candidates import Group, Wanted

    groups = [Group(suffix=suffix, resources=g.resources, required=tuple(frozenset({trait}) for trait in sorted(g.required)),
                    forbidden=g.forbidden, in_tree=in_tree) for suffix, g in wanted.groups.items()]
    groups.insert(0, Group(resources=wanted.resources, in_tree=in_tree))
    return Wanted(groups=tuple(groups), isolate=wanted.isolate, limit=1 if in_tree else None)
