"""Floating IPs as compute knows them: the old proxy of the network service, and giving one to a server."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pileus.compute.errors import FloatingIpNotAssociated, FloatingIpNotFound, FloatingIpPoolNotFound, NoMoreFloatingIps
from pileus.compute.service.network_errors import in_novas_words
from pileus.core.context import Context
from pileus.core.errors import Conflict, Invalid, NotFound
from pileus.network.errors import ExternalIpAddressExhausted, IpAddressGenerationFailure
from pileus.network.model import FloatingIPCreate, FloatingIPUpdate, Wanted


class FloatingIps:
    """A pool is an external network."""

    def __init__(self, *, servers: Any, network: Any):
        self.servers, self.network = servers, network

    async def pools(self, who: Context) -> list[Any]:
        return await self.network.networks.list(who, Wanted(filters=(("router:external", ("true",)),)))

    async def pool_names(self, who: Context, found: Iterable[Any]) -> dict[str, str]:
        """Network id → the name of that pool, for some floating IPs."""
        ids = tuple(sorted({floating.floating_network_id for floating in found}))
        networks = await self.network.networks.list(who, Wanted(filters=(("id", ids),))) if ids else []
        return {network.id: network.name or network.id for network in networks}

    async def list(self, who: Context) -> list[Any]:
        """Those of the caller's project, also for an administrator."""
        return await self.network.floating_ips.list(who, Wanted(filters=(("project_id", (who.project_id or "",)),)))

    async def get(self, who: Context, id: str) -> Any:
        return await self.network.floating_ips.get(who, id)

    async def at(self, who: Context, address: str) -> Any:
        """The floating IP with this address. Raises FloatingIpNotFound, or Conflict when several networks have it."""
        found = await self.network.floating_ips.list(who, Wanted(filters=(("floating_ip_address", (address,)),)))
        if not found:
            raise FloatingIpNotFound(address=address)
        if len(found) > 1:
            raise Conflict(f"Multiple floating IPs are found for address {address}.")
        return found[0]

    async def create(self, who: Context, pool: str | None) -> Any:
        """A floating IP from a pool, named by its id or name; without one, from the default pool."""
        network = await self._pool(who, pool)
        with in_novas_words():
            try:
                return await self.network.floating_ips.create(who, FloatingIPCreate(floating_network_id=network.id))
            except (ExternalIpAddressExhausted, IpAddressGenerationFailure) as empty:
                raise NoMoreFloatingIps(pool=network.name) from empty

    async def delete(self, who: Context, id: str) -> None:
        await self.network.floating_ips.delete(who, id)

    async def associate(self, who: Context, server_id: str, floating: Any, fixed_address: str | None) -> None:
        """Give it to a server, for one of its fixed addresses. Another server that had it loses it. Raises Invalid."""
        ports = {address.ip: port for port in await self.network.ports_of(server_id) for address in port.addresses}
        if not ports:
            raise Invalid("No fixed IPs associated to instance")
        if fixed_address is not None and fixed_address not in ports:
            raise Invalid("Specified fixed address not assigned to instance")
        chosen = fixed_address or next((ip for ip in ports if ":" not in ip), None)
        if chosen is None:
            raise Invalid(f"Unable to associate floating IP {floating.floating_ip_address} to any fixed IPs for instance {server_id}. "
                          "Instance has no fixed IPv4 addresses to associate.")
        wish = FloatingIPUpdate(port_id=ports[chosen].id, fixed_ip_address=chosen)
        with in_novas_words():
            try:
                await self.network.floating_ips.update(who, floating.id, wish)
            except NotFound as unreachable:
                raise Invalid(f"Unable to associate floating IP {floating.floating_ip_address} to fixed IP {chosen} for instance "
                              f"{server_id}. Error: {unreachable}") from unreachable

    async def disassociate(self, who: Context, server_id: str, floating: Any) -> None:
        """Take it from a server. Raises FloatingIpNotAssociated when the server does not have it."""
        if floating.port is None or floating.port.device_id != server_id:
            raise FloatingIpNotAssociated(address=floating.floating_ip_address, id=server_id)
        await self.network.floating_ips.update(who, floating.id, FloatingIPUpdate(port_id=None))

    async def _pool(self, who: Context, wanted: str | None) -> Any:
        pools = await self.pools(who)
        if wanted is None:
            found = [pool for pool in pools if pool.is_default] or pools
        else:
            found = [pool for pool in pools if pool.id == wanted] or [pool for pool in pools if pool.name == wanted]
        if not found:
            raise FloatingIpPoolNotFound()
        if len(found) > 1:
            raise Conflict("Multiple floating IP pools match: use an ID to be more specific.")
        return found[0]
