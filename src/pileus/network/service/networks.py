"""Networks: with whom they are shared, which segment they are, and what goes with them.

Whom a network is shared with is RBAC policies alone; `shared` and `router:external` are a way to say two of them. A network goes
with what this service made for it, and stays while anybody else has a port on it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from pileus.core.context import CLOUD, EVERYONE, Context
from pileus.core.db import Duplicate
from pileus.core.errors import Invalid
from pileus.network import addressing, errors, ipam
from pileus.network.model import (
    GatewayInfo,
    Kind,
    Network,
    NetworkCreate,
    NetworkUpdate,
    Pool,
    RbacPolicy,
    RouterCreate,
    RouterInterface,
    SubnetCreate,
    Wanted,
)
from pileus.network.model.fields import given
from pileus.network.model.rbac import EXTERNAL, SHARED
from pileus.network.service.part import Part, expect_revision
from pileus.network.store.ports import ports as port_table
from pileus.network.store.routers import floating_ips, routers
from pileus.network.store.subnets import subnets as subnet_table

#: The least MTU that the addresses of an IP version need.
LEAST_MTU = {4: 68, 6: 1280}


class Networks(Part):
    async def list(self, who: Context, wanted: Wanted = Wanted()) -> builtins.list[Network]:
        return await self.stores.networks.page(who.scope, wanted)

    async def get(self, who: Context, network_id: str) -> Network:
        return await self.stores.networks.get(network_id, who.scope)

    async def create(self, who: Context, order: NetworkCreate) -> Network:
        return (await self.create_all(who, [order]))[0]

    async def create_all(self, who: Context, orders: Sequence[NetworkCreate]) -> builtins.list[Network]:
        """All of them or none."""
        async with self.db.transaction():
            made = [await self._create(who, order) for order in orders]
        return made

    async def update(self, who: Context, network_id: str, order: NetworkUpdate, *, revision: int | None = None) -> Network:
        async with self.db.transaction():
            network = await self.stores.networks.bare(network_id, who.scope, lock=True)
            expect_revision(network, revision)
            changes = given(
                order,
                "name",
                "description",
                "admin_state_up",
                "shared",
                "external",
                "is_default",
                "mtu",
                "port_security_enabled",
                "dns_domain",
            )
            await self._check_update(network, changes)
            if "shared" in changes and changes["shared"] != network.shared:
                await self._grant(network, SHARED, changes["shared"])
            if "external" in changes and changes["external"] != network.external:
                await self._grant(network, EXTERNAL, changes["external"])
            if changes:
                await self.stores.networks.update(network_id, self.now(), **changes)
            self.net.sync.touch(networks=[network_id])
        return await self.get(who, network_id)

    async def delete(self, who: Context, network_id: str, *, revision: int | None = None) -> None:
        """The network with its subnets; ports that this service made for it go along, others keep it from going."""
        async with self.db.transaction():
            network = await self.stores.networks.bare(network_id, who.scope, lock=True)
            expect_revision(network, revision)
            await self.net.floating_ips.delete_unused(network_id)
            ports = await self.stores.ports.whole(port_table.c.network_id == network_id)
            if any(port.kind != Kind.DHCP for port in ports):
                raise errors.NetworkInUse(network_id=network_id)
            subnets = {subnet.id: subnet for subnet in await self.stores.subnets.on(network_id)}
            for port in ports:
                await self.net.ports.remove(port, subnets)
            for subnet_id in subnets:
                await self.stores.addresses.close_pools(subnet_id)
                await self.stores.subnets.delete(subnet_id)
            await self.stores.networks.delete(network_id)

    async def owner_of(self, who: Context, network_id: str) -> Network:
        """Whose a network is and with whom it is shared, for rules: also where the caller sees its port, but not the network."""
        network = await self.stores.networks.bare(network_id)
        return (await self.stores.networks.dress([network], who.scope))[0]

    async def ip_availability(self, wanted: Wanted = Wanted()) -> builtins.list[dict[str, Any]]:
        """How many addresses networks have, and how many are used."""
        version = dict(wanted.filters).get("ip_version", ())
        renamed = {"network_id": "id", "network_name": "name"}
        filters = tuple((renamed.get(name, name), values) for name, values in wanted.filters if name != "ip_version")
        networks = await self.stores.networks.page(EVERYONE, replace(wanted, filters=filters))
        return [await self._ip_availability(network, version) for network in networks]

    async def ip_availability_of(self, network_id: str) -> dict[str, Any]:
        return await self._ip_availability(await self.stores.networks.bare(network_id), ())

    async def ensure_external(self, name: str, cidr: str, bridge: str, *, project_id: str = "", gateway: str | None = None,
                              pool: tuple[str, str] | None = None) -> Network:
        """An external network on a bridge of the network host, with a subnet without DHCP. May be repeated."""
        default = await self.list(CLOUD, Wanted(filters=(("is_default", ("true",)),)))
        found = await self.list(CLOUD, Wanted(filters=(("name", (name,)), ("router:external", ("true",)))))
        network = found[0] if found else await self.create(CLOUD, NetworkCreate(
            name=name, project_id=project_id, external=True, is_default=not default, network_type="flat", physical_network=bridge))
        if not network.subnets:
            await self.net.subnets.create(
                CLOUD,
                SubnetCreate(
                    network_id=network.id,
                    project_id=project_id,
                    name=name + "-subnet",
                    ip_version=ip_network(cidr).version,
                    cidr=cidr,
                    enable_dhcp=False,
                    gateway_ip=gateway if gateway else UNSET,
                    allocation_pools=[Pool(start=pool[0], end=pool[1])] if pool else UNSET,
                ),
            )
        return await self.get(CLOUD, network.id)

    async def ensure_private(self, who: Context, name: str, cidr: str, *, router: str, external: str) -> Network:
        """A project's network with a subnet, and a router between it and an external network. May be repeated."""
        found = [n for n in await self.list(who, Wanted(filters=(("name", (name,)),))) if n.project_id == who.project_id]
        network = found[0] if found else await self.create(who, NetworkCreate(name=name))
        if not network.subnets:
            order = SubnetCreate(network_id=network.id, name=name + "-subnet", cidr=cidr, ip_version=ip_network(cidr).version)
            await self.net.subnets.create(who, order)
        network = await self.get(who, network.id)
        routers = await self.net.routers.list(who, Wanted(filters=(("name", (router,)),)))
        gateway = await self.list(who, Wanted(filters=(("name", (external,)), ("router:external", ("true",)))))
        made = routers[0] if routers else await self.net.routers.create(who, RouterCreate(
            name=router, external_gateway_info=GatewayInfo(network_id=gateway[0].id)))
        connected = {address.subnet_id for port in await self.stores.routers.interfaces(made.id) for address in port.addresses}
        for subnet in network.subnets:
            if subnet not in connected:
                await self.net.routers.add_interface(who, made.id, RouterInterface(subnet_id=subnet))
        return network

    # ---- helpers -----------------------------------------------------------------------------------------------------
    async def _ip_availability(self, network: Network, versions: Sequence[str]) -> dict[str, Any]:
        subnets = []
        for subnet in await self.stores.subnets.on(network.id):
            if not versions or str(subnet.ip_version) in versions:
                used = len(await self.stores.addresses.of_subnet(subnet.id))
                total = ipam.size(addressing.ranges_of(subnet.allocation_pools))
                subnets.append(
                    {
                        "subnet_id": subnet.id,
                        "subnet_name": subnet.name,
                        "cidr": subnet.cidr,
                        "ip_version": subnet.ip_version,
                        "total_ips": total,
                        "used_ips": used,
                    }
                )
        return {
            "network_id": network.id,
            "network_name": network.name,
            "project_id": network.project_id,
            "tenant_id": network.project_id,
            "total_ips": sum(one["total_ips"] for one in subnets),
            "used_ips": sum(one["used_ips"] for one in subnets),
            "subnet_ip_availability": subnets,
        }

    async def _create(self, who: Context, order: NetworkCreate) -> Network:
        project, now = self.owner(who, order), self.now()
        await self.net.groups.ensure_default(project)
        await self.net.quotas.take(project, "network")
        kind, physical, segmentation = self._provider(order)
        if order.is_default and not order.external:
            raise errors.InvalidInput(why="only an external network can be the default one")
        unknown = [zone for zone in order.availability_zone_hints if zone != self.config.availability_zone]
        if unknown:
            raise errors.InvalidInput(why=f"Availability zone hint {unknown[0]} is unknown")
        if order.is_default:
            await self._only_default(None)
        mtu = self._mtu(order.mtu, self.config.physical_mtu if kind == "flat" else self.config.mtu)
        network = Network(
            id=self.ids.uuid(),
            project_id=project,
            name=order.name,
            description=order.description,
            admin_state_up=order.admin_state_up,
            shared=order.shared,
            external=order.external,
            is_default=order.is_default,
            mtu=mtu,
            port_security_enabled=order.port_security_enabled,
            network_type=kind,
            physical_network=physical,
            segmentation_id=segmentation,
            availability_zone_hints=tuple(order.availability_zone_hints),
            dns_domain=order.dns_domain,
            created_at=now,
            updated_at=now,
        )
        network = await self._insert(network)
        for granted, action in ((order.shared, SHARED), (order.external, EXTERNAL)):
            if granted:
                await self._grant(network, action, True)
        await self.add_tags(network.id, order.tags)
        return replace(network, tags=tuple(sorted(set(order.tags))), shared_here=order.shared)

    async def _insert(self, network: Network) -> Network:
        """With a VXLAN identifier that nobody else has, when none was asked for."""
        if network.network_type == "flat" or network.segmentation_id is not None:
            try:
                await self.stores.networks.insert(network)
            except Duplicate as taken:
                if network.network_type == "flat":
                    raise errors.FlatNetworkInUse(physical_network=network.physical_network) from taken
                raise errors.TunnelIdInUse(tunnel_id=network.segmentation_id) from taken
            return network
        for _ in range(20):
            chosen = replace(network, segmentation_id=self.ids.random.randint(*self.config.vxlan_ids))
            try:
                await self.stores.networks.insert(chosen)
                return chosen
            except Duplicate:
                continue
        raise errors.NoNetworkAvailable()

    def _provider(self, order: NetworkCreate) -> tuple[str, str | None, int | None]:
        """Network type, physical network and segmentation id that were asked for, checked."""
        kind = order.network_type or "vxlan"
        physical = order.physical_network or None
        segmentation = int(order.segmentation_id) if order.segmentation_id not in (None, UNSET) else None
        if (physical or segmentation is not None) and not order.network_type:
            raise errors.InvalidInput(why="network_type required")
        if kind == "flat":
            if not physical:
                raise errors.InvalidInput(why="physical_network required for flat provider network")
            if segmentation is not None:
                raise errors.InvalidInput(why="segmentation_id cannot be specified for flat provider network")
        elif kind == "vxlan":
            if physical:
                raise errors.InvalidInput(why="provider:physical_network specified for vxlan network")
            if segmentation is not None and not 1 <= segmentation <= 16_777_215:
                raise errors.InvalidInput(why=f"provider:segmentation_id {segmentation} is not a VXLAN network identifier")
        else:
            raise errors.InvalidInput(why=f"network_type value '{kind}' not supported")
        return kind, physical, segmentation

    def _mtu(self, wanted: Any, default: int) -> int:
        if wanted is UNSET or int(wanted) == 0:
            return default
        wanted = int(wanted)
        if not LEAST_MTU[4] <= wanted <= self.config.physical_mtu:
            raise errors.InvalidInput(
                why=f"Requested MTU {wanted} is not between {LEAST_MTU[4]} and the maximum {self.config.physical_mtu}"
            )
        return wanted

    async def _check_update(self, network: Network, changes: dict[str, Any]) -> None:
        if "mtu" in changes:
            changes["mtu"] = self._mtu(
                changes["mtu"], self.config.physical_mtu if network.network_type == "flat" else self.config.mtu
            )
            least = max((LEAST_MTU[subnet.ip_version] for subnet in await self.stores.subnets.on(network.id)), default=0)
            if changes["mtu"] < least:
                raise errors.NetworkMTUSubnetConflict(network_id=network.id, least=least)
        if changes.get("external") is False and network.external:
            users = await self.stores.routers.count(routers.c.gateway_network_id == network.id)
            if users or await self.stores.floating_ips.count(floating_ips.c.floating_network_id == network.id):
                raise errors.ExternalNetworkInUse(network_id=network.id)
        if changes.get("is_default"):
            if not changes.get("external", network.external):
                raise errors.InvalidInput(why="only an external network can be the default one")
            await self._only_default(network.id)
        if changes.get("shared") is False and network.shared:
            await self.check_unshare(network)

    async def check_unshare(self, network: Network, target: str | None = None) -> None:
        """Nobody else (or not this project) may have anything on a network that stops being shared."""
        for table, store in ((port_table, self.stores.ports), (subnet_table, self.stores.subnets)):
            foreign = table.c.project_id.not_in((network.project_id, "")) if target is None else table.c.project_id == target
            if await store.count(table.c.network_id == network.id, foreign):
                raise errors.InvalidSharedSetting(network_id=network.id)

    async def _only_default(self, network_id: str | None) -> None:
        """There is one default external network: another one stops being it."""
        for other in await self.stores.networks.page(EVERYONE, Wanted(filters=(("is_default", ("true",)),))):
            if other.id != network_id:
                raise Invalid(f"A default external network already exists: {other.id}.")

    async def _grant(self, network: Network, action: str, granted: bool) -> None:
        """Keep the RBAC policies in step with `shared` and `router:external`."""
        await self.stores.rbac.withdraw(network.id, action, "*")
        if granted:
            await self.stores.rbac.insert(RbacPolicy(id=self.ids.uuid(), project_id=network.project_id, object_type="network",
                                                     object_id=network.id, action=action, target_tenant="*"))
