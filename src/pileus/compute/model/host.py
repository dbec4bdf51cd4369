"""A compute host: its service (is it alive, may it take servers) and its hypervisor (what it has)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import msgspec

from pileus.compute.hypervisor.base import Inventory
from pileus.compute.model.flavor import Flavor


class Host(msgspec.Struct, frozen=True, kw_only=True):
    id: str  # UUID of the hypervisor: compute node and resource provider
    service_id: str  # UUID of the nova-compute service
    number: int  # the ids that microversions before 2.53 show
    host: str  # name of the host, the bus address of its agent
    inventory: Inventory
    disabled: bool = False
    disabled_reason: str | None = None
    forced_down: bool = False
    running_vms: int = 0
    reported_at: datetime
    created_at: datetime
    updated_at: datetime | None = None


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What of a host is taken: by its servers, by their flavors, and what is kept back from them."""

    servers: int = 0
    vcpus: int = 0
    memory_mb: int = 0
    disk_gib: int = 0
    busy: int = 0  # servers with something under way

    def plus(self, flavor: Flavor, count: int, busy: int = 0) -> Used:
        """With `count` more servers of a flavor, `busy` of them with something under way."""
        disk = flavor.root_gib + flavor.ephemeral_gib + (flavor.swap_mb + 1023) // 1024
        return Used(
            servers=self.servers + count,
            vcpus=self.vcpus + count * flavor.vcpus,
            memory_mb=self.memory_mb + count * flavor.memory_mb,
            disk_gib=self.disk_gib + count * disk,
            busy=self.busy + busy,
        )

    def and_(self, other: Used) -> Used:
        return Used(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A process of compute, as os-services shows it: nova-compute on a host, or one of the control plane."""

    id: str
    number: int
    binary: str
    host: str
    zone: str
    up: bool = True
    disabled: bool = False
    disabled_reason: str | None = None
    forced_down: bool = False
    seen_at: datetime
