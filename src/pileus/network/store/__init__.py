"""The tables of the network service, split by noun, and the only SQL."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.db import Database
from pileus.network.store.addresses import Addresses
from pileus.network.store.agents import Agents
from pileus.network.store.base import Tags
from pileus.network.store.networks import Networks, RbacPolicies
from pileus.network.store.ports import Ports
from pileus.network.store.quotas import Quotas
from pileus.network.store.routers import FloatingIPs, Routers
from pileus.network.store.security import Rules, SecurityGroups
from pileus.network.store.subnets import AddressScopes, SubnetPools, Subnets


class Stores:
    """All of them, on one database."""

    def __init__(self, db: Database):
        self.networks, self.rbac, self.subnets = Networks(db), RbacPolicies(db), Subnets(db)
        self.subnetpools, self.address_scopes = SubnetPools(db), AddressScopes(db)
        self.ports, self.addresses = Ports(db), Addresses(db)
        self.routers, self.floating_ips = Routers(db), FloatingIPs(db)
        self.groups, self.rules = SecurityGroups(db), Rules(db)
        self.quotas, self.agents, self.tags = Quotas(db), Agents(db), Tags(db)
