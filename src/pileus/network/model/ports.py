"""Ports: where something meets a network, with its MAC address, its IP addresses and its security groups."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType, field

from pileus.network.model.fields import Create, Record, Tag, Text, Update, Uuid


class Kind:
    """What a port is for, as this service decided it: unlike `device_owner`, nobody can claim it."""

    GUEST = ""
    DHCP = "dhcp"
    INTERFACE = "interface"
    GATEWAY = "gateway"
    FLOATING = "floating"


OWNERS = {Kind.DHCP: "network:dhcp", Kind.INTERFACE: "network:router_interface", Kind.GATEWAY: "network:router_gateway",
          Kind.FLOATING: "network:floatingip"}


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One address of a port, as the `network_addresses` table holds it."""

    network_id: str
    ip: str
    port_id: str
    subnet_id: str


class AddressPair(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a port may send from beyond its own address; the address may be a range."""

    ip_address: str
    mac_address: str | None = None


class DhcpOption(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    opt_name: str
    opt_value: str | None = None
    ip_version: int = 4


class Port(Record, frozen=True, kw_only=True):
    network_id: str
    mac_address: str
    admin_state_up: bool = True
    status: str = "DOWN"
    kind: str = Kind.GUEST
    device_id: str = ""
    device_owner: str = ""
    host: str = ""                          # where it is bound
    coming_to: str = ""                     # where it is made ready for a guest that is on its way there
    vif_type: str = "unbound"
    vnic_type: str = "normal"
    binding_profile: dict[str, Any] = {}
    port_security_enabled: bool = True
    allowed_address_pairs: tuple[AddressPair, ...] = ()
    extra_dhcp_opts: tuple[DhcpOption, ...] = ()
    dns_name: str = ""
    dns_domain: str = ""
    addresses: tuple[Address, ...] = ()
    security_groups: tuple[str, ...] = ()   # ids
    mtu: int = 0                            # its network's, where that was asked for


class FixedIpWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    subnet_id: Uuid | UnsetType = UNSET
    ip_address: str | UnsetType = UNSET


class PortCreate(Create, frozen=True, kw_only=True, forbid_unknown_fields=True):
    network_id: Uuid
    mac_address: str | UnsetType = UNSET
    fixed_ips: list[FixedIpWish] | UnsetType | None = UNSET
    admin_state_up: bool = True
    device_id: Text = ""
    device_owner: Text = ""
    host: Text = field(default="", name="binding:host_id")
    binding_profile: dict[str, Any] | None = field(default=None, name="binding:profile")
    vnic_type: str = field(default="normal", name="binding:vnic_type")
    port_security_enabled: bool | UnsetType = UNSET
    security_groups: list[str] | UnsetType | None = UNSET
    allowed_address_pairs: list[AddressPair] | UnsetType | None = UNSET
    extra_dhcp_opts: list[DhcpOption] | None = None
    dns_name: Text = ""
    dns_domain: Text = ""
    tags: list[Tag] = []


class PortUpdate(Update, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mac_address: str | UnsetType | None = UNSET
    fixed_ips: list[FixedIpWish] | UnsetType | None = UNSET
    admin_state_up: bool | UnsetType = UNSET
    device_id: Text | UnsetType = UNSET
    device_owner: Text | UnsetType = UNSET
    host: Text | UnsetType | None = field(default=UNSET, name="binding:host_id")
    binding_profile: dict[str, Any] | UnsetType | None = field(default=UNSET, name="binding:profile")
    vnic_type: str | UnsetType = field(default=UNSET, name="binding:vnic_type")
    port_security_enabled: bool | UnsetType = UNSET
    security_groups: list[str] | UnsetType | None = UNSET
    allowed_address_pairs: list[AddressPair] | UnsetType | None = UNSET
    extra_dhcp_opts: list[DhcpOption] | UnsetType | None = UNSET
    dns_name: Text | UnsetType = UNSET
    dns_domain: Text | UnsetType = UNSET
