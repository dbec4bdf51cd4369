"""Compute hosts: who reports, who is alive, who may take servers, and which availability zone they are in.

The processes of the control plane are listed beside them as Nova would, for clients that look for a scheduler and a
conductor; only hosts can be disabled, forced down or deleted.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import socket
import uuid
from datetime import datetime, timedelta
from typing import Any

import msgspec

from pileus.compute.config import ComputeConfig
from pileus.compute.errors import HostHasServers, HostNotFound, ServiceNotFound, ServiceNotUpdatable
from pileus.compute.hypervisor.base import Inventory
from pileus.compute.model.host import Host, Service, Used
from pileus.compute.store.aggregates import Aggregates as AggregateStore
from pileus.compute.store.hosts import Hosts as Store
from pileus.core.errors import NotFound
from pileus.core.kit import Kit

COMPUTE = "nova-compute"
#: The trait of a provider whose host takes no servers.
DISABLED = "COMPUTE_STATUS_DISABLED"
#: What providers are that are hosts.
NODE = "COMPUTE_NODE"
#: The parts of the control plane that OpenStack's clients look for.
CONTROL = ("nova-conductor", "nova-scheduler")
#: Where the control plane is, as far as availability zones go: nowhere a server may ask for.
INTERNAL_ZONE = "internal"


class Hosts:
    def __init__(self, kit: Kit, config: ComputeConfig, *, placement: Any = None, node: str = ""):
        """`node`: the name that the control plane's processes go by. A deleted host is deleted in `placement` too."""
        self.kit, self.config, self.placement = kit, config, placement
        self.node = node or socket.gethostname()
        self.store, self.aggregates = Store(kit.db), AggregateStore(kit.db)

    # ---- what agents say ---------------------------------------------------------------------------------------------
    async def report(self, host: str, inventory: Inventory, *, running_vms: int = 0) -> Host:
        """A host is alive and has this. The first report of a name chooses its ids; they never change afterwards."""
        now = self.kit.clock.now()
        async with self.kit.db.transaction():
            generation = await self.store.next_generation()
            known = await self.store.find(host)
            if known is None:
                made = Host(
                    id=self.kit.ids.uuid(),
                    service_id=self.kit.ids.uuid(),
                    number=await self.store.next_number(),
                    host=host,
                    inventory=inventory,
                    running_vms=running_vms,
                    reported_at=now,
                    created_at=now,
                )
                await self.store.insert(made, generation)
                return made
            heard = msgspec.structs.replace(
                known,
                inventory=inventory,
                running_vms=running_vms,
                reported_at=now,
                updated_at=known.updated_at if known.inventory == inventory else now,
            )
            await self.store.update(
                host,
                {
                    "inventory": msgspec.to_builtins(inventory),
                    "running_vms": running_vms,
                    "reported_at": now,
                    "updated_at": heard.updated_at,
                },
                generation,
            )
            return heard

    # ---- reading -----------------------------------------------------------------------------------------------------
    async def all(self) -> tuple[Host, ...]:
        """Every host by name, kept in memory: the same tuple as long as nothing changed."""
        return await self.store.all()

    async def get(self, host: str) -> Host:
        for known in await self.store.all():
            if known.host == host:
                return known
        raise HostNotFound(host=host)

    def is_up(self, host: Host, now: datetime | None = None) -> bool:
        """Whether the host reported lately and nobody declared it dead."""
        silent = (now or self.kit.clock.now()) - host.reported_at
        return not host.forced_down and silent <= timedelta(seconds=self.config.service_down_s)

    async def used(self) -> dict[str, Used]:
        """host → what its servers take, with what the configuration keeps back from them; every host is there."""
        kept = Used(memory_mb=self.config.reserved_host_memory_mb, disk_gib=self.config.reserved_host_disk_gib)
        found = await self.store.used()
        return {host.host: kept.and_(found.get(host.host, Used())) for host in await self.all()}

    async def used_by_project(self, host: str) -> dict[str, Used]:
        return await self.store.used_by_project(host)

    def uptime(self, host: Host) -> str | None:
        """For how long the host is up, as `uptime` writes it; None when it is down. Without its word, since its first report."""
        now = self.kit.clock.now()
        if not self.is_up(host, now):
            return None
        minutes = int((now - (host.inventory.booted_at or host.created_at)).total_seconds()) // 60
        days, hours = f"{minutes // 1440} days, " if minutes >= 1440 else "", f"{minutes // 60 % 24:2}:{minutes % 60:02}"
        return f" {now:%H:%M:%S} up {days}{hours}"

    async def servers(self, hosts: list[str]) -> dict[str, list[tuple[str, str]]]:
        """host → (id, name) of each of its servers."""
        return await self.store.servers(hosts)

    # ---- availability zones ------------------------------------------------------------------------------------------
    async def zone_by_host(self) -> dict[str, str]:
        """host → zone, for the hosts that an aggregate puts into one."""
        return {host: a.zone for a in await self.aggregates.all() if a.zone for host in a.hosts}

    async def zone_of(self, host: str) -> str:
        return (await self.zone_by_host()).get(host, self.config.default_availability_zone)

    async def zones(self) -> dict[str, list[Host]]:
        """zone → its hosts, by name. The zones are those that have hosts."""
        by_host = await self.zone_by_host()
        found: dict[str, list[Host]] = {}
        for host in await self.all():
            found.setdefault(by_host.get(host.host, self.config.default_availability_zone), []).append(host)
        return dict(sorted(found.items()))

    # ---- services ----------------------------------------------------------------------------------------------------
    async def services(self) -> list[Service]:
        """Every process, the control plane's first. Whoever can ask proves that the control plane is up."""
        now, zones = self.kit.clock.now(), await self.zone_by_host()
        control = [
            Service(
                id=str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{binary}.{self.node}")),
                number=n,
                binary=binary,
                host=self.node,
                zone=INTERNAL_ZONE,
                seen_at=now,
            )
            for n, binary in enumerate(CONTROL, 1)
        ]
        return control + [self._service(host, zones, now) for host in await self.all()]

    async def service(self, id: str) -> Service:
        for service in await self.services():
            if service.id == id:
                return service
        raise ServiceNotFound(id=id)

    async def change_service(self, service: Service, **values: Any) -> Service:
        """Set `disabled`, `disabled_reason` or `forced_down` of a nova-compute. Raises ServiceNotUpdatable for others."""
        if service.binary != COMPUTE:
            raise ServiceNotUpdatable(binary=service.binary)
        async with self.kit.db.transaction():
            if not await self.store.update(
                service.host, {**values, "updated_at": self.kit.clock.now()}, await self.store.next_generation()
            ):
                raise ServiceNotFound(id=service.id)
            if "disabled" in values:
                await self._show_disabled(service.host, values["disabled"])
        return await self.service(service.id)

    async def service_on(self, host: str, binary: str) -> Service:
        """By name, as clients before 2.53 do. Raises ServiceNotUpdatable when it is no nova-compute, HostNotFound."""
        if binary != COMPUTE:
            raise ServiceNotUpdatable(binary=binary)
        now = self.kit.clock.now()
        return self._service(await self.get(host), await self.zone_by_host(), now)

    async def delete(self, host: str) -> None:
        """Forget a host, in its aggregates and in placement too: all or nothing.

        Raises HostNotFound, HostHasServers while there are servers on it, Conflict while placement holds something for one.
        """
        async with self.kit.db.transaction():
            await self.store.next_generation()
            known = await self.get(host)
            if await self.store.count_servers(host):
                raise HostHasServers()
            await self.store.delete(host)
            if self.placement is not None:
                await self._delete_provider(known.id)
            await self.aggregates.change()
            for aggregate in await self.aggregates.all():
                if host in aggregate.hosts:
                    rest = [name for name in aggregate.hosts if name != host]
                    await self.aggregates.update(aggregate.id, {"hosts": rest, "updated_at": self.kit.clock.now()})

    async def _show_disabled(self, host: str, disabled: bool) -> None:
        """Placement knows that the host takes no servers, so that nobody is sent there who asks it directly."""
        id = await self._provider(host)
        if id is not None:
            known = await self.placement.traits(id)
            await self.placement.set_traits(id, known | {DISABLED} if disabled else known - {DISABLED})

    async def mirror(self, host: str, aggregate: str, *, member: bool) -> None:
        """Make the host's provider a member of the placement aggregate that a host aggregate is; or none of it any more."""
        id = await self._provider(host)
        if id is not None:
            known = await self.placement.aggregates(id)
            await self.placement.set_aggregates(id, known | {aggregate} if member else known - {aggregate})

    async def _provider(self, host: str) -> str | None:
        """The host's provider, once it has one."""
        known = await self.store.find(host)
        return known.id if known is not None and self.placement is not None and await self.placement.has_provider(known.id) else None

    async def _delete_provider(self, id: str) -> None:
        try:
            await self.placement.delete_provider(id)
        except NotFound:
            return

    def _service(self, host: Host, zones: dict[str, str], now: datetime) -> Service:
        return Service(
            id=host.service_id,
            number=len(CONTROL) + host.number,
            binary=COMPUTE,
            host=host.host,
            zone=zones.get(host.host, self.config.default_availability_zone),
            up=self.is_up(host, now),
            disabled=host.disabled,
            disabled_reason=host.disabled_reason,
            forced_down=host.forced_down,
            seen_at=host.reported_at,
        )
