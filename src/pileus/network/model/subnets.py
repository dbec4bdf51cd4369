"""Subnets: ranges of addresses on a network."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from pileus.network.model.fields import Create, Number, Record, Tag, Text, Update, Uuid

Ipv6Mode = Literal["slaac", "dhcpv6-stateful", "dhcpv6-stateless"]


class Pool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A range of addresses, both ends included."""

    start: str
    end: str


class HostRoute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    destination: str
    nexthop: str


class Subnet(Record, frozen=True, kw_only=True):
    network_id: str
    ip_version: int
    cidr: str
    gateway_ip: str | None = None
    enable_dhcp: bool = True
    ipv6_ra_mode: str | None = None
    ipv6_address_mode: str | None = None
    dns_nameservers: tuple[str, ...] = ()
    host_routes: tuple[HostRoute, ...] = ()
    allocation_pools: tuple[Pool, ...] = ()
    service_types: tuple[str, ...] = ()
    subnetpool_id: str | None = None
    dns_publish_fixed_ip: bool = False

    @property
    def auto(self) -> bool:
        """Whether addresses follow from the MAC address (EUI-64) rather than being chosen."""
        return self.ipv6_address_mode in ("slaac", "dhcpv6-stateless")


class SubnetCreate(Create, frozen=True, kw_only=True, forbid_unknown_fields=True):
    network_id: Uuid
    ip_version: Literal[4, 6, "4", "6"] | UnsetType = UNSET
    cidr: str | UnsetType | None = UNSET
    prefixlen: Number | UnsetType | None = UNSET
    subnetpool_id: str | UnsetType | None = UNSET
    use_default_subnetpool: bool = False
    gateway_ip: str | UnsetType | None = UNSET
    allocation_pools: list[Pool] | UnsetType | None = UNSET
    enable_dhcp: bool = True
    ipv6_ra_mode: Ipv6Mode | UnsetType | None = UNSET
    ipv6_address_mode: Ipv6Mode | UnsetType | None = UNSET
    dns_nameservers: list[str] | None = None
    host_routes: list[HostRoute] | None = None
    service_types: list[Text] = []
    dns_publish_fixed_ip: bool = False
    segment_id: None = None
    tags: list[Tag] = []


class SubnetUpdate(Update, frozen=True, kw_only=True, forbid_unknown_fields=True):
    gateway_ip: str | UnsetType | None = UNSET
    allocation_pools: list[Pool] | UnsetType = UNSET
    enable_dhcp: bool | UnsetType = UNSET
    dns_nameservers: list[str] | UnsetType | None = UNSET
    host_routes: list[HostRoute] | UnsetType | None = UNSET
    service_types: list[Text] | UnsetType = UNSET
    dns_publish_fixed_ip: bool | UnsetType = UNSET
    segment_id: UnsetType | None = UNSET
