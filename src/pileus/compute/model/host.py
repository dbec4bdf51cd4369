"""A compute host: its service (is it alive, may it take servers) and its hypervisor (what it has)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import msgspec

from pileus.compute.hypervisor.base import Inventory


class Host(msgspec.Struct, frozen=True, kw_only=True):
    id: str                                 # UUID of the hypervisor: compute node and resource provider
    service_id: str                         # UUID of the nova-compute service
    number: int                             # the ids that microversions before 2.53 show
    host: str                               # name of the host, the bus address of its agent
    inventory: Inventory
    disabled: bool = False
    disabled_reason: str | None = None
    forced_down: bool = False
    running_vms: int = 0
    reported_at: datetime
    created_at: datetime
    updated_at: datetime | None = None
