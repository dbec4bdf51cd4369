"""The scheduler's snapshot, kept up to date: it follows hosts and aggregates as they change, and counts its own claims.

It is a cache and may be behind what other schedulers claim: every `REFRESH_S` it is read anew. What it gets wrong costs a
claim that placement refuses, never a host that holds more than it has.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from pileus.compute.config import ComputeConfig
from pileus.compute.model.host import Host
from pileus.compute.store.servers import Seat
from pileus.core.kit import Kit

if TYPE_CHECKING:
    from pileus.compute.scheduler.snapshot import Hosts, Limits

#: How long the snapshot is trusted before it is read anew, in seconds. Our own claims are counted at once.
REFRESH_S = 5.0
#: resource class → where the snapshot counts what is used of it
USED = {"VCPU": "vcpus_used", "PCPU": "pcpus_used", "MEMORY_MB": "memory_mb_used", "DISK_GB": "disk_gib_used"}


class Snapshot:
    def __init__(self, kit: Kit, config: ComputeConfig, *, hosts: Any, aggregates: Any, servers: Any, placement: Any):
        self.kit, self.config = kit, config
        self.hosts, self.aggregates, self.servers, self.placement = hosts, aggregates, servers, placement
        self.failed_builds: dict[str, int] = {}         # host → since its last success
        self._known: Hosts | None = None
        self._read_at = 0.0
        self._hosts: tuple[Host, ...] = ()
        self._aggregates: tuple[Any, ...] = ()
        self._stocks: dict[str, dict[str, Any]] = {}

    async def current(self) -> Hosts:
        now, hosts, aggregates = self.kit.clock.monotonic(), await self.hosts.all(), await self.aggregates.all()
        known = self._known
        if known is None or now - self._read_at > REFRESH_S or self._resized(hosts):
            known = await self._read(hosts)
            self._known, self._read_at = known, now
            self._put_aggregates(known, aggregates)
        # Both keep what they read: the same tuples and records come back until something changes.
        elif hosts is not self._hosts:
            self._put_changed(known, hosts)
        if aggregates is not self._aggregates:
            self._put_aggregates(known, aggregates)
        self._hosts, self._aggregates = hosts, aggregates
        return known

    def outdate(self) -> None:
        """Somebody else claimed: have it made anew when it is needed next."""
        self._known = None

    def count(self, host_id: str, server_id: str, takes: dict[str, int], sign: int) -> None:
        """Keep in step with our own claims (+1) and releases (-1)."""
        if self._known is not None:
            self._known.count(host_id, server_id, {field: takes.get(name, 0) for name, field in USED.items()}, sign)

    def built(self, host: str, *, well: bool) -> None:
        """A host built a server, or could not. Hosts that fail are chosen last until they succeed."""
        if well and host not in self.failed_builds:
            return
        failures = 0 if well else self.failed_builds.get(host, 0) + 1
        self.failed_builds[host] = failures
        if well:
            del self.failed_builds[host]
        for id in [h.id for h in self._hosts if h.host == host]:
            known = self._known.find(id) if self._known is not None else None
            if self._known is not None and known is not None:
                self._known.put(msgspec.structs.replace(known, failed_builds=failures))

    def _resized(self, hosts: tuple[Host, ...]) -> bool:
        """Whether a host is new, or has more or less than before: placement has to be asked what of it there is now."""
        if hosts is self._hosts:
            return False
        before = {h.id: h for h in self._hosts}
        return any(old is None or (old is not h and old.inventory != h.inventory) for h in hosts for old in (before.get(h.id),))

    async def _read(self, hosts: tuple[Host, ...]) -> Hosts:
        """Everything anew: what is used, and which servers are where. Most hosts are as they were, and stay where they are."""
        from pileus.compute.scheduler.snapshot import Hosts

        self._stocks = await self.placement.stocks_by_provider()
        seats: dict[str, list[Seat]] = {}
        for seat in await self.servers.seats(properties=self._weighs_properties()):
            seats.setdefault(seat.host, []).append(seat)
        now, known = self.kit.clock.now(), self._known or Hosts(self._limits())
        for host in hosts:
            column = self._column(host, now, tuple(seats.get(host.host, ())))
            if known.find(host.id) != column:
                known.put(column)
        for id in known.row_of.keys() - {host.id for host in hosts}:
            known.remove(id)
        return known

    def _put_changed(self, known: Hosts, hosts: tuple[Host, ...]) -> None:
        """Hosts that reported, came or went; what is used of them stays as it was counted."""
        before, now = {h.id: h for h in self._hosts}, self.kit.clock.now()
        for host in hosts:
            if before.pop(host.id, None) is not host:
                old, column = known.find(host.id), self._column(host, now, ())
                counted = (*USED.values(), "num_instances", "num_io_ops", "servers", "properties")
                known.put(msgspec.structs.replace(column, **{name: getattr(old, name) for name in counted}) if old else column)
        for id in before:
            known.remove(id)

    def _put_aggregates(self, known: Hosts, aggregates: tuple[Any, ...]) -> None:
        for id in list(known.aggregates.keys() - {str(a.id) for a in aggregates}):
            known.remove_aggregate(id)
        for aggregate in aggregates:
            known.put_aggregate(str(aggregate.id), aggregate.metadata, aggregate.hosts)

    def _column(self, host: Host, now: datetime, seats: tuple[Seat, ...]):
        """What the scheduler knows of a host. Amounts are placement's: an administrator may have changed them there."""
        from pileus.compute.scheduler.snapshot import Host as Column

        has, stocks = host.inventory, self._stocks.get(host.id, {})
        facts: dict[str, Any] = {}
        for name, field, ratio in (("VCPU", "vcpus", "cpu"), ("MEMORY_MB", "memory_mb", "ram"), ("DISK_GB", "disk_gib", "disk")):
            if stock := stocks.get(name):
                facts |= {field: stock.total, f"{field}_used": stock.used, f"{field}_reserved": stock.reserved,
                          f"{ratio}_allocation_ratio": stock.allocation_ratio}
            else:
                facts |= {field: 0}
        if pcpus := stocks.get("PCPU"):
            facts |= {"pcpus": pcpus.total - pcpus.reserved, "pcpus_used": pcpus.used}
        properties: dict[str, int] = {}
        for seat in seats:
            for pair in seat.properties:
                properties[pair] = properties.get(pair, 0) + 1
        return Column(
            id=host.id, host=host.host, node=has.hypervisor_hostname, **facts, enabled=not host.disabled, up=self.hosts.is_up(host, now),
            num_instances=len(seats), num_io_ops=sum(seat.busy for seat in seats), failed_builds=self.failed_builds.get(host.host, 0),
            hypervisor_type=has.hypervisor_type, hypervisor_version=has.hypervisor_version, cpu_arch=has.cpu_arch,
            capabilities={**has.cpu_info, "cpu_info": has.cpu_info}, traits=frozenset(has.traits),
            servers=frozenset(seat.id for seat in seats), host_ip=has.host_ip, cells=has.cells, pci=has.pci, metrics=has.metrics,
            properties=properties)

    def _weighs_properties(self) -> bool:
        """Whether images' properties have any weight; reading those of all servers takes time."""
        option = "image_props_weight_multiplier"
        return bool(self.config.weighers.get("ImagePropertiesWeigher")) or any(option in a.metadata for a in self._aggregates)

    def _limits(self) -> Limits:
        from pileus.compute.scheduler.snapshot import Limits

        wanted = self.config.scheduler
        return Limits(
            default_availability_zone=self.config.default_availability_zone, max_io_ops_per_host=wanted.max_io_ops_per_host,
            max_instances_per_host=wanted.max_instances_per_host, isolated_hosts=frozenset(wanted.isolated_hosts),
            isolated_images=frozenset(wanted.isolated_images),
            restrict_isolated_hosts_to_isolated_images=wanted.restrict_isolated_hosts_to_isolated_images,
            aggregate_image_properties_isolation_namespace=wanted.aggregate_image_properties_isolation_namespace,
            aggregate_image_properties_isolation_separator=wanted.aggregate_image_properties_isolation_separator,
            metrics_weights=wanted.metrics_weights, metrics_required=wanted.metrics_required,
            metrics_weight_of_unavailable=wanted.metrics_weight_of_unavailable, image_properties_weights=wanted.image_properties_weights)
