"""More fixed addresses for a server, on an interface it has (`addFixedIp`), and fewer."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.context import CLOUD, Context
from pileus.core.errors import Conflict, Invalid, NotFound, PreconditionFailed
from pileus.network.errors import IpAddressGenerationFailure
from pileus.network.model import FixedIpWish, PortUpdate, Wanted


class FixedIps:
    def __init__(self, *, servers: Any, network: Any):
        self.servers, self.network = servers, network

    async def add(self, who: Context, server_id: str, network_id: str) -> None:
        """One more address of the network, from the first of its subnets that has one left. Raises Invalid or NotFound."""
        await self._changeable(who, server_id)
        port = next((port for port in await self.network.ports_of(server_id) if port.network_id == network_id), None)
        if port is None:
            raise NotFound(f"Network {network_id} could not be found for instance {server_id}.")
        for subnet in await self.network.subnets.list(CLOUD, Wanted(filters=(("network_id", (network_id,)),))):
            if subnet.auto:
                continue
            try:
                await self._set(port, [*_kept(port), FixedIpWish(subnet_id=subnet.id)])
            except IpAddressGenerationFailure:
                continue
            return
        raise Invalid(f"No fixed IP addresses available for network: {network_id}")

    async def remove(self, who: Context, server_id: str, address: str) -> None:
        """Raises Invalid when the server does not have the address."""
        await self._changeable(who, server_id)
        for port in await self.network.ports_of(server_id):
            if any(have.ip == address for have in port.addresses):
                await self._set(port, [wish for wish in _kept(port) if wish.ip_address != address])
                return
        raise Invalid(f"Instance {server_id} doesn't have fixed IP '{address}'.")

    async def _changeable(self, who: Context, server_id: str) -> None:
        self.servers.refuse_locked(await self.servers.get(server_id, who), who)

    async def _set(self, port: Any, wishes: list[FixedIpWish]) -> None:
        try:
            await self.network.ports.update(CLOUD, port.id, PortUpdate(fixed_ips=wishes), revision=port.revision_number)
        except PreconditionFailed as changed:
            raise Conflict(f"Port {port.id} was changed by somebody else meanwhile.") from changed


def _kept(port: Any) -> list[FixedIpWish]:
    return [FixedIpWish(ip_address=address.ip, subnet_id=address.subnet_id) for address in port.addresses]
