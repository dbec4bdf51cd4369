"""What the compute service asks of this one: plain Python, ids chosen beforehand by the caller, every call repeatable."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_network

from msgspec import UNSET
from msgspec.structs import replace

from pileus.core.context import CLOUD, EVERYONE, Context
from pileus.network import errors
from pileus.network.model import (
    AUTO,
    NONE,
    FixedIpWish,
    Kind,
    Network,
    Port,
    PortCreate,
    PortUpdate,
    PortView,
    RequestedNetwork,
    SecurityGroup,
    Subnet,
)
from pileus.network.service.groups import DEFAULT
from pileus.network.service.part import Part
from pileus.network.store.devices import Devices
from pileus.network.store.subnets import subnets as subnet_table


class ForCompute(Part):
    def __init__(self, net):
        super().__init__(net)
        self.devices = Devices(self.db)

    # ---- before a server is made -----------------------------------------------------------------------------------------
    async def plan(self, who: Context, requested: Sequence[RequestedNetwork] | str | None, *,
                   security_groups: Iterable[str] = ()) -> tuple[RequestedNetwork, ...]:
        """The network interfaces of a new server. Nothing is made yet.

        `requested` None, "auto": the one network that the project may use; "none": no interface at all. The security groups
        are names or ids that have to exist. Raises the errors that the compute API answers with.
        """
        for name in security_groups:
            if name != DEFAULT:
                await self._check_group(who, name)
        if requested == NONE:
            return ()
        if requested is None or isinstance(requested, str):
            return await self._default(who, auto=requested == AUTO)
        seen: set[str] = set()
        planned = []
        for asked in requested:
            wish = RequestedNetwork(network_id=asked.network_id, port_id=asked.port_id, fixed_ip=asked.fixed_ip, tag=asked.tag)
            if wish.port_id:
                planned.append(await self._port_wish(who, wish, seen))
                seen.add(wish.port_id)
            else:
                planned.append(await self._network_wish(who, wish))
        return tuple(planned)

    async def free_ports(self, project_id: str) -> int | None:
        """How many more ports the project may have at the moment; None without a limit."""
        return await self.net.quotas.free(project_id, "port")

    # ---- ports of servers ------------------------------------------------------------------------------------------------
    async def create_server_port(
        self,
        port_id: str,
        network_id: str,
        *,
        project_id: str,
        device_id: str,
        device_owner: str,
        host: str,
        security_groups: Iterable[str] | None = None,
        fixed_ip: str | None = None,
    ) -> Port:
        """A port for a server, bound to a host. `security_groups` are ids or names; none: the project's default one."""
        found = await self.stores.ports.find(port_id)
        if found is not None:
            if found.device_id != device_id:
                raise errors.PortInUse(port_id=port_id, network_id=found.network_id, device_id=found.device_id)
            if found.host != host:
                return await self._bind(found, device_id, device_owner, host)
            return (await self.stores.ports.dress([found]))[0]
        names = list(security_groups or ())
        order = PortCreate(
            network_id=network_id, project_id=project_id, device_id=device_id, device_owner=device_owner, host=host,
            fixed_ips=[FixedIpWish(ip_address=fixed_ip)] if fixed_ip else UNSET)
        # What a port gets anyway need not be looked up, and where there is no port security there are no groups.
        if names not in ([], [DEFAULT]) and (await self.stores.networks.bare(network_id)).port_security_enabled:
            order = replace(order, security_groups=await self.net.groups.resolve(project_id, names))
        return await self.net.ports.create(CLOUD, order, port_id=port_id, bound=True)

    async def bind_port(self, port_id: str, *, device_id: str, device_owner: str, host: str) -> Port:
        """Give a port that exists to a server on a host. Raises PortInUse when another server has it."""
        port = await self.stores.ports.bare(port_id)
        if port.kind != Kind.GUEST or (port.device_id and port.device_id != device_id):
            raise errors.PortInUse(port_id=port_id, network_id=port.network_id, device_id=port.device_id)
        return await self._bind(port, device_id, device_owner, host)

    async def expect_port(self, port_id: str, *, device_id: str, host: str) -> None:
        """Make a server's port ready on another host, too, until it is bound there, or again where it is. Absent is left alone."""
        async with self.db.transaction():
            if await self.devices.expect(port_id, device_id, host):
                self.net.sync.touch_port(await self.stores.ports.get(port_id, EVERYONE))

    async def unbind_port(self, port_id: str, *, device_id: str | None = None) -> None:
        """Take a port back from its server; one that is gone, or another server's than `device_id` by now, is left as it is."""
        port = await self.stores.ports.find(port_id)
        if port is None or port.kind != Kind.GUEST or (device_id is not None and port.device_id != device_id):
            return
        async with self.db.transaction():
            whole = (await self.stores.ports.dress([port]))[0]
            await self.stores.ports.update(
                port_id, self.now(), device_id="", device_owner="", host="", coming_to="", vif_type="unbound", status="DOWN"
            )
            self.net.sync.touch_port(whole)

    async def delete_port(self, port_id: str) -> None:
        """Absent is deleted."""
        try:
            await self.net.ports.delete(CLOUD, port_id)
        except errors.PortNotFound:
            return

    # ---- questions -------------------------------------------------------------------------------------------------------
    async def ports_of(self, device_id: str) -> list[Port]:
        """In the order they were made."""
        found = await self.stores.ports.of_device(device_id, Kind.GUEST)
        mtus = {network_id: (await self.stores.networks.bare(network_id)).mtu for network_id in {port.network_id for port in found}}
        found = [replace(port, mtu=mtus[port.network_id]) for port in found]
        return sorted(found, key=lambda port: (port.created_at, port.id))

    async def ports_of_devices(self, ids: Sequence[str]) -> dict[str, list[PortView]]:
        """The network interfaces of many servers, with a handful of queries in all."""
        return await self.devices.views(ids)

    async def port_at(self, ip: str, *, network_id: str | None = None, router_id: str | None = None) -> Port | None:
        """Whose address this is, on a network or on the networks behind a router."""
        port_id = await self.devices.port_at(str(ip_address(ip)), network_id=network_id, router_id=router_id)
        found = await self.stores.ports.find(port_id) if port_id else None
        return (await self.stores.ports.dress([found]))[0] if found is not None else None

    async def find_security_group(self, project_id: str, name_or_id: str) -> SecurityGroup:
        """Raises SecurityGroupNotFound, or SecurityGroupAmbiguous for a name that several have."""
        return await self.net.groups.find(project_id, name_or_id)

    async def security_groups_of(self, device_id: str) -> list[SecurityGroup]:
        """The groups of a server's ports, each once."""
        ids = {group for port in await self.ports_of(device_id) for group in port.security_groups}
        found = [await self.stores.groups.get(group, EVERYONE) for group in sorted(ids)]
        return sorted(found, key=lambda group: (group.name, group.id))

    async def set_port_groups(self, port_id: str, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        """Put a port into groups and take it out of others; ids."""
        async with self.db.transaction():
            port = await self.stores.ports.get(port_id, EVERYONE)
            groups = [group for group in dict.fromkeys((*port.security_groups, *add)) if group not in set(remove)]
            if set(groups) != set(port.security_groups):
                await self.net.ports.update(CLOUD, port_id, PortUpdate(security_groups=groups))

    async def devices_by_address(self, pattern: str, version: int) -> set[str]:
        """Ids of servers with an address of this IP version that the regular expression finds."""
        found = re.compile(pattern)
        return {
            row.device_id for row in await self.devices.addresses() if (":" in row.ip) == (version == 6) and found.search(row.ip)
        }

    async def subnets_by_id(self, ids: Iterable[str]) -> dict[str, Subnet]:
        wanted = list(ids)
        return {subnet.id: subnet for subnet in await self.stores.subnets.all(subnet_table.c.id.in_(wanted))} if wanted else {}

    # ---- helpers ---------------------------------------------------------------------------------------------------------
    async def _check_group(self, who: Context, name: str) -> None:
        try:
            await self.net.groups.find(who.project_id or "", name)
        except errors.SecurityGroupNotFound as gone:
            raise errors.RequestedSecurityGroupNotFound(name=name, project_id=who.project_id) from gone

    async def _bind(self, port: Port, device_id: str, device_owner: str, host: str) -> Port:
        async with self.db.transaction():
            before = (await self.stores.ports.dress([port]))[0]
            if not await self.devices.take(port.id, device_id, device_owner, host, self.now()):
                now = await self.stores.ports.bare(port.id)
                raise errors.PortInUse(port_id=port.id, network_id=now.network_id, device_id=now.device_id)
            self.net.sync.touch_port(before)
            after = await self.stores.ports.get(port.id, EVERYONE)
            self.net.sync.touch_port(after)
        return after

    async def _default(self, who: Context, *, auto: bool) -> tuple[RequestedNetwork, ...]:
        usable = await self.stores.networks.dress(await self.stores.networks.available(who.project_id or ""))
        if auto:
            usable = [network for network in usable if network.subnets and network.admin_state_up]
            if not usable:
                raise errors.NoNetworkToAllocate(project_id=who.project_id)
        if not usable:
            return ()
        if len(usable) > 1:
            raise errors.NetworkAmbiguous()
        if not usable[0].subnets:
            raise errors.NetworkRequiresSubnet(network_id=usable[0].id)
        return (RequestedNetwork(network_id=usable[0].id),)

    async def _port_wish(self, who: Context, wish: RequestedNetwork, seen: set[str]) -> RequestedNetwork:
        try:
            port = await self.stores.ports.get(wish.port_id or "", who.scope)
        except errors.PortNotFound as gone:
            raise errors.RequestedPortNotFound(port_id=wish.port_id) from gone
        if port.device_id or port.kind != Kind.GUEST or port.id in seen:
            raise errors.PortInUse(port_id=port.id, network_id=port.network_id, device_id=port.device_id)
        if not port.addresses and await self.stores.subnets.on(port.network_id):
            raise errors.PortRequiresFixedIP(port_id=port.id)
        return RequestedNetwork(network_id=port.network_id, port_id=port.id, fixed_ip=wish.fixed_ip, tag=wish.tag)

    async def _network_wish(self, who: Context, wish: RequestedNetwork) -> RequestedNetwork:
        network = await self._network(who, wish.network_id or "")
        subnets = await self.stores.subnets.on(network.id)
        if not subnets:
            raise errors.NetworkRequiresSubnet(network_id=network.id)
        if wish.fixed_ip:
            try:
                ip = ip_address(wish.fixed_ip)
            except ValueError as problem:
                raise errors.FixedIpNotValid(ip=wish.fixed_ip, network_id=network.id) from problem
            if not any(ip in ip_network(subnet.cidr) for subnet in subnets):
                raise errors.FixedIpNotValid(ip=wish.fixed_ip, network_id=network.id)
            if await self.stores.addresses.find(network.id, str(ip)) is not None:
                raise errors.FixedIpAlreadyInUse(ip=wish.fixed_ip)
        return wish

    async def _network(self, who: Context, network_id: str) -> Network:
        try:
            network = await self.stores.networks.bare(network_id, who.scope)
        except errors.NetworkNotFound as gone:
            raise errors.RequestedNetworkNotFound(network_id=network_id) from gone
        own = network.project_id == who.project_id or self.kit.policy.check("context_is_admin", who)
        if network.external and not own and not (await self.stores.networks.dress([network], who.scope))[0].shared_here:
            raise errors.ExternalNetworkAttachForbidden(network_id=network_id)
        return network

