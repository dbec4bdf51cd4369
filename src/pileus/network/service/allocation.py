"""Which addresses a port gets: what was wished for, or one of each IP version, and every automatic one."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from msgspec import UNSET

from pileus.core.errors import Invalid
from pileus.network import addressing, errors
from pileus.network.model import Address, FixedIpWish, Kind, Port, Subnet
from pileus.network.service.part import Part
from pileus.network.store.ports import ports as port_table

ROUTER_KINDS = (Kind.INTERFACE, Kind.GATEWAY)
ROUTER_OWNERS = ("network:router_interface", "network:router_interface_distributed", "network:ha_router_replicated_interface")


class Allocation(Part):
    async def addresses(
        self,
        port: Port,
        subnets: Sequence[Subnet],
        wishes: Sequence[FixedIpWish] | None,
        *,
        keep: Sequence[Address] = (),
        dropped: Sequence[str] = (),
    ) -> tuple[Address, ...]:
        """Give a port addresses, in the caller's transaction. `wishes` None: what a port gets that wishes for nothing.

        `keep` are those it has and may keep, `dropped` the subnets it gave an address back on: these get no automatic one.
        """
        found = list(keep)
        if wishes is None:
            for version in (4, 6):
                choice = [s for s in subnets if s.ip_version == version and not s.auto and _serves(s, port)]
                if choice:
                    found.append(await self._any_of(port, choice, at=len(found)))
        else:
            if len(wishes) + len(keep) > self.config.max_fixed_ips_per_port:
                raise Invalid("Exceeded maximum amount of fixed ips per port.")
            for wish in wishes:
                if (address := await self._wished(port, subnets, wish, at=len(found))) is not None:
                    found.append(address)
        if not _is_router(port):
            have = {address.subnet_id for address in found} | set(dropped)
            for subnet in subnets:
                if subnet.auto and subnet.id not in have:
                    found.append(await self._automatic(port, subnet, at=len(found)))
        return tuple(found)

    async def one_of(self, port: Port, subnet: Subnet, *, at: int = 0) -> Address:
        """An address of this subnet. Raises IpAddressGenerationFailure."""
        if subnet.auto and not _is_router(port):
            return await self._automatic(port, subnet, at=at)
        return await self._any_of(port, [subnet], at=at)

    async def this(self, port: Port, subnet: Subnet, ip: str, *, at: int = 0) -> Address:
        """A certain address. Raises IpAddressAlreadyAllocated."""
        await self.stores.addresses.claim(subnet, ip)
        return await self._add(port, subnet, ip, at)

    async def release(self, address: Address, subnet: Subnet | None) -> None:
        """Take an address away from its port; its pool has it again."""
        await self.stores.addresses.remove(address.network_id, address.ip)
        if subnet is not None:
            await self.stores.addresses.give_back(subnet, address.ip, self.now())

    async def add_automatic(self, network_id: str, subnet: Subnet) -> None:
        """Ports that are there already have an address on a new subnet whose addresses are automatic."""
        for port in await self.stores.ports.whole(port_table.c.network_id == network_id, port_table.c.kind == Kind.GUEST):
            if not _is_router(port):
                await self._automatic(port, subnet, at=len(port.addresses))
                self.net.sync.touch_port(port)

    # ---- helpers -----------------------------------------------------------------------------------------------------
    async def _any_of(self, port: Port, subnets: Sequence[Subnet], *, at: int) -> Address:
        for subnet in subnets:
            # An address that an operator's script put into the table, or that two control planes gave away at once, is skipped.
            while (ip := await self.stores.addresses.next_free(subnet)) is not None:
                try:
                    return await self._add(port, subnet, ip, at)
                except errors.IpAddressAlreadyAllocated:
                    continue
        raise errors.IpAddressGenerationFailure(network_id=port.network_id)

    async def _wished(self, port: Port, subnets: Sequence[Subnet], wish: FixedIpWish, *, at: int) -> Address | None:
        """None for a wish that is met anyway: any address on a subnet where addresses are automatic."""
        if wish.subnet_id is UNSET and wish.ip_address is UNSET:
            raise errors.InvalidInput(why="IP allocation requires subnet_id or ip_address")
        ip = addressing.address(wish.ip_address) if wish.ip_address is not UNSET else None
        subnet = self._subnet_for(port, subnets, wish, ip)
        if ip is None:
            if subnet.auto and not _is_router(port):
                return None
            return await self._any_of(port, [subnet], at=at)
        if subnet.auto and not _is_router(port) and ip != addressing.eui64(subnet.cidr, port.mac_address):
            raise errors.AllocationOnAutoAddressSubnet(ip=ip, subnet_id=subnet.id)
        return await self.this(port, subnet, ip, at=at)

    def _subnet_for(self, port: Port, subnets: Sequence[Subnet], wish: FixedIpWish, ip: str | None) -> Subnet:
        if wish.subnet_id is not UNSET:
            subnet = next((s for s in subnets if s.id == wish.subnet_id), None)
            if subnet is None:
                raise errors.InvalidInput(
                    why=f"fixed_ips of a port on network {port.network_id} included invalid subnet {wish.subnet_id}"
                )
            if ip is not None and not _valid(subnet, ip):
                raise errors.InvalidIpForSubnet(ip=ip)
            return subnet
        subnet = next((s for s in subnets if _valid(s, ip or "")), None)
        if subnet is None:
            raise errors.InvalidIpForNetwork(ip=ip)
        return subnet

    async def _automatic(self, port: Port, subnet: Subnet, *, at: int) -> Address:
        return await self._add(port, subnet, addressing.eui64(subnet.cidr, port.mac_address), at)

    async def _add(self, port: Port, subnet: Subnet, ip: str, at: int) -> Address:
        address = Address(network_id=port.network_id, ip=ip, port_id=port.id, subnet_id=subnet.id)
        await self.stores.addresses.add(address, at)
        return address


def _serves(subnet: Subnet, port: Port) -> bool:
    return not subnet.service_types or port.device_owner in subnet.service_types


def _is_router(port: Port) -> bool:
    return port.kind in ROUTER_KINDS or port.device_owner in ROUTER_OWNERS


def _valid(subnet: Subnet, ip: str) -> bool:
    net, found = ip_network(subnet.cidr), ip_address(ip)
    if found.version != net.version or found not in net:
        return False
    first, last = addressing.hosts(net)
    return first <= int(found) <= last
