"""What hosts report: their inventory becomes placement's, their guests' power states the servers', and guests whose server
is gone or elsewhere are disowned. Everything a lost message would have caused is caught here, once a minute."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta
from typing import Any

from pileus.compute.config import ComputeConfig
from pileus.compute.hypervisor.base import ABILITIES, GuestState, Inventory, Power
from pileus.compute.hypervisor.devices import TRAITS, UEFI_TRAIT
from pileus.compute.hypervisor.limits import CPU_TRAIT, VIF_TRAIT
from pileus.compute.interface import HostReport, Verdict
from pileus.compute.model.demand import USUAL
from pileus.compute.model.host import Host
from pileus.compute.model.server import BUILDING, SYNC, Server
from pileus.compute.service.hosts import DISABLED, NODE
from pileus.compute.store.migrations import Migrations
from pileus.compute.store.servers import Servers
from pileus.core.kit import Kit
from pileus.core.log import Log

#: The traits that hosts' drivers speak of: what a host does not say it cannot.
OURS = frozenset((*ABILITIES.values(), *TRAITS, CPU_TRAIT, VIF_TRAIT, UEFI_TRAIT))

log = Log("pileus.compute.reports")

#: A server that changed so lately is not judged by a report that may be older than the change.
SETTLED = timedelta(seconds=5)


class Reports:
    """Serves `ComputeReports` in the control plane."""

    def __init__(self, kit: Kit, config: ComputeConfig, *, hosts: Any, placement: Any, servers: Servers, migrations: Migrations):
        self.kit, self.config = kit, config
        self.hosts, self.placement, self.servers, self.migrations = hosts, placement, servers, migrations

    async def report(self, report: HostReport) -> Verdict:
        aggregates = await self.hosts.aggregates.all()
        async with self.kit.db.transaction():
            host = await self.hosts.report(report.host, report.inventory, running_vms=len(report.guests))
            await self._tell_placement(host)
            mirrored = await self.placement.aggregates(host.id) - {a.uuid for a in aggregates}
            await self.placement.set_aggregates(host.id, mirrored | {a.uuid for a in aggregates if host.host in a.hosts})
        return await self._judge(report)

    async def _tell_placement(self, host: Host) -> None:
        """The host's inventory is what it has; ratios, classes and traits that an administrator added stay."""
        has = host.inventory
        await self.placement.ensure_provider(host.id, has.hypervisor_hostname)
        known = await self.placement.inventory(host.id)
        stock = self._stock(has, {name: s.allocation_ratio for name, s in known.items()})
        # What servers still hold of a class that the host has no longer goes with the last of them.
        kept = {name: s.plain for name, s in known.items() if name not in USUAL or (name not in stock and s.used)}
        await self.placement.set_inventory(host.id, kept | stock)
        operators = {trait for trait in await self.placement.traits(host.id) if trait.startswith("CUSTOM_")} - OURS
        disabled = {DISABLED} if host.disabled else set()
        await self.placement.set_traits(host.id, operators | disabled | set(has.traits) | {NODE})

    def _stock(self, has: Inventory, ratios: dict[str, float]) -> dict[str, Any]:
        from pileus.placement.model import Inventory as Stock

        config = self.config
        cpu = config.cpu_allocation_ratio or ratios.get("VCPU", config.initial_cpu_allocation_ratio)
        ram = config.ram_allocation_ratio or ratios.get("MEMORY_MB", config.initial_ram_allocation_ratio)
        disk = config.disk_allocation_ratio or ratios.get("DISK_GB", config.initial_disk_allocation_ratio)
        stock = {
            "VCPU": Stock(total=has.vcpus, reserved=min(config.reserved_host_cpus, has.vcpus), allocation_ratio=cpu, max_unit=has.vcpus),
            "PCPU": Stock(total=has.pcpus, max_unit=has.pcpus),
            "MEMORY_MB": Stock(total=has.memory_mb, reserved=min(config.reserved_host_memory_mb, has.memory_mb),
                               allocation_ratio=ram, max_unit=has.memory_mb),
            "DISK_GB": Stock(total=has.disk_gib, reserved=min(config.reserved_host_disk_gib, has.disk_gib),
                             allocation_ratio=disk, max_unit=max(has.disk_gib, 1)),
        }
        return {name: s for name, s in stock.items() if s.total > 0}

    async def _judge(self, report: HostReport) -> Verdict:
        here = {s.id: s for s in await self.servers.on_host(report.host)}
        guests = {g.id: g for g in report.guests}
        before, synced = self.kit.clock.now() - SETTLED, 0
        for server in here.values():
            if server.task_state is None and server.vm_state != BUILDING and server.updated_at < before:
                synced += await self._sync(server, guests.get(server.id))
        destroy, unknown = [], []
        strays = guests.keys() - here.keys()
        moving = {m.server_id for m in await self.migrations.on_host(report.host)} if strays else set()
        for guest_id in strays - moving:
            record = await self.servers.find(guest_id)
            if record is None:
                unknown.append(guest_id)
            elif (record.deleted_at is not None or record.host != report.host) and record.updated_at < before:
                destroy.append(guest_id)
        return Verdict(destroy=tuple(destroy), unknown=tuple(unknown), synced=synced)

    async def _sync(self, server: Server, guest: GuestState | None) -> bool:
        """Make the recorded power state the hypervisor's, and the vm_state what follows from it. Whether anything changed."""
        power = guest.power if guest is not None else Power.NOSTATE
        then = SYNC.get((server.vm_state, Power(power)), server.vm_state)
        changed = server.power_state != power or then != server.vm_state
        if changed:
            log.info("power state synchronised", server=server.id, power=Power(power).name, vm_state=then)
            await self.servers.update(server.id, self.kit.clock.now(), power_state=int(power), vm_state=then)
        return changed
