"""Networks: layer-2 segments."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from msgspec import UNSET, UnsetType, field

from pileus.network.model.fields import Create, Number, Record, Tag, Text, Update


class Network(Record, frozen=True, kw_only=True):
    admin_state_up: bool = True
    status: str = "ACTIVE"
    shared: bool = False                    # with every project
    external: bool = False                  # routers may have their gateways and floating IPs on it
    is_default: bool = False
    mtu: int = 1450
    port_security_enabled: bool = True      # what its ports begin with
    network_type: str = "vxlan"             # vxlan: a tenant's; flat: a bridge of the host
    physical_network: str | None = None
    segmentation_id: int | None = None
    availability_zone_hints: tuple[str, ...] = ()
    dns_domain: str = ""
    dhcp_port_id: str | None = None         # the port where DHCP answers, while there is a subnet with DHCP
    subnets: tuple[str, ...] = ()           # ids
    ipv4_address_scope: str | None = None   # those of the subnet pools that its subnets are of
    ipv6_address_scope: str | None = None
    shared_here: bool = False               # with the project that asks


class NetworkCreate(Create, frozen=True, kw_only=True, forbid_unknown_fields=True):
    admin_state_up: bool = True
    shared: bool = False
    external: bool = field(default=False, name="router:external")
    is_default: bool = False
    mtu: Number | UnsetType = UNSET
    port_security_enabled: bool = True
    network_type: str | UnsetType | None = field(default=UNSET, name="provider:network_type")
    physical_network: str | UnsetType | None = field(default=UNSET, name="provider:physical_network")
    segmentation_id: Number | UnsetType | None = field(default=UNSET, name="provider:segmentation_id")
    availability_zone_hints: list[Text] = []
    dns_domain: Text = ""
    tags: list[Tag] = []


class NetworkUpdate(Update, frozen=True, kw_only=True, forbid_unknown_fields=True):
    admin_state_up: bool | UnsetType = UNSET
    shared: bool | UnsetType = UNSET
    external: bool | UnsetType = field(default=UNSET, name="router:external")
    is_default: bool | UnsetType = UNSET
    mtu: Number | UnsetType = UNSET
    port_security_enabled: bool | UnsetType = UNSET
    dns_domain: Text | UnsetType = UNSET
