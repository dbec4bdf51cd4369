"""What the network service does. One file per resource; `Network` is all of them, and what other services talk to."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.kit import Kit
from pileus.network.config import NetworkConfig
from pileus.network.interface import CONTROL, NetworkReports
from pileus.network.service.address_scopes import AddressScopes
from pileus.network.service.agents import Agents
from pileus.network.service.allocation import Allocation
from pileus.network.service.compute import ForCompute
from pileus.network.service.dhcp import Dhcp
from pileus.network.service.floating_ips import FloatingIPs
from pileus.network.service.groups import SecurityGroups
from pileus.network.service.networks import Networks
from pileus.network.service.ports import Ports
from pileus.network.service.quotas import Quotas
from pileus.network.service.rbac import RbacPolicies
from pileus.network.service.routers import Routers
from pileus.network.service.rules import Rules
from pileus.network.service.subnetpools import SubnetPools
from pileus.network.service.subnets import Subnets
from pileus.network.service.sync import Sync
from pileus.network.service.tags import Tags
from pileus.network.service.wanted import WantedStates
from pileus.network.store import Stores


class Network:
    """The network service of one control plane."""

    def __init__(self, kit: Kit, config: NetworkConfig):
        self.kit, self.config, self.stores = kit, config, Stores(kit.db)
        self.networks, self.subnets, self.ports = Networks(self), Subnets(self), Ports(self)
        self.subnetpools, self.address_scopes, self.rbac = SubnetPools(self), AddressScopes(self), RbacPolicies(self)
        self.routers, self.floating_ips = Routers(self), FloatingIPs(self)
        self.groups, self.rules = SecurityGroups(self), Rules(self)
        self.allocation, self.dhcp, self.quotas, self.tags = Allocation(self), Dhcp(self), Quotas(self), Tags(self)
        self.agents, self.wanted, self.sync = Agents(self), WantedStates(self), Sync(self)
        self.compute = ForCompute(self)
        # What the compute and metadata services call.
        compute = self.compute
        self.free_ports = compute.free_ports
        self.plan, self.port_at, self.find_security_group = compute.plan, compute.port_at, compute.find_security_group
        self.create_server_port, self.expect_port = compute.create_server_port, compute.expect_port
        self.bind_port, self.unbind_port = compute.bind_port, compute.unbind_port
        self.delete_port, self.ports_of, self.ports_of_devices = compute.delete_port, compute.ports_of, compute.ports_of_devices
        self.security_groups_of, self.set_port_groups = compute.security_groups_of, compute.set_port_groups
        self.devices_by_address, self.subnets_by_id = compute.devices_by_address, compute.subnets_by_id
        self.wire = self.sync.wire
        # What a new cloud starts with.
        self.ensure_external_network, self.ensure_private_network = self.networks.ensure_external, self.networks.ensure_private

    async def start(self) -> None:
        """Listen to agents and tell them what changes."""
        self.kit.bus.serve(NetworkReports, CONTROL, self.agents)
        self.sync.start()

    async def stop(self) -> None:
        self.kit.bus.withdraw(NetworkReports, CONTROL)
        await self.sync.stop()
