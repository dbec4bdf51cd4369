"""Floating IPs: addresses of external networks that routers translate to ports' own."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence

from msgspec import UNSET

from pileus.core.context import EVERYONE, Context
from pileus.core.db import Duplicate
from pileus.network import addressing, errors
from pileus.network.model import FixedIpWish, FloatingIP, FloatingIPCreate, FloatingIPUpdate, Kind, Port, Wanted
from pileus.network.model.ports import OWNERS
from pileus.network.service.part import Part, expect_revision
from pileus.network.store.routers import floating_ips as fip_table
from pileus.network.store.routers import routers as router_table

ACTIVE, DOWN = "ACTIVE", "DOWN"
NOTHING = {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": DOWN}


class FloatingIPs(Part):
    async def list(self, who: Context, wanted: Wanted = Wanted()) -> builtins.list[FloatingIP]:
        return await self.stores.floating_ips.page(who.scope, wanted)

    async def get(self, who: Context, floatingip_id: str) -> FloatingIP:
        return await self.stores.floating_ips.get(floatingip_id, who.scope)

    async def create(self, who: Context, order: FloatingIPCreate) -> FloatingIP:
        return (await self.create_all(who, [order]))[0]

    async def create_all(self, who: Context, orders: Sequence[FloatingIPCreate]) -> builtins.list[FloatingIP]:
        async with self.db.transaction():
            ids = [await self._create(who, order) for order in orders]
            return [await self.stores.floating_ips.get(id, EVERYONE) for id in ids]

    async def update(self, who: Context, floatingip_id: str, order: FloatingIPUpdate, *, revision: int | None = None) -> FloatingIP:
        async with self.db.transaction():
            floating = await self.stores.floating_ips.bare(floatingip_id, who.scope, lock=True)
            expect_revision(floating, revision)
            changes = {} if order.description is UNSET else {"description": order.description}
            if order.port_id is not UNSET or order.fixed_ip_address is not UNSET:
                port_id = floating.port_id if order.port_id is UNSET else order.port_id
                fixed = order.fixed_ip_address if order.fixed_ip_address is not UNSET else None
                changes |= await self._association(who, floating, port_id, fixed)
            if changes:
                await self._write(floating, changes)
            self.net.sync.touch(central=True)
        return await self.get(who, floatingip_id)

    async def delete(self, who: Context, floatingip_id: str, *, revision: int | None = None) -> None:
        async with self.db.transaction():
            floating = await self.stores.floating_ips.bare(floatingip_id, who.scope, lock=True)
            expect_revision(floating, revision)
            await self._delete(floating)

    # ---- for the rest of the service -----------------------------------------------------------------------------------
    async def release_port(self, port: Port, ips: Iterable[str] | None = None) -> None:
        """A port is going, or (`ips`) some of its addresses: floating IPs let go of them."""
        if port.kind != Kind.GUEST:
            return
        gone = None if ips is None else set(ips)
        for floating in await self.stores.floating_ips.of_ports([port.id]):
            if gone is None or floating.fixed_ip_address in gone:
                await self.stores.floating_ips.update(floating.id, self.now(), **NOTHING)
                self.net.sync.touch(central=True)

    async def delete_unused(self, network_id: str) -> None:
        """Those of an external network that stand for nothing go with it."""
        unused = (fip_table.c.floating_network_id == network_id, fip_table.c.port_id.is_(None))
        for floating in await self.stores.floating_ips.all(*unused):
            await self._delete(floating)

    # ---- helpers -----------------------------------------------------------------------------------------------------
    async def _create(self, who: Context, order: FloatingIPCreate) -> str:
        project, now = self.owner(who, order), self.now()
        await self.net.groups.ensure_default(project)
        await self.net.quotas.take(project, "floatingip")
        network = await self.stores.networks.bare(order.floating_network_id, who.scope)
        if not network.external:
            raise errors.BadRequest(resource="floatingip", why=f"Network {network.id} is not a valid external network")
        floating_id = self.ids.uuid()
        port = await self.net.ports.service_port(
            network, Kind.FLOATING, OWNERS[Kind.FLOATING], project_id="", device_id=floating_id
        )
        ip = await self._address(port, order)
        floating = FloatingIP(
            id=floating_id,
            project_id=project,
            description=order.description,
            floating_network_id=network.id,
            floating_ip_address=ip,
            floating_port_id=port.id,
            dns_name=order.dns_name.lower(),
            dns_domain=order.dns_domain,
            created_at=now,
            updated_at=now,
        )
        await self.stores.floating_ips.insert(floating)
        await self.add_tags(floating_id, order.tags)
        if order.port_id is not None or order.fixed_ip_address is not None:
            await self._write(floating, await self._association(who, floating, order.port_id, order.fixed_ip_address))
        self.net.sync.touch(central=True)
        return floating_id

    async def _delete(self, floating: FloatingIP) -> None:
        await self.stores.floating_ips.delete(floating.id)
        port = await self.stores.ports.get(floating.floating_port_id, EVERYONE)
        await self.net.ports.remove(port, {subnet.id: subnet for subnet in await self.stores.subnets.on(port.network_id)})
        self.net.sync.touch(central=True)

    async def _address(self, port: Port, order: FloatingIPCreate) -> str:
        """An IPv4 address on the external network: the one that was asked for, or any (of a subnet)."""
        subnets = [s for s in await self.stores.subnets.on(port.network_id) if s.ip_version == 4]
        if not subnets:
            raise errors.ExternalIpAddressExhausted(network_id=port.network_id)
        wish = None
        if order.floating_ip_address is not None or order.subnet_id is not None:
            wish = [FixedIpWish(ip_address=order.floating_ip_address or UNSET, subnet_id=order.subnet_id or UNSET)]
        return (await self.net.allocation.addresses(port, subnets, wish))[0].ip

    async def _association(self, who: Context, floating: FloatingIP, port_id: str | None, fixed: str | None) -> dict:
        """The columns that say which port and address a floating IP stands for."""
        if port_id is None:
            if fixed is not None:
                raise errors.BadRequest(resource="floatingip", why="fixed_ip_address cannot be specified without a port_id")
            return dict(NOTHING)
        port = await self.stores.ports.get(port_id, who.scope)
        if port.project_id != floating.project_id and not self.kit.policy.check("context_is_admin", who):
            raise errors.BadRequest(
                resource="floatingip",
                why=f"Port {port_id} is associated with a different project than Floating IP "
                f"{floating.id} and therefore cannot be bound",
            )
        ip = _fixed(port, fixed)
        router_id = await self._router(floating, port, ip)
        return {"port_id": port_id, "fixed_ip_address": ip, "router_id": router_id, "status": ACTIVE}

    async def _router(self, floating: FloatingIP, port: Port, ip: str) -> str:
        """The router between the port's subnet and the external network; the subnet's gateway, if there are several."""
        subnet = await self.stores.subnets.bare(next(address.subnet_id for address in port.addresses if address.ip == ip))
        found = []
        for router in await self.stores.routers.all(router_table.c.gateway_network_id == floating.floating_network_id):
            for interface in await self.stores.routers.interfaces(router.id):
                here = [address.ip for address in interface.addresses if address.subnet_id == subnet.id]
                if here:
                    found.append((subnet.gateway_ip not in here, router.id))
        if not found:
            raise errors.ExternalGatewayForFloatingIPNotFound(
                network_id=floating.floating_network_id, subnet_id=subnet.id, port_id=port.id
            )
        return min(found)[1]

    async def _write(self, floating: FloatingIP, changes: dict) -> None:
        try:
            await self.stores.floating_ips.update(floating.id, self.now(), **changes)
        except Duplicate as taken:
            raise errors.FloatingIPPortAlreadyAssociated(
                floating=floating.floating_ip_address, port_id=changes.get("port_id"), fixed=changes.get("fixed_ip_address"),
                network_id=floating.floating_network_id) from taken


def _fixed(port: Port, wanted: str | None) -> str:
    """The address of the port that a floating IP will stand for."""
    have = [address.ip for address in port.addresses if ":" not in address.ip]
    if wanted is not None:
        ip = addressing.address(wanted, "fixed_ip_address")
        if ip not in have:
            raise errors.BadRequest(resource="floatingip", why=f"Port {port.id} does not have fixed ip {ip}")
        return ip
    if not have:
        raise errors.BadRequest(
            resource="floatingip", why=f"Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses"
        )
    if len(have) > 1:
        raise errors.BadRequest(
            resource="floatingip",
            why=f"Port {port.id} has multiple fixed IPv4 addresses. Must provide a specific IPv4 address "
            "when assigning a floating IP",
        )
    return have[0]

