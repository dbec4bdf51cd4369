"""What a host's network must look like, and the contract of what makes it so.

`HostNetworks` is the whole wanted state of one host: pure data, built by the network service from its database, carried
over the bus, applied by a `Datapath`. Applying is idempotent: it compares with what is there, changes the difference,
removes what is no longer wanted and never disturbs what stays. An agent that restarts applies the same state again.

Networks never meet: each has a bridge of its own, overlapping addresses included. Ownership of everything in the kernel
is recognisable (`Datapath.clear` removes exactly what this cloud made, even when its database is lost).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from pileus.core.errors import CloudError


class FixedIP(msgspec.Struct, frozen=True, kw_only=True):
    ip: str
    prefix: int                             # length of the subnet's prefix
    subnet_id: str = ""


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """One address that DHCP hands out to one port."""

    mac: str
    ip: str
    hostname: str
    options: dict[str, str] = {}            # extra_dhcp_opts of the port: option name or number → value


class Subnet(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    cidr: str
    gateway: str | None = None
    dns: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()          # (destination, next hop)
    dhcp: bool = True
    leases: tuple[Lease, ...] = ()


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """A layer-2 network of which this host has a part."""

    id: str
    mtu: int = 1500
    segmentation_id: int | None = None      # VXLAN network identifier, when the network spans hosts
    peers: tuple[str, ...] = ()             # underlay addresses of the other hosts that have a part of it
    physical: str | None = None             # name of an existing or to-be-made bridge for an external (provider) network
    subnets: tuple[Subnet, ...] = ()
    dhcp_port: Port | None = None           # where DHCP and metadata answer; None: not on this host


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """Where one interface meets a network on this host."""

    id: str
    network_id: str
    mac: str
    fixed_ips: tuple[FixedIP, ...] = ()
    device: str = ""                        # tap device, for guests' ports; see `tap_name`
    up: bool = True                         # admin_state_up
    security: bool = True                   # port security: anti-spoofing and security groups
    allowed_pairs: tuple[tuple[str, str], ...] = ()   # (MAC, CIDR) beyond its own
    groups: tuple[str, ...] = ()            # ids of security groups


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A security group rule that allows. What no rule allows is dropped; replies are always allowed."""

    direction: str                          # ingress | egress, as seen from the guest
    ethertype: str = "IPv4"                 # IPv4 | IPv6
    protocol: str | None = None             # name or number; None: any
    port_min: int | None = None             # ICMP: type
    port_max: int | None = None             # ICMP: code
    remote_cidr: str | None = None
    remote_group: str | None = None         # members of that group


class Group(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    rules: tuple[Rule, ...] = ()
    stateful: bool = True


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """A router's way out."""

    port: Port
    network_id: str
    next_hops: tuple[str, ...] = ()         # gateways of the external subnets
    snat: bool = True


class FloatingIP(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    floating: str
    fixed: str


class Router(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    up: bool = True
    interfaces: tuple[Port, ...] = ()
    gateway: Gateway | None = None
    floating_ips: tuple[FloatingIP, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()          # (destination, next hop)


class HostNetworks(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of the network that has to exist on one host."""

    networks: tuple[Network, ...] = ()
    ports: tuple[Port, ...] = ()            # guests' ports
    groups: tuple[Group, ...] = ()          # the groups those ports have
    members: dict[str, tuple[str, ...]] = {}          # id of a remote group → addresses of its members, anywhere
    routers: tuple[Router, ...] = ()


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """Where guests reach the metadata service: a place inside one network, or inside one router."""

    address: str
    port: int
    network_id: str | None = None
    router_id: str | None = None
    generation: int = 0                     # tells a place from an earlier one of the same name


class Listener(Protocol):
    """What answers metadata requests in the places that a datapath has opened; `pileus.network.metadata` has one."""

    async def open(self, where: str, listen: Listen, listening: socket.socket) -> None:
        """Serve on a socket that listens already; it is the listener's from now on."""

    async def close(self, where: str) -> None: ...

    def listening(self) -> dict[str, Listen]: ...


class DatapathFailed(CloudError):
    """Something was not made. `wired` holds the ports that are wired up all the same: one broken router, or one DHCP server
    that does not start, keeps no other guest from its network."""

    status, code, message, temporary = 500, "datapath.failed", "The network of this host could not {what}.", True

    def __init__(self, text: str = "", *, wired: Iterable[str] = (), **rest: Any):
        super().__init__(text, **rest)
        self.wired = frozenset(wired)


class Datapath(Protocol):
    """Makes this host's network what it is told to be."""

    async def start(self) -> None:
        """Take up the work; look at what is there. Nothing is removed before the first `apply`."""

    async def stop(self) -> None:
        """Let go; guests keep their network, DHCP and routers go on where the platform allows."""

    async def apply(self, wanted: HostNetworks) -> frozenset[str]:
        """Make it so; returns the ids of the guests' ports that are wired up, which are those of a network in `networks`.

        Raises DatapathFailed when anything is missing in the end, after making everything else and undoing nothing: the
        next call goes on from what is there. Calls that overlap are carried out one after the other."""

    async def clear(self) -> None:
        """Remove everything this cloud ever made on this host."""


def wireable(wanted: HostNetworks) -> tuple[Port, ...]:
    """The guests' ports that can be wired up: those whose network has a part on this host."""
    here = {network.id for network in wanted.networks}
    return tuple(port for port in wanted.ports if port.network_id in here)


def tap_name(port_id: str) -> str:
    """The tap device of a guest's port: as long as Linux allows (15 characters), the same on every host."""
    return "tap" + port_id[:11]
