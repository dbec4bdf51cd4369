"""Subnets: ranges of addresses of one network, which do not overlap, and what guests in them are told.

Which addresses are free is `allocation`'s to know: a subnet only opens and closes its pools.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from pileus.core.context import Context
from pileus.core.errors import Invalid
from pileus.network import addressing, errors
from pileus.network.model import HostRoute, Kind, Network, Subnet, SubnetCreate, SubnetUpdate, Wanted
from pileus.network.model.fields import given
from pileus.network.service.networks import LEAST_MTU
from pileus.network.service.part import Part, expect_revision
from pileus.network.store.ports import ports as port_table
from pileus.network.store.ports import ports_on_subnet


class Subnets(Part):
    async def list(self, who: Context, wanted: Wanted = Wanted()) -> builtins.list[Subnet]:
        return await self.stores.subnets.page(who.scope, wanted)

    async def get(self, who: Context, subnet_id: str) -> Subnet:
        return await self.stores.subnets.get(subnet_id, who.scope)

    async def create(self, who: Context, order: SubnetCreate) -> Subnet:
        return (await self.create_all(who, [order]))[0]

    async def create_all(self, who: Context, orders: Sequence[SubnetCreate]) -> builtins.list[Subnet]:
        async with self.db.transaction():
            made = [await self._create(who, order) for order in orders]
        return made

    async def update(self, who: Context, subnet_id: str, order: SubnetUpdate, *, revision: int | None = None) -> Subnet:
        async with self.db.transaction():
            subnet = await self.stores.subnets.bare(subnet_id, who.scope, lock=True)
            expect_revision(subnet, revision)
            changes = given(
                order,
                "name",
                "description",
                "gateway_ip",
                "allocation_pools",
                "enable_dhcp",
                "dns_nameservers",
                "host_routes",
                "service_types",
                "dns_publish_fixed_ip",
            )
            await self._check_update(subnet, changes)
            if changes:
                await self.stores.subnets.update(subnet_id, self.now(), **changes)
            if "allocation_pools" in changes:
                used = [address.ip for address in await self.stores.addresses.of_subnet(subnet_id)]
                await self.stores.addresses.open_pools(
                    replace(subnet, allocation_pools=tuple(changes["allocation_pools"])), self.now(), used
                )
            if "enable_dhcp" in changes:
                await self.net.dhcp.settle(subnet.network_id)
            self.net.sync.touch(networks=[subnet.network_id])
        return await self.get(who, subnet_id)

    async def delete(self, who: Context, subnet_id: str, *, revision: int | None = None) -> None:
        """Addresses that this service chose by itself go along: those of the DHCP port, and automatic ones."""
        async with self.db.transaction():
            subnet = await self.stores.subnets.bare(subnet_id, who.scope, lock=True)
            expect_revision(subnet, revision)
            using = await self.stores.ports.whole(ports_on_subnet(subnet_id))
            for port in using:
                if port.kind != Kind.DHCP and not (subnet.auto and port.kind == Kind.GUEST):
                    raise errors.SubnetInUse(subnet_id=subnet_id)
            for address in await self.stores.addresses.of_subnet(subnet_id):
                await self.stores.addresses.remove(address.network_id, address.ip)
            await self.stores.addresses.close_pools(subnet_id)
            await self.stores.subnets.delete(subnet_id)
            await self.net.dhcp.settle(subnet.network_id)
            self.net.sync.touch(networks=[subnet.network_id])

    # ---- helpers -----------------------------------------------------------------------------------------------------
    async def _create(self, who: Context, order: SubnetCreate) -> Subnet:
        project, now = self.owner(who, order), self.now()
        network = await self.stores.networks.bare(order.network_id, who.scope, lock=True)
        await self.net.quotas.take(project, "subnet")
        subnet_id = self.ids.uuid()
        cidr, pool_id = await self._range(who, project, order)
        net = addressing.network_of(cidr)
        await self._check(order, network, net)
        gateway = self._gateway(net, order.gateway_ip)
        pools = (
            addressing.default_pools(net, gateway)
            if not order.allocation_pools
            else addressing.check_pools(net, order.allocation_pools, gateway)
        )
        subnet = Subnet(
            id=subnet_id,
            project_id=project,
            name=order.name,
            description=order.description,
            network_id=network.id,
            ip_version=net.version,
            cidr=str(net),
            gateway_ip=gateway,
            enable_dhcp=order.enable_dhcp,
            allocation_pools=tuple(pools),
            subnetpool_id=pool_id,
            ipv6_ra_mode=order.ipv6_ra_mode or None,
            ipv6_address_mode=order.ipv6_address_mode or None,
            dns_nameservers=self._nameservers(subnet_id, order.dns_nameservers),
            host_routes=self._routes(subnet_id, net.version, order.host_routes),
            service_types=tuple(order.service_types),
            dns_publish_fixed_ip=order.dns_publish_fixed_ip,
            created_at=now,
            updated_at=now,
        )
        await self.stores.subnets.insert(subnet)
        await self.stores.addresses.open_pools(subnet, now)
        await self.add_tags(subnet.id, order.tags)
        if subnet.auto:
            await self.net.allocation.add_automatic(network.id, subnet)
        await self.net.dhcp.settle(network.id)
        self.net.sync.touch(networks=[network.id])
        return replace(subnet, tags=tuple(sorted(set(order.tags))))

    async def _check(self, order: SubnetCreate, network: Network, net: addressing.Net) -> None:
        """Raise what is wrong with this range on this network."""
        self._check_range(order, net, int(order.ip_version) if order.ip_version is not UNSET else net.version)
        self._check_modes(order, net)
        await self._check_overlap(network, net)
        if network.mtu < LEAST_MTU[net.version]:
            raise errors.NetworkMTUSubnetConflict(network_id=network.id, least=LEAST_MTU[net.version])

    async def _range(self, who: Context, project: str, order: SubnetCreate) -> tuple[str, str | None]:
        """The CIDR that was asked for, or one of a subnet pool, and that pool."""
        pool_id = order.subnetpool_id if order.subnetpool_id is not UNSET else None
        cidr = order.cidr if order.cidr is not UNSET else None
        if order.use_default_subnetpool and pool_id is None:
            if order.ip_version is UNSET:
                raise errors.BadRequest(
                    resource="subnets", why="ip_version must be specified in the absence of cidr and subnetpool_id"
                )
            pool_id = await self.net.subnetpools.default(who, int(order.ip_version))
        if pool_id is None:
            if cidr is None:
                raise errors.BadRequest(resource="subnets", why="a subnetpool must be specified in the absence of a cidr")
            return cidr, None
        prefixlen = int(order.prefixlen) if order.prefixlen not in (None, UNSET) else None
        if cidr is not None and prefixlen is not None:
            raise errors.BadRequest(resource="subnets", why="cidr and prefixlen must not be supplied together")
        version = int(order.ip_version) if order.ip_version is not UNSET else None
        return await self.net.subnetpools.carve(
            who, project, pool_id, order.network_id, cidr=cidr, prefixlen=prefixlen, ip_version=version
        ), pool_id

    def _check_range(self, order: SubnetCreate, net: addressing.Net, version: int) -> None:
        if net.version != version:
            raise errors.InvalidInput(why=f"cidr '{net}' does not match the ip_version '{version}'")
        if net.prefixlen == 0:
            raise errors.InvalidInput(why="0 is not allowed as CIDR prefix length")
        if net.is_multicast or net.is_loopback:
            raise errors.InvalidInput(why=f"{net} is a multicast or loopback range")
        if order.enable_dhcp and net.prefixlen > (30 if net.version == 4 else 126):
            raise errors.InvalidInput(why="Subnet has a prefix length that is incompatible with DHCP service enabled")

    def _check_modes(self, order: SubnetCreate, net: addressing.Net) -> None:
        """Who says what addresses hosts have, and who tells them, must be said together or not at all."""
        modes = [mode for mode in (order.ipv6_ra_mode, order.ipv6_address_mode) if mode not in (None, UNSET)]
        if not modes:
            return
        if net.version == 4:
            raise errors.InvalidInput(why="ipv6_ra_mode and ipv6_address_mode are not valid when ip_version is 4")
        if not order.enable_dhcp:
            raise errors.InvalidInput(why="ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
        if len(set(modes)) == 2:
            raise errors.InvalidInput(
                why=f"ipv6_ra_mode set to '{modes[0]}' with ipv6_address_mode set to '{modes[1]}' is not valid: they must be equal"
            )
        if modes[0] != "dhcpv6-stateful" and net.prefixlen != 64:
            raise errors.InvalidInput(
                why=f"Invalid CIDR {net} for IPv6 address mode: EUI-64 addresses require the prefix to be /64"
            )

    async def _check_overlap(self, network: Network, net: addressing.Net) -> None:
        for other in await self.stores.subnets.on(network.id):
            if other.ip_version == net.version and net.overlaps(ip_network(other.cidr)):
                raise errors.InvalidInput(
                    why=f"Requested subnet with cidr: {net} for network: {network.id} overlaps with another subnet"
                )

    def _gateway(self, net: addressing.Net, wanted: str | UnsetType | None) -> str | None:
        if wanted is None:
            return None
        if wanted is UNSET:
            return addressing.default_gateway(net)
        gateway = addressing.address(wanted, "gateway_ip")
        addressing.check_gateway(net, gateway)
        return gateway

    def _nameservers(self, subnet_id: str, wanted: Sequence[str] | None) -> tuple[str, ...]:
        found = tuple(addressing.address(one, "dns_nameservers") for one in wanted or ())
        if len(found) > self.config.max_subnet_nameservers:
            raise errors.DNSNameServersExhausted(subnet_id=subnet_id, limit=self.config.max_subnet_nameservers)
        if len(set(found)) < len(found):
            raise Invalid("Invalid input for dns_nameservers. Reason: duplicate nameserver.")
        return found

    def _routes(self, subnet_id: str, version: int, wanted: Sequence[HostRoute] | None) -> tuple[HostRoute, ...]:
        found = []
        for route in wanted or ():
            destination, nexthop = (
                addressing.prefix_of(route.destination, "host_routes"),
                addressing.address(route.nexthop, "host_routes"),
            )
            if ip_network(destination).version != version or ip_address(nexthop).version != version:
                raise errors.InvalidInput(why=f"host route {destination} via {nexthop} does not match the ip_version '{version}'")
            found.append(HostRoute(destination=destination, nexthop=nexthop))
        if len(found) > self.config.max_subnet_host_routes:
            raise errors.HostRoutesExhausted(subnet_id=subnet_id, limit=self.config.max_subnet_host_routes)
        if len(set(found)) < len(found):
            raise Invalid("Invalid input for host_routes. Reason: duplicate host route.")
        return tuple(found)

    async def _check_update(self, subnet: Subnet, changes: dict[str, Any]) -> None:
        """Check the changes and put them into the form they are kept in."""
        net = ip_network(subnet.cidr)
        gateway = subnet.gateway_ip
        if "gateway_ip" in changes:
            gateway = changes["gateway_ip"] = self._gateway(net, changes["gateway_ip"])
            if gateway != subnet.gateway_ip and subnet.gateway_ip is not None:
                await self._check_gateway_free(subnet)
        if "allocation_pools" in changes or ("gateway_ip" in changes and gateway is not None):
            pools = changes.get("allocation_pools", subnet.allocation_pools)
            checked = addressing.check_pools(net, pools, gateway)
            if "allocation_pools" in changes:
                changes["allocation_pools"] = checked
        if "dns_nameservers" in changes:
            changes["dns_nameservers"] = self._nameservers(subnet.id, changes["dns_nameservers"])
        if "host_routes" in changes:
            changes["host_routes"] = self._routes(subnet.id, net.version, changes["host_routes"])
        if changes.get("enable_dhcp") and net.prefixlen > (30 if net.version == 4 else 126):
            raise errors.InvalidInput(why="Subnet has a prefix length that is incompatible with DHCP service enabled")
        if changes.get("enable_dhcp") is False and (subnet.ipv6_ra_mode or subnet.ipv6_address_mode):
            raise errors.InvalidInput(why="ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")

    async def _check_gateway_free(self, subnet: Subnet) -> None:
        """A router's interface at the gateway's address keeps the gateway where it is."""
        found = await self.stores.addresses.find(subnet.network_id, subnet.gateway_ip or "")
        if found is not None and await self.stores.ports.count(
            port_table.c.id == found.port_id, port_table.c.kind == Kind.INTERFACE
        ):
            raise errors.GatewayIpInUse(ip=subnet.gateway_ip, port_id=found.port_id)
