"""DHCP ports: each network with a subnet that has DHCP has one port where it answers.

The port is made and unmade in the transaction that changes the subnets, so it is never missing; where a subnet had no
address left for it, a periodic task tries again.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.log import Log
from pileus.network import errors
from pileus.network.model import Kind, Network, Port, Subnet
from pileus.network.model.ports import OWNERS
from pileus.network.service.part import Part

log = Log("pileus.network")


class Dhcp(Part):
    async def settle(self, network_id: str) -> None:
        """Make the DHCP port what the network's subnets need. In the caller's transaction; may be repeated."""
        network = await self.stores.networks.find(network_id)
        if network is None:
            return
        subnets = await self.stores.subnets.on(network_id)
        wanted = [subnet for subnet in subnets if subnet.enable_dhcp]
        port = await self.stores.ports.find(network.dhcp_port_id) if network.dhcp_port_id else None
        if port is None and not wanted:
            return
        if port is None:
            port = await self._make(network)
        port = (await self.stores.ports.dress([port]))[0]
        if not wanted:
            await self.net.ports.remove(port, {subnet.id: subnet for subnet in subnets})
            await self.stores.networks.set_dhcp_port(network_id, None)
            return
        await self._addresses(port, subnets, wanted)

    async def settle_all(self) -> str | None:
        """Networks whose DHCP port somebody removed, or could not be made when the subnet was, have one again."""
        ids = await self.stores.networks.without_dhcp()
        for network_id in ids:
            async with self.db.transaction():
                await self.settle(network_id)
                self.net.sync.touch(networks=[network_id])
        return f"{len(ids)} networks" if ids else None

    async def _make(self, network: Network) -> Port:
        now = self.now()
        port = Port(
            id=self.ids.uuid(),
            project_id=network.project_id,
            network_id=network.id,
            mac_address="",
            kind=Kind.DHCP,
            status="ACTIVE",
            device_owner=OWNERS[Kind.DHCP],
            device_id=f"dhcp-{network.id}",
            port_security_enabled=False,
            created_at=now,
            updated_at=now,
        )
        port = await self.net.ports.insert(port, network)
        await self.stores.networks.set_dhcp_port(network.id, port.id)
        return port

    async def _addresses(self, port: Port, subnets: list[Subnet], wanted: list[Subnet]) -> None:
        """One address on each subnet with DHCP and none on the others."""
        by_id, ids = {subnet.id: subnet for subnet in subnets}, {subnet.id for subnet in wanted}
        for address in port.addresses:
            if address.subnet_id not in ids:
                await self.net.allocation.release(address, by_id.get(address.subnet_id))
        have = {address.subnet_id for address in port.addresses}
        for subnet in wanted:
            if subnet.id not in have:
                try:
                    await self.net.allocation.one_of(port, subnet, at=len(have))
                    have.add(subnet.id)
                except (errors.IpAddressGenerationFailure, errors.IpAddressAlreadyAllocated):
                    log.warning("no address is left for DHCP", network=port.network_id, subnet=subnet.id)
