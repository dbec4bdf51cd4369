"""Interfaces of routers: ports at which they are a part of networks."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from pileus.core.context import EVERYONE, Context
from pileus.network import errors
from pileus.network.model import Kind, Port, Router, RouterInterface, Subnet
from pileus.network.model.ports import OWNERS
from pileus.network.service.part import Part
from pileus.network.store.routers import floating_ips


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """Which interface was added or removed."""

    router: Router
    port: Port
    subnet_ids: tuple[str, ...]


class RouterInterfaces(Part):
    async def add_interface(self, who: Context, router_id: str, order: RouterInterface) -> Changed:
        """By a subnet: a new port at its gateway's address. By a port: that port becomes the router's."""
        if (order.port_id is UNSET) == (order.subnet_id is UNSET):
            why = (
                "Either subnet_id or port_id must be specified"
                if order.port_id is UNSET
                else "Cannot specify both subnet-id and port-id"
            )
            raise errors.BadRequest(resource="router", why=why)
        async with self.db.transaction():
            router = await self.stores.routers.bare(router_id, who.scope, lock=True)
            if order.port_id is UNSET:
                assert order.subnet_id is not UNSET
                changed = await self._add_by_subnet(who, router, order.subnet_id)
            else:
                changed = await self._add_by_port(who, router, order.port_id)
            await self.stores.routers.update(router_id, self.now())
            self.net.sync.touch(central=True, spread=[changed.port.network_id])
        return changed

    async def remove_interface(self, who: Context, router_id: str, order: RouterInterface) -> Changed:
        """The port goes as well."""
        if order.port_id is UNSET and order.subnet_id is UNSET:
            raise errors.BadRequest(resource="router", why="Either subnet_id or port_id must be specified")
        async with self.db.transaction():
            router = await self.stores.routers.bare(router_id, who.scope, lock=True)
            port = await self._interface(router, order)
            subnets = [await self.stores.subnets.bare(address.subnet_id) for address in port.addresses]
            gone = [s for s in subnets if order.port_id is not UNSET or s.id == order.subnet_id]
            await self._check_removable(router, port, gone)
            if len(gone) == len(subnets):
                await self.net.ports.remove(port, {subnet.id: subnet for subnet in subnets})
            else:
                for address in port.addresses:
                    if address.subnet_id == order.subnet_id:
                        await self.net.allocation.release(address, gone[0])
            await self.stores.routers.update(router_id, self.now())
            self.net.sync.touch(central=True, spread=[port.network_id])
        return Changed(router=router, port=port, subnet_ids=tuple(subnet.id for subnet in gone))

    # ---- adding --------------------------------------------------------------------------------------------------------
    async def _add_by_subnet(self, who: Context, router: Router, subnet_id: str) -> Changed:
        subnet = await self.stores.subnets.bare(subnet_id, who.scope)
        if subnet.gateway_ip is None:
            raise errors.BadRequest(resource="router", why="Subnet for router interface must have a gateway IP")
        gateway = ip_address(subnet.gateway_ip)
        if gateway not in ip_network(subnet.cidr) and not gateway.is_link_local:
            raise errors.InvalidIpForSubnet(ip=subnet.gateway_ip)
        if subnet.ip_version == 6 and subnet.ipv6_address_mode and not subnet.ipv6_ra_mode:
            raise errors.BadRequest(
                resource="router",
                why=f"IPv6 subnet {subnet_id} configured to receive RAs from an external router cannot be added to Neutron Router",
            )
        await self._check_new(router, [subnet])
        port = next(
            (
                one
                for one in await self.stores.routers.interfaces(router.id)
                if subnet.ip_version == 6 and one.network_id == subnet.network_id and all(":" in a.ip for a in one.addresses)
            ),
            None,
        )
        if port is None:
            network = await self.stores.networks.bare(subnet.network_id)
            port = await self.net.ports.service_port(
                network, Kind.INTERFACE, OWNERS[Kind.INTERFACE], project_id=router.project_id, device_id=router.id
            )
        address = await self.net.allocation.this(port, subnet, subnet.gateway_ip, at=len(port.addresses))
        return Changed(router=router, port=replace(port, addresses=(*port.addresses, address)), subnet_ids=(subnet.id,))

    async def _add_by_port(self, who: Context, router: Router, port_id: str) -> Changed:
        port = await self.stores.ports.get(port_id, who.scope)
        if port.device_id or port.kind != Kind.GUEST:
            raise errors.PortInUse(port_id=port_id, network_id=port.network_id, device_id=port.device_id)
        if not port.addresses:
            raise errors.BadRequest(resource="router", why="Router port must have at least one fixed IP")
        subnets = [await self.stores.subnets.bare(address.subnet_id) for address in port.addresses]
        if sum(subnet.ip_version == 4 for subnet in subnets) > 1:
            raise errors.BadRequest(resource="router", why="Cannot have multiple IPv4 subnets on router port")
        await self._check_new(router, subnets)
        changes = {"kind": Kind.INTERFACE, "device_id": router.id, "device_owner": OWNERS[Kind.INTERFACE], "status": "ACTIVE"}
        await self.stores.ports.update(port_id, self.now(), **changes)
        self.net.sync.touch_port(port)
        return Changed(router=router, port=replace(port, **changes), subnet_ids=tuple(subnet.id for subnet in subnets))

    async def _check_new(self, router: Router, subnets: Sequence[Subnet]) -> None:
        """No subnet twice, and none that overlaps with another: the router would not know where to send."""
        for interface in await self.stores.routers.interfaces(router.id):
            await self._check_overlap(router.id, interface, subnets)
        if router.gateway_network_id is not None:
            for external in await self.stores.subnets.on(router.gateway_network_id):
                for subnet in subnets:
                    if ip_network(subnet.cidr).overlaps(ip_network(external.cidr)):
                        raise errors.BadRequest(
                            resource="router",
                            why=f"Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr "
                            f"{external.cidr} of subnet {external.id}",
                        )

    async def _check_overlap(self, router_id: str, interface: Port, subnets: Sequence[Subnet]) -> None:
        for address in interface.addresses:
            have = await self.stores.subnets.bare(address.subnet_id)
            for subnet in subnets:
                if subnet.id == have.id:
                    raise errors.BadRequest(resource="router", why=f"Router already has a port on subnet {subnet.id}")
                if ip_network(subnet.cidr).overlaps(ip_network(have.cidr)):
                    raise errors.BadRequest(
                        resource="router",
                        why=f"Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr {have.cidr} of subnet {have.id}",
                    )

    # ---- removing ------------------------------------------------------------------------------------------------------
    async def _interface(self, router: Router, order: RouterInterface) -> Port:
        ports = await self.stores.routers.interfaces(router.id)
        if order.port_id is not UNSET:
            port = next((one for one in ports if one.id == order.port_id), None)
            if port is None:
                raise errors.RouterInterfaceNotFound(router_id=router.id, port_id=order.port_id)
            if order.subnet_id is not UNSET and order.subnet_id not in {address.subnet_id for address in port.addresses}:
                raise errors.SubnetMismatchForPort(port_id=port.id, subnet_id=order.subnet_id)
            return port
        port = next((one for one in ports if order.subnet_id in {address.subnet_id for address in one.addresses}), None)
        if port is None:
            raise errors.RouterInterfaceNotFoundForSubnet(router_id=router.id, subnet_id=order.subnet_id)
        return port

    async def _check_removable(self, router: Router, port: Port, subnets: Sequence[Subnet]) -> None:
        for floating in await self.stores.floating_ips.all(floating_ips.c.router_id == router.id):
            behind = await self.stores.ports.get(floating.port_id or "", EVERYONE)
            on = {address.subnet_id for address in behind.addresses if address.ip == floating.fixed_ip_address}
            for subnet in subnets:
                if subnet.id in on:
                    raise errors.RouterInterfaceInUseByFloatingIP(router_id=router.id, subnet_id=subnet.id)
        await self._check_routes_without(router, subnets)

    async def _check_routes_without(self, router: Router, subnets: Sequence[Subnet]) -> None:
        """A route whose next hop is on a subnet keeps the subnet's interface."""
        for subnet in subnets:
            if any(ip_address(route.nexthop) in ip_network(subnet.cidr) for route in router.routes):
                raise errors.RouterInterfaceInUseByRoute(router_id=router.id, subnet_id=subnet.id)
