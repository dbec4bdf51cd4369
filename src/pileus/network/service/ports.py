"""Ports: a MAC address, addresses, groups and a host, which come and go in one transaction.

A port that this service made for itself (DHCP, router) is an ordinary one, of which only the service changes what it is for. What
a change means for hosts is not decided here: `sync` is told which port it was.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from pileus.core.context import Context
from pileus.core.db import Duplicate
from pileus.core.errors import Invalid
from pileus.network import addressing, errors
from pileus.network.model import Address, FixedIpWish, Kind, Network, Port, PortCreate, PortUpdate, Subnet, Wanted
from pileus.network.model.fields import given
from pileus.network.service import port_attributes
from pileus.network.service.allocation import ROUTER_OWNERS
from pileus.network.service.part import Part, expect_revision

UNBOUND, BOUND, FAILED = "unbound", "bridge", "binding_failed"
VNIC_TYPES = (
    "normal",
    "macvtap",
    "direct",
    "direct-physical",
    "baremetal",
    "virtio-forwarder",
    "smart-nic",
    "vdpa",
    "accelerator-direct",
    "accelerator-direct-physical",
    "remote-managed",
)
ROUTER_DEVICES = (*ROUTER_OWNERS, "network:router_gateway", "network:router_centralized_snat")
#: What only this service changes of the ports that it made for itself.
SERVICE_ATTRIBUTES = frozenset({"device_id", "device_owner", "fixed_ips", "mac_address", "host"})


class Ports(Part):
    async def list(self, who: Context, wanted: Wanted = Wanted()) -> builtins.list[Port]:
        return await self.stores.ports.page(who.scope, wanted)

    async def get(self, who: Context, port_id: str) -> Port:
        return await self.stores.ports.get(port_id, who.scope)

    async def create(self, who: Context, order: PortCreate, *, port_id: str | None = None, bound: bool = False) -> Port:
        """`bound`: the caller knows that the host has an agent."""
        async with self.db.transaction():
            return await self._create(who, order, port_id or self.ids.uuid(), bound=bound)

    async def create_all(self, who: Context, orders: Sequence[PortCreate]) -> builtins.list[Port]:
        """All of them or none."""
        async with self.db.transaction():
            made = [await self._create(who, order, self.ids.uuid()) for order in orders]
        return made

    async def update(self, who: Context, port_id: str, order: PortUpdate, *, revision: int | None = None) -> Port:
        async with self.db.transaction():
            port = await self.stores.ports.get(port_id, who.scope, lock=True)
            expect_revision(port, revision)
            changes = given(
                order, "name", "description", "admin_state_up", "device_id", "device_owner", "vnic_type", "dns_name", "dns_domain"
            )
            await self._check_update(who, port, order, changes)
            after = replace(port, **changes)
            after = await self._change_addresses(after, order)
            after = await self._change_security(who, after, order, changes)
            if order.extra_dhcp_opts not in (UNSET, None):
                changes["extra_dhcp_opts"] = port_attributes.dhcp_options(order.extra_dhcp_opts, port.extra_dhcp_opts)
            if changes or after != port:
                await self.stores.ports.update(port_id, self.now(), **changes)
            self.net.sync.touch_port(port)
            self.net.sync.touch_port(replace(after, host=changes.get("host", port.host)))
        return await self.get(who, port_id)

    async def delete(self, who: Context, port_id: str, *, revision: int | None = None) -> None:
        async with self.db.transaction():
            port = await self.stores.ports.get(port_id, who.scope, lock=True)
            expect_revision(port, revision)
            if port.kind in (Kind.INTERFACE, Kind.GATEWAY, Kind.FLOATING):
                raise errors.ServicePortInUse(port_id=port_id, why=f"has device owner {port.device_owner}")
            await self.remove(port, {subnet.id: subnet for subnet in await self.stores.subnets.on(port.network_id)})
            if port.kind == Kind.DHCP:
                await self.net.dhcp.settle(port.network_id)

    # ---- for the rest of the service -----------------------------------------------------------------------------------
    async def insert(self, port: Port, network: Network) -> Port:
        """Write a port, with a MAC address that is free on its network when it has none. Raises MacAddressInUse."""
        if port.mac_address:
            try:
                await self.stores.ports.insert(port)
            except Duplicate as taken:
                raise errors.MacAddressInUse(network_id=network.id, mac=port.mac_address) from taken
            return port
        for _ in range(16):
            chosen = replace(port, mac_address=self.ids.mac(self.config.base_mac))
            try:
                await self.stores.ports.insert(chosen)
                return chosen
            except Duplicate:
                continue
        raise errors.MacAddressGenerationFailure(network_id=network.id)

    async def service_port(
        self, network: Network, kind: str, owner: str, *, project_id: str, device_id: str, mac: str | None = None
    ) -> Port:
        """A port that this service needs for itself, without addresses yet."""
        now = self.now()
        return await self.insert(
            Port(
                id=self.ids.uuid(),
                project_id=project_id,
                network_id=network.id,
                mac_address=mac or "",
                kind=kind,
                device_owner=owner,
                device_id=device_id,
                status="ACTIVE" if kind != Kind.FLOATING else "N/A",
                port_security_enabled=False,
                created_at=now,
                updated_at=now,
            ),
            network,
        )

    async def remove(self, port: Port, subnets: dict[str, Subnet]) -> None:
        """A port and all that hangs on it, in the caller's transaction."""
        await self.net.floating_ips.release_port(port)
        for address in port.addresses:
            await self.net.allocation.release(address, subnets.get(address.subnet_id))
        if port.kind == Kind.DHCP:
            await self.stores.networks.set_dhcp_port(port.network_id, None)
        await self.stores.ports.delete(port.id)
        self.net.sync.touch_port(port)

    # ---- helpers -----------------------------------------------------------------------------------------------------
    async def _create(self, who: Context, order: PortCreate, port_id: str, *, bound: bool = False) -> Port:
        project = self.owner(who, order)
        network = await self.stores.networks.bare(order.network_id, who.scope)
        subnets = await self.stores.subnets.on(network.id)
        default_group = await self.net.groups.ensure_default(project)
        await self.net.quotas.take(project, "port")
        await self._check_device(who, order.device_owner, order.device_id)
        vif_type = BOUND if bound else await self._binding(order.host)
        port = await self.insert(self._made(order, network, id=port_id, project_id=project, vif_type=vif_type), network)
        wishes = None if order.fixed_ips is UNSET else order.fixed_ips or []
        addresses = await self.net.allocation.addresses(port, subnets, wishes)
        groups = await self._groups(who, port, order.security_groups, default_group)
        await self.stores.ports.set_groups(port_id, groups, new=True)
        pairs = self._pairs(port, order.allowed_address_pairs)
        if pairs:
            await self.stores.ports.set_pairs(port_id, pairs)
        await self.add_tags(port_id, order.tags)
        port = replace(
            port,
            addresses=addresses,
            security_groups=tuple(sorted(groups)),
            allowed_address_pairs=pairs,
            tags=tuple(sorted(set(order.tags))),
        )
        self.net.sync.touch_port(port)
        return port

    def _made(self, order: PortCreate, network: Network, **more: Any) -> Port:
        """The port of an order, without what it has of subnets and groups."""
        now = self.now()
        return Port(
            network_id=network.id,
            mac_address=addressing.mac(order.mac_address) if order.mac_address is not UNSET else "",
            name=order.name,
            description=order.description,
            admin_state_up=order.admin_state_up,
            device_id=order.device_id,
            device_owner=order.device_owner,
            host=order.host,
            vnic_type=_vnic(order.vnic_type),
            binding_profile=order.binding_profile or {},
            port_security_enabled=(
                network.port_security_enabled if order.port_security_enabled is UNSET else order.port_security_enabled
            ),
            extra_dhcp_opts=port_attributes.dhcp_options(order.extra_dhcp_opts),
            dns_name=order.dns_name.lower(),
            dns_domain=order.dns_domain,
            created_at=now,
            updated_at=now,
            **more,
        )

    async def _check_device(self, who: Context, owner: str, device_id: str) -> None:
        """Nobody plugs a port into somebody else's router (OSSA-2014-008)."""
        port_attributes.device(owner, device_id)
        if owner in ROUTER_DEVICES and device_id and not self.kit.policy.check("context_is_admin", who):
            router = await self.stores.routers.find(device_id)
            if router is not None and router.project_id != who.project_id:
                raise errors.DeviceIDNotOwnedByTenant(device_id=device_id)

    async def _binding(self, host: str) -> str:
        if not host:
            return UNBOUND
        return BOUND if await self.net.agents.knows(host) else FAILED

    async def _groups(self, who: Context, port: Port, wanted: Any, default_group: str) -> builtins.list[str]:
        """Ids of the groups a new port has: the default one unless it said something else."""
        if wanted is UNSET or wanted is None:
            trusted = port.device_owner.startswith("network:")
            return [default_group] if port.port_security_enabled and not trusted and default_group else []
        groups = list(dict.fromkeys(wanted))
        if groups and not port.port_security_enabled:
            raise errors.PortSecurityAndIPRequiredForSecurityGroups()
        await self.net.groups.check_usable(groups, who.scope)
        return groups

    def _pairs(self, port: Port, wanted: Any) -> tuple:
        pairs = port_attributes.address_pairs(
            None if wanted is UNSET else wanted, port.mac_address, self.config.max_allowed_address_pairs
        )
        if pairs and not port.port_security_enabled:
            raise errors.AddressPairAndPortSecurityRequired()
        return pairs

    async def _check_update(self, who: Context, port: Port, order: PortUpdate, changes: dict[str, Any]) -> None:
        fixed = SERVICE_ATTRIBUTES - ({"fixed_ips"} if port.kind == Kind.INTERFACE else set())
        if port.kind != Kind.GUEST and any(getattr(order, name) is not UNSET for name in fixed):
            raise errors.UnsupportedPortDeviceOwner(op="update", device_owner=port.device_owner, port_id=port.id)
        if "device_owner" in changes or "device_id" in changes:
            await self._check_device(who, changes.get("device_owner", port.device_owner), changes.get("device_id", port.device_id))
        if "vnic_type" in changes:
            _vnic(changes["vnic_type"])
        if "dns_name" in changes:
            changes["dns_name"] = changes["dns_name"].lower()
        if order.binding_profile is not UNSET:
            changes["binding_profile"] = order.binding_profile or {}
        if order.host is not UNSET:
            changes["host"] = order.host or ""
            if changes["host"] != port.host:
                changes |= {"vif_type": await self._binding(changes["host"]), "status": "DOWN"}
        if order.mac_address not in (UNSET, None):
            mac = addressing.mac(order.mac_address)
            if mac != port.mac_address:
                if port.host:
                    raise errors.PortBound(port_id=port.id, old_mac=port.mac_address, new_mac=mac)
                await self._change_mac(port, mac)
                changes["mac_address"] = mac

    async def _change_mac(self, port: Port, mac: str) -> None:
        try:
            await self.stores.ports.update(port.id, self.now(), mac_address=mac)
        except Duplicate as taken:
            raise errors.MacAddressInUse(network_id=port.network_id, mac=mac) from taken

    async def _change_addresses(self, port: Port, order: PortUpdate) -> Port:
        """Give back what is no longer wished for, then take what is new; automatic addresses follow the MAC address."""
        subnets = {subnet.id: subnet for subnet in await self.stores.subnets.on(port.network_id)}
        stale = [
            a
            for a in port.addresses
            if subnets[a.subnet_id].auto and a.ip != addressing.eui64(subnets[a.subnet_id].cidr, port.mac_address)
        ]
        if order.fixed_ips is UNSET and not stale:
            return port
        keep = [a for a in port.addresses if a not in stale]
        wishes: list[FixedIpWish] = []
        if order.fixed_ips is not UNSET:
            keep, wishes = _compare(keep, order.fixed_ips or [])
        gone = [address for address in port.addresses if address not in keep]
        for address in gone:
            await self.net.allocation.release(address, subnets[address.subnet_id])
        dropped = [address.subnet_id for address in gone if address not in stale]
        addresses = await self.net.allocation.addresses(port, list(subnets.values()), wishes, keep=keep, dropped=dropped)
        await self.stores.addresses.reorder(port.id, [address.ip for address in addresses])
        await self.net.floating_ips.release_port(port, {address.ip for address in gone} - {address.ip for address in addresses})
        return replace(port, addresses=addresses)

    async def _change_security(self, who: Context, port: Port, order: PortUpdate, changes: dict[str, Any]) -> Port:
        """Port security, groups and pairs depend on each other: what counts is what they are in the end."""
        security = port.port_security_enabled if order.port_security_enabled is UNSET else order.port_security_enabled
        groups = port.security_groups if order.security_groups is UNSET else tuple(dict.fromkeys(order.security_groups or ()))
        if groups and not security:
            raise (
                errors.PortSecurityPortHasSecurityGroup()
                if order.security_groups is UNSET
                else errors.PortSecurityAndIPRequiredForSecurityGroups()
            )
        if order.port_security_enabled is True and not port.port_security_enabled and order.security_groups is UNSET:
            groups = (await self.net.groups.ensure_default(port.project_id),) if port.project_id else ()
        after = replace(port, port_security_enabled=security, security_groups=groups)
        if set(groups) != set(port.security_groups):
            await self.net.groups.check_usable(set(groups) - set(port.security_groups), who.scope)
            await self.stores.ports.set_groups(port.id, groups)
        pairs = (
            port.allowed_address_pairs if order.allowed_address_pairs is UNSET else self._pairs(after, order.allowed_address_pairs)
        )
        if pairs and not security:
            raise errors.AddressPairAndPortSecurityRequired()
        changes |= {"port_security_enabled": security, "allowed_address_pairs": pairs}
        return replace(after, allowed_address_pairs=pairs)


def _compare(have: Sequence[Address], wishes: Sequence[FixedIpWish]) -> tuple[list[Address], list[FixedIpWish]]:
    """Which addresses meet a wish already, and which wishes are still to be met."""
    left, keep, missing = list(have), [], []
    named = [wish for wish in wishes if wish.ip_address is not UNSET]
    for wish in [*named, *(wish for wish in wishes if wish.ip_address is UNSET)]:
        ip = addressing.address(wish.ip_address) if wish.ip_address is not UNSET else None
        found = next((a for a in left if (ip is None or a.ip == ip) and wish.subnet_id in (UNSET, a.subnet_id)), None)
        if found is None or (ip is None and wish.subnet_id is UNSET):
            missing.append(wish)
        else:
            left.remove(found)
            keep.append(found)
    return keep, missing


def _vnic(wanted: str) -> str:
    if wanted not in VNIC_TYPES:
        raise Invalid(f"Invalid input for binding:vnic_type. Reason: '{wanted}' is not in {list(VNIC_TYPES)}.")
    return wanted
