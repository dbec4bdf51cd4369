"""Records of placement and the names it knows from the start. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from importlib.resources import files

import msgspec

MAX_INT = 0x7FFFFFFF

#: In the order upstream introduced them.
STANDARD_CLASSES = (
    "VCPU", "MEMORY_MB", "DISK_GB", "PCI_DEVICE", "SRIOV_NET_VF", "NUMA_SOCKET", "NUMA_CORE", "NUMA_THREAD", "NUMA_MEMORY_MB",
    "IPV4_ADDRESS", "VGPU", "VGPU_DISPLAY_HEAD", "NET_BW_EGR_KILOBIT_PER_SEC", "NET_BW_IGR_KILOBIT_PER_SEC", "PCPU",
    "MEM_ENCRYPTION_CONTEXT", "FPGA", "PGPU", "NET_PACKET_RATE_KILOPACKET_PER_SEC", "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
    "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
)
NAME = re.compile(r"[A-Z0-9_]+\Z")
CUSTOM_NAME = re.compile(r"CUSTOM_[A-Z0-9_]+\Z")

#: A provider shares its resources with everybody in its aggregates when it has this trait.
SHARING = "MISC_SHARES_VIA_AGGREGATE"

#: Whose allocations are when a request older than 1.8 does not say.
NOBODY = "00000000-0000-0000-0000-000000000000"

#: {provider id: {resource class: amount}}
Amounts = dict[str, dict[str, int]]


@cache
def standard_traits() -> frozenset[str]:
    """The traits every OpenStack cloud has, by the names of os-traits. Read when first asked for."""
    return frozenset((files("pileus.placement") / "traits.txt").read_text().split())


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    generation: int = 0
    parent_id: str | None = None
    root_id: str
    created_at: datetime
    updated_at: datetime


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one resource class a provider has, and in which portions it is handed out."""

    total: int
    reserved: int = 0
    min_unit: int = 1
    max_unit: int = MAX_INT
    step_size: int = 1
    allocation_ratio: float = 1.0

    @property
    def capacity(self) -> float:
        return (self.total - self.reserved) * self.allocation_ratio

    def fits(self, amount: int) -> bool:
        """Whether `amount` is a portion that may be asked for, whatever is in use."""
        return self.min_unit <= amount <= self.max_unit and amount % self.step_size == 0


class Stock(Inventory, frozen=True, kw_only=True):
    """An inventory as stored: whose it is and how much of it is in use."""

    provider_id: str
    resource_class: str
    used: int = 0
    updated_at: datetime

    @property
    def plain(self) -> Inventory:
        """Only what an inventory says."""
        return Inventory(**{field: getattr(self, field) for field in Inventory.__struct_fields__})

    def has_room(self, amount: int) -> bool:
        return self.fits(amount) and self.used + amount <= self.capacity

    def takes(self, amount: int) -> bool:
        """Whether several portions that each have room do so together."""
        return amount <= self.max_unit and self.used + amount <= self.capacity


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    generation: int
    project_id: str
    user_id: str
    type: str | None = None
    created_at: datetime
    updated_at: datetime


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """An amount of a class that a consumer holds of a provider, with the generations of both."""

    consumer_id: str
    provider_id: str
    resource_class: str
    amount: int
    updated_at: datetime
    provider_generation: int
    consumer_generation: int


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A custom trait or resource class."""

    name: str
    updated_at: datetime


class AnyGeneration(msgspec.Struct, frozen=True):
    """The caller does not say which generation it saw."""


ANY = AnyGeneration()


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a consumer shall hold from now on, instead of whatever it held. Empty amounts: nothing.

    `generation` is the consumer's as the caller saw it; None: there is no such consumer yet.
    """

    consumer_id: str
    amounts: Amounts
    project_id: str
    user_id: str
    type: str | None = None
    generation: int | AnyGeneration | None = ANY
