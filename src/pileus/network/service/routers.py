"""Routers: their gateways and routes. Interfaces are in `router_interfaces`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from msgspec import UNSET
from msgspec.structs import replace

from pileus.core.context import EVERYONE, Context
from pileus.network import addressing, errors
from pileus.network.model import (
    FixedIpWish,
    GatewayInfo,
    Kind,
    Network,
    Port,
    Route,
    Router,
    RouterCreate,
    RouterUpdate,
    Subnet,
    Wanted,
)
from pileus.network.model.fields import given
from pileus.network.model.ports import OWNERS
from pileus.network.service.part import expect_revision
from pileus.network.service.router_interfaces import RouterInterfaces
from pileus.network.store.routers import floating_ips


class Routers(RouterInterfaces):
    async def list(self, who: Context, wanted: Wanted = Wanted()) -> builtins.list[Router]:
        return await self.stores.routers.page(who.scope, wanted)

    async def get(self, who: Context, router_id: str) -> Router:
        return await self.stores.routers.get(router_id, who.scope)

    async def create(self, who: Context, order: RouterCreate) -> Router:
        return (await self.create_all(who, [order]))[0]

    async def create_all(self, who: Context, orders: Sequence[RouterCreate]) -> builtins.list[Router]:
        async with self.db.transaction():
            ids = [await self._create(who, order) for order in orders]
            return [await self.stores.routers.get(id, EVERYONE) for id in ids]

    async def update(self, who: Context, router_id: str, order: RouterUpdate, *, revision: int | None = None) -> Router:
        async with self.db.transaction():
            router = await self.stores.routers.bare(router_id, who.scope, lock=True)
            expect_revision(router, revision)
            self._check_kind(order.distributed, order.ha)
            changes = given(order, "name", "description", "admin_state_up")
            if changes:
                await self.stores.routers.update(router_id, self.now(), **changes)
            if order.external_gateway_info is not UNSET:
                await self._set_gateway(who, router, order.external_gateway_info)
            if order.routes is not UNSET:
                await self._set_routes(router_id, order.routes or ())
            self.net.sync.touch(central=True)
        return await self.get(who, router_id)

    async def change_routes(
        self, who: Context, router_id: str, *, add: Sequence[Route] = (), remove: Sequence[Route] = ()
    ) -> Router:
        """Routes that are there already are added, and those that are not are removed, without a word."""
        async with self.db.transaction():
            router = await self.stores.routers.bare(router_id, who.scope, lock=True)
            routes = [route for route in router.routes if _canonical(route) not in map(_canonical, remove)]
            routes += [route for route in map(_canonical, add) if route not in map(_canonical, routes)]
            await self._set_routes(router_id, routes)
            self.net.sync.touch(central=True)
        return await self.get(who, router_id)

    async def delete(self, who: Context, router_id: str, *, revision: int | None = None) -> None:
        """Its gateway goes along; interfaces keep it from going."""
        async with self.db.transaction():
            router = await self.stores.routers.bare(router_id, who.scope, lock=True)
            expect_revision(router, revision)
            if await self.stores.routers.interfaces(router_id):
                raise errors.RouterInUse(router_id=router_id)
            await self._clear_gateway(router, going=True)
            await self.stores.routers.delete(router_id)
            self.net.sync.touch(central=True)

    # ---- helpers -----------------------------------------------------------------------------------------------------
    async def _create(self, who: Context, order: RouterCreate) -> str:
        project, now = self.owner(who, order), self.now()
        await self.net.groups.ensure_default(project)
        await self.net.quotas.take(project, "router")
        self._check_kind(order.distributed, order.ha)
        unknown = [zone for zone in order.availability_zone_hints if zone != self.config.availability_zone]
        if unknown:
            raise errors.InvalidInput(why=f"Availability zone hint {unknown[0]} is unknown")
        router = Router(
            id=self.ids.uuid(),
            project_id=project,
            name=order.name,
            description=order.description,
            admin_state_up=order.admin_state_up,
            availability_zone_hints=tuple(order.availability_zone_hints),
            created_at=now,
            updated_at=now,
        )
        await self.stores.routers.insert(router)
        await self.add_tags(router.id, order.tags)
        if order.external_gateway_info is not None:
            await self._set_gateway(who, router, order.external_gateway_info)
        self.net.sync.touch(central=True)
        return router.id

    def _check_kind(self, distributed: object, ha: object) -> None:
        """There is one kind of router."""
        for name, value in (("distributed", distributed), ("ha", ha)):
            if value not in (UNSET, None, False):
                raise errors.BadRequest(resource="router", why=f"{name} routers are not supported by this cloud")

    async def _set_gateway(self, who: Context, router: Router, info: GatewayInfo | None) -> None:
        if info is None or info.network_id in (UNSET, None):
            await self._clear_gateway(router)
            return
        network = await self.stores.networks.bare(info.network_id, who.scope)
        if not network.external:
            raise errors.BadRequest(resource="router", why=f"Network {network.id} is not an external network")
        snat = True if info.enable_snat is UNSET else info.enable_snat
        wishes = None if info.external_fixed_ips is UNSET else info.external_fixed_ips
        if router.gateway_port_id is not None and router.gateway_network_id == network.id:
            port = await self.stores.ports.get(router.gateway_port_id, EVERYONE)
            if wishes is not None:
                await self._move_gateway(port, wishes)
            snat = router.enable_snat if info.enable_snat is UNSET else snat
        else:
            await self._clear_gateway(router)
            port = await self._make_gateway(router, network, wishes)
        await self.stores.routers.update(
            router.id, self.now(), gateway_network_id=network.id, gateway_port_id=port.id, enable_snat=snat
        )

    async def _make_gateway(self, router: Router, network: Network, wishes: Sequence[FixedIpWish] | None) -> Port:
        subnets = await self.stores.subnets.on(network.id)
        for interface in await self.stores.routers.interfaces(router.id):
            await self._check_overlap(router.id, interface, subnets)
        # Nobody's: the addresses of an external network are not a project's to see or to count.
        port = await self.net.ports.service_port(network, Kind.GATEWAY, OWNERS[Kind.GATEWAY], project_id="", device_id=router.id)
        await self.net.allocation.addresses(port, subnets, wishes)
        return port

    async def _move_gateway(self, port: Port, wishes: Sequence[FixedIpWish]) -> None:
        """Other addresses for a gateway."""
        subnets = {subnet.id: subnet for subnet in await self.stores.subnets.on(port.network_id)}
        wanted = {(wish.subnet_id, wish.ip_address) for wish in wishes}
        if all((address.subnet_id, address.ip) in wanted or (UNSET, address.ip) in wanted for address in port.addresses) and len(
            wanted
        ) == len(port.addresses):
            return
        for address in port.addresses:
            await self.net.allocation.release(address, subnets.get(address.subnet_id))
        await self.net.allocation.addresses(port, list(subnets.values()), wishes)

    async def _clear_gateway(self, router: Router, *, going: bool = False) -> None:
        """Take a router's gateway away; while the router stays, its routes and floating IPs keep it."""
        if router.gateway_port_id is None:
            return
        if await self.stores.floating_ips.count(floating_ips.c.router_id == router.id):
            raise errors.RouterExternalGatewayInUseByFloatingIp(router_id=router.id, network_id=router.gateway_network_id)
        port = await self.stores.ports.get(router.gateway_port_id, EVERYONE)
        subnets = {subnet.id: subnet for subnet in await self.stores.subnets.on(port.network_id)}
        if not going:
            await self._check_routes_without(router, [subnets[a.subnet_id] for a in port.addresses if a.subnet_id in subnets])
        await self.stores.routers.update(router.id, self.now(), gateway_network_id=None, gateway_port_id=None, enable_snat=True)
        await self.net.ports.remove(port, subnets)

    async def _set_routes(self, router_id: str, wanted: Sequence[Route]) -> None:
        routes = [_canonical(route) for route in wanted]
        if len(routes) > self.config.max_routes:
            raise errors.RoutesExhausted(router_id=router_id, limit=self.config.max_routes)
        if len(set(routes)) < len(routes):
            raise errors.InvalidRoutes(routes=_shown(routes), why="there is a duplicate")
        router = await self.stores.routers.get(router_id, EVERYONE)
        ports = [*await self.stores.routers.interfaces(router_id), *([router.gateway] if router.gateway else [])]
        own = {address.ip for port in ports for address in port.addresses}
        nets = [ip_network(subnet.cidr) for subnet in await self._subnets_of(ports)]
        for route in routes:
            if route.nexthop in own:
                raise errors.InvalidRoutes(routes=_shown(routes), why="the nexthop is used by router")
            if not any(ip_address(route.nexthop) in net for net in nets):
                raise errors.InvalidRoutes(routes=_shown(routes), why="the nexthop is not connected with router")
        await self.stores.routers.update(router_id, self.now(), routes=routes)

    async def _subnets_of(self, ports: Sequence[Port]) -> builtins.list[Subnet]:
        return [await self.stores.subnets.bare(address.subnet_id) for port in ports for address in port.addresses]


def _canonical(route: Route) -> Route:
    found = replace(
        route, destination=addressing.prefix_of(route.destination, "routes"), nexthop=addressing.address(route.nexthop, "routes")
    )
    if ip_network(found.destination).version != ip_address(found.nexthop).version:
        raise errors.InvalidRoutes(routes=_shown([route]), why="destination and nexthop are of different IP versions")
    return found


def _shown(routes: Sequence[Route]) -> str:
    return str([f"{route.destination} via {route.nexthop}" for route in routes])
