"""Choosing hosts: keeps the scheduler's snapshot, asks `scheduler.rank`, and claims the winner in placement.

The snapshot is a cache and may be behind; the claim decides. A claim that is refused costs one more try with the next
host, never a host that holds more than it has.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pileus.compute.config import ComputeConfig
from pileus.compute.errors import NoValidHost
from pileus.compute.model.host import Host
from pileus.compute.model.server import Server
from pileus.core.errors import Conflict
from pileus.core.kit import Kit
from pileus.core.log import Log

if TYPE_CHECKING:
    from pileus.compute.scheduler.rank import Choice
    from pileus.compute.scheduler.request import ServerRequest
    from pileus.compute.scheduler.snapshot import Hosts

log = Log("pileus.compute.scheduling")

#: How long the snapshot is trusted before it is read anew, in seconds. Our own claims are counted at once.
REFRESH_S = 5.0


def resources(server: Server) -> dict[str, int]:
    """What a server takes, by resource class; classes it takes nothing of are left out."""
    flavor = server.flavor
    wanted = {"VCPU": flavor.vcpus, "MEMORY_MB": flavor.memory_mb,
              "DISK_GB": flavor.root_gib + flavor.ephemeral_gib + (flavor.swap_mb + 1023) // 1024}
    return {name: amount for name, amount in wanted.items() if amount}


class Scheduling:
    def __init__(self, kit: Kit, config: ComputeConfig, *, hosts: Any, aggregates: Any, server_groups: Any, servers: Any, placement: Any):
        self.kit, self.config = kit, config
        self.hosts, self.aggregates, self.server_groups, self.servers, self.placement = hosts, aggregates, server_groups, servers, placement
        self._snapshot: Hosts | None = None
        self._read_at = 0.0
        self._hosts: tuple[Host, ...] = ()
        self._aggregates: tuple[Any, ...] = ()

    async def rank(self, server: Server, *, ignore: frozenset[str] = frozenset(), force_host: str | None = None,
                   force_node: str | None = None, image_properties: dict[str, str] | None = None) -> list[Choice]:
        """The hosts for a server, best first. Raises NoValidHost, saying which filter removed how many."""
        from pileus.compute.scheduler.filters import DEFAULT_FILTERS
        from pileus.compute.scheduler.rank import rank
        from pileus.compute.scheduler.weighers import DEFAULT_WEIGHERS

        snapshot = await self.snapshot()
        request = await self._request(server, ignore, force_host, force_node, image_properties or server.system_metadata)
        found = rank(snapshot, request, chance=self.kit.ids.random, filters=self.config.filters or DEFAULT_FILTERS,
                     weighers={**DEFAULT_WEIGHERS, **self.config.weighers}, n=1, alternates=self.config.max_attempts - 1)
        if not found.chosen:
            steps = ", ".join(f"{name} removed {count}" for name, count in found.removed.items())
            raise NoValidHost(reason=f"There are not enough hosts available. ({len(snapshot)} hosts: {steps or 'none'})")
        return [found.chosen[0], *found.alternates[0]]

    async def claim(self, server: Server, choices: list[Choice]) -> Choice:
        """Hold the server's resources on the first of the hosts that has them. Raises NoValidHost."""
        for choice in choices:
            try:
                await self.placement.claim(server.id, {choice.id: resources(server)}, project_id=server.project_id, user_id=server.user_id)
            except Conflict:
                self._read_at = 0.0                    # the snapshot is behind
                continue
            self._count(choice.id, server, +1)
            return choice
        raise NoValidHost(reason="The hosts chosen were taken in the meantime.")

    async def release(self, server: Server) -> None:
        """Give back what the server holds. Nothing held is nothing to do."""
        await self.placement.release(server.id)
        if server.host_id is not None:
            self._count(server.host_id, server, -1)

    async def snapshot(self) -> Hosts:
        now, hosts, aggregates = self.kit.clock.monotonic(), await self.hosts.all(), await self.aggregates.all()
        known = self._snapshot
        if known is None or now - self._read_at > REFRESH_S:
            known = await self._read(hosts)
            self._snapshot, self._read_at = known, now
            self._put_aggregates(known, aggregates)
        # Both keep what they read: the same tuples and records come back until something changes.
        elif hosts is not self._hosts:
            self._put_changed(known, hosts)
        if aggregates is not self._aggregates:
            self._put_aggregates(known, aggregates)
        self._hosts, self._aggregates = hosts, aggregates
        return known

    async def _read(self, hosts: tuple[Host, ...]) -> Hosts:
        """Everything anew: what is used, and which servers are where."""
        from pileus.compute.scheduler.snapshot import Hosts, Limits

        used = await self.placement.usages_by_provider()
        placed: dict[str, set[str]] = {}
        for server_id, host in await self.servers.placed():
            placed.setdefault(host, set()).add(server_id)
        now = self.kit.clock.now()
        known = Hosts(Limits(default_availability_zone=self.config.default_availability_zone))
        for host in hosts:
            known.put(self._column(host, used.get(host.id, {}), frozenset(placed.get(host.host, ())), now))
        return known

    def _put_changed(self, known: Hosts, hosts: tuple[Host, ...]) -> None:
        """Hosts that reported, came or went; what is used of them stays as it was counted."""
        before, now = {h.id: h for h in self._hosts}, self.kit.clock.now()
        for host in hosts:
            if before.pop(host.id, None) is not host:
                old = known.find(host.id)
                used = {"VCPU": old.vcpus_used, "MEMORY_MB": old.memory_mb_used, "DISK_GB": old.disk_gib_used} if old else {}
                known.put(self._column(host, used, old.servers if old else frozenset(), now))
        for id in before:
            known.remove(id)

    def _put_aggregates(self, known: Hosts, aggregates: tuple[Any, ...]) -> None:
        for id in list(known.aggregates.keys() - {str(a.id) for a in aggregates}):
            known.remove_aggregate(id)
        for aggregate in aggregates:
            known.put_aggregate(str(aggregate.id), aggregate.metadata, aggregate.hosts)

    def _column(self, host: Host, used: dict[str, int], placed: frozenset[str], now: Any):
        from pileus.compute.scheduler.snapshot import Host as Column

        has, config = host.inventory, self.config
        return Column(
            id=host.id, host=host.host, node=has.hypervisor_hostname, vcpus=has.vcpus, vcpus_used=used.get("VCPU", 0),
            memory_mb=has.memory_mb, memory_mb_used=used.get("MEMORY_MB", 0),
            memory_mb_reserved=min(config.reserved_host_memory_mb, has.memory_mb),
            disk_gib=has.disk_gib, disk_gib_used=used.get("DISK_GB", 0), disk_gib_reserved=min(config.reserved_host_disk_gib, has.disk_gib),
            cpu_allocation_ratio=config.cpu_allocation_ratio, ram_allocation_ratio=config.ram_allocation_ratio,
            disk_allocation_ratio=config.disk_allocation_ratio, enabled=not host.disabled, up=self.hosts.is_up(host, now),
            num_instances=len(placed), hypervisor_type=has.hypervisor_type, hypervisor_version=has.hypervisor_version,
            cpu_arch=has.cpu_arch, capabilities=has.cpu_info, traits=frozenset(has.traits), servers=placed)

    def _count(self, host_id: str, server: Server, sign: int) -> None:
        """Keep the snapshot in step with our own claims and releases."""
        known = self._snapshot.find(host_id) if self._snapshot is not None else None
        if self._snapshot is None or known is None:
            return
        takes = resources(server)
        self._snapshot.put(msgspec.structs.replace(
            known, vcpus_used=known.vcpus_used + sign * takes.get("VCPU", 0),
            memory_mb_used=known.memory_mb_used + sign * takes.get("MEMORY_MB", 0),
            disk_gib_used=known.disk_gib_used + sign * takes.get("DISK_GB", 0), num_instances=known.num_instances + sign,
            servers=known.servers | {server.id} if sign > 0 else known.servers - {server.id}))

    async def _request(self, server: Server, ignore: frozenset[str], force_host: str | None, force_node: str | None,
                       image_properties: dict[str, str]) -> ServerRequest:
        from pileus.compute.scheduler.request import ServerRequest

        hints, takes = server.scheduler_hints, resources(server)
        return ServerRequest(
            vcpus=takes.get("VCPU", 0), memory_mb=takes.get("MEMORY_MB", 0), disk_gib=takes.get("DISK_GB", 0), project_id=server.project_id,
            flavor_name=server.flavor.name, extra_specs=server.flavor.extra_specs, image_id=server.image_id or "",
            image_properties=image_properties, availability_zone=server.pinned_zone, force_host=force_host, force_node=force_node,
            ignore_hosts=ignore, group=await self._group(hints.get("group")), same_host=_ids(hints.get("same_host")),
            different_host=_ids(hints.get("different_host")), build_near_host_ip=hints.get("build_near_host_ip"),
            cidr=hints.get("cidr", "/24"), query=hints.get("query"))

    async def _group(self, group_id: str | None):
        from pileus.compute.scheduler.request import Group

        if group_id is None:
            return None
        group = await self.server_groups.get(group_id, "*")
        count: dict[str, int] = {}
        for host in (await self.servers.hosts_of(await self.server_groups.members(group_id))).values():
            count[host] = count.get(host, 0) + 1
        return Group(policy=group.policy, max_server_per_host=int(group.rules.get("max_server_per_host", 1)), hosts=count)


def _ids(hint: Any) -> tuple[str, ...]:
    return () if not hint else (hint,) if isinstance(hint, str) else tuple(hint)
