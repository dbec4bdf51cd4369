"""Routers and floating IPs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from pileus.network.model.fields import Create, Record, Tag, Text, Update, Uuid
from pileus.network.model.ports import FixedIpWish, Port


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    destination: str
    nexthop: str


class GatewayInfo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    network_id: Uuid | UnsetType = UNSET
    enable_snat: bool | UnsetType = UNSET
    external_fixed_ips: list[FixedIpWish] | UnsetType = UNSET


class Router(Record, frozen=True, kw_only=True):
    admin_state_up: bool = True
    status: str = "ACTIVE"
    gateway_network_id: str | None = None
    gateway_port_id: str | None = None
    enable_snat: bool = True
    routes: tuple[Route, ...] = ()
    availability_zone_hints: tuple[str, ...] = ()
    gateway: Port | None = None


class RouterCreate(Create, frozen=True, kw_only=True, forbid_unknown_fields=True):
    admin_state_up: bool = True
    external_gateway_info: GatewayInfo | None = None
    distributed: bool | UnsetType | None = UNSET
    ha: bool | UnsetType | None = UNSET
    availability_zone_hints: list[Text] = []
    flavor_id: None = None
    tags: list[Tag] = []


class RouterUpdate(Update, frozen=True, kw_only=True, forbid_unknown_fields=True):
    admin_state_up: bool | UnsetType = UNSET
    external_gateway_info: GatewayInfo | UnsetType | None = UNSET
    distributed: bool | UnsetType = UNSET
    ha: bool | UnsetType = UNSET
    routes: list[Route] | UnsetType | None = UNSET


class RouterInterface(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which interface to add or remove: by its port or by a subnet."""

    port_id: Uuid | UnsetType = UNSET
    subnet_id: Uuid | UnsetType = UNSET


class FloatingIP(Record, frozen=True, kw_only=True):
    floating_network_id: str
    floating_ip_address: str
    floating_port_id: str                   # holds the address on the external network
    port_id: str | None = None
    fixed_ip_address: str | None = None
    router_id: str | None = None
    status: str = "DOWN"
    dns_name: str = ""
    dns_domain: str = ""
    port: Port | None = None


class FloatingIPCreate(Create, frozen=True, kw_only=True, forbid_unknown_fields=True):
    floating_network_id: Uuid
    floating_ip_address: str | None = None
    subnet_id: Uuid | None = None
    port_id: Uuid | None = None
    fixed_ip_address: str | None = None
    dns_name: Text = ""
    dns_domain: Text = ""
    tags: list[Tag] = []


class FloatingIPUpdate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: Text | UnsetType = UNSET
    port_id: Uuid | UnsetType | None = UNSET
    fixed_ip_address: str | UnsetType | None = UNSET
