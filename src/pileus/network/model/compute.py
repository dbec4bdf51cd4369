"""What the compute service and this one say to each other."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.network.model.ports import Address

AUTO, NONE = "auto", "none"


class RequestedNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """One network interface that a server asks for: a network, with or without a certain address, or a port that exists."""

    network_id: str | None = None
    port_id: str | None = None
    fixed_ip: str | None = None
    tag: str | None = None


class PortView(msgspec.Struct, frozen=True, kw_only=True):
    """One network interface of a server, with all that the compute API shows of it."""

    id: str
    device_id: str
    network_id: str
    network_name: str
    mac_address: str
    status: str
    mtu: int = 1500
    vnic_type: str = "normal"
    addresses: tuple[Address, ...] = ()
    floating_ips: tuple[tuple[str, str], ...] = ()     # (fixed, floating)
    security_groups: tuple[str, ...] = ()               # names
