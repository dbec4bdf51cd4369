"""Everything of compute that is not a server: one service per noun, made together because some lean on others."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.config import ComputeConfig
from pileus.compute.service.aggregates import Aggregates
from pileus.compute.service.audits import Audits
from pileus.compute.service.flavors import Flavors
from pileus.compute.service.hosts import Hosts
from pileus.compute.service.keypairs import Keypairs
from pileus.compute.service.quotas import Quotas
from pileus.compute.service.server_groups import ServerGroups
from pileus.compute.service.usage import Usage
from pileus.core.kit import Kit


class Resources:
    """The attributes that `req.services.compute` has besides the servers'."""

    def __init__(self, kit: Kit, config: ComputeConfig, *, placement: Any = None, identity: Any = None):
        self.flavors = Flavors(kit, config)
        self.quotas = Quotas(kit, config, identity=identity)
        self.keypairs = Keypairs(kit, config, quotas=self.quotas)
        self.hosts = Hosts(kit, config, placement=placement)
        self.aggregates = Aggregates(kit, config, hosts=self.hosts)
        self.server_groups = ServerGroups(kit, config, quotas=self.quotas)
        self.usage = Usage(kit, config)
        self.audits = Audits(kit, config, hosts=self.hosts)
