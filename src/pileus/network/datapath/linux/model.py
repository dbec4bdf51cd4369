"""The parts of a layout, and the options of the driver. Data only."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Literal

import msgspec

from pileus.network.datapath.base import Listen
from pileus.network.datapath.linux.ruleset import Rules

METADATA = "169.254.169.254"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """One cloud's network on this host, as far as the layout depends on it. Clouds with different tags do not know each other."""

    tag: str = "pileus"
    underlay: str | None = None             # this host's address for VXLAN
    vxlan_port: int = 4789
    external_address: dict[str, str] = {}   # bridge → "172.24.4.1/24", this host's address on it: the external network's gateway
    resolvers: tuple[str, ...] = ()         # name servers that guests' queries go on to
    domain: str = ""
    guest_link: Literal["tap", "veth"] = "tap"


class Vxlan(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    local: str
    port: int


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A device. The inner end of a veth pair has no `peer`: it is made together with its outer end."""

    name: str
    kind: str                               # bridge | tap | veth | vxlan
    alias: str = ""
    mtu: int = 1500
    mac: str | None = None                  # None: any
    master: str | None = None
    up: bool = True
    peer: tuple[str, str] | None = None     # namespace and name of the other end
    filtered: bool = False                  # a bridge whose packets the IP layer's rules see
    adopt: bool = False                     # a bridge of that name may be somebody else's: it is used, not changed
    vxlan: Vxlan | None = None
    flood: frozenset[str] = frozenset()     # where a VXLAN device sends what it has no entry for
    addresses: frozenset[str] = frozenset()


class Route(msgspec.Struct, frozen=True, kw_only=True):
    destination: str
    via: str


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """A network namespace."""

    alias: str = ""
    links: dict[str, Link] = {}
    routes: frozenset[Route] = frozenset()
    sysctls: dict[str, str] = {}            # under /proc/sys/net; set once, when the namespace is made
    rules: Rules = Rules()


class Dhcp(msgspec.Struct, frozen=True, kw_only=True):
    """One dnsmasq: it starts anew when `arguments` change, and reads the files again when they do."""

    network_id: str
    arguments: tuple[str, ...]
    files: dict[str, str]                   # name → content


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    host: Space
    spaces: dict[str, Space] = {}
    dhcp: dict[str, Dhcp] = {}              # by namespace
    listen: dict[str, Listen] = {}          # by namespace
    devices: dict[str, str] = {}            # guest's port → its device
