"""What a port may say that it is: anti-spoofing of MAC, IP, ARP and neighbour discovery (OSSA-2021-001, -2016-009). Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

from pileus.network.datapath.base import Port
from pileus.network.datapath.linux import rule
from pileus.network.datapath.linux.ruleset import members

Owned = dict[str, list[rule.Prefix]]

RARP = "0x8035"                             # how a hypervisor announces a guest that has moved

# What an interface says before it has an address, from a MAC that is the port's.
UNADDRESSED = (
    "arp saddr ip 0.0.0.0 accept",
    f"ether type {RARP} accept",
    "ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
    "ip6 saddr :: icmpv6 type { nd-router-solicit, nd-neighbor-solicit, 131, 143 } accept",
)


def owned(port: Port) -> Owned:
    """MAC → prefixes that the port may use with it: its own addresses, its allowed pairs, and link-local addresses."""
    own = port.mac.lower()
    found: Owned = {own: [ip_network(fixed.ip) for fixed in port.fixed_ips]}
    for mac, cidr in port.allowed_pairs:
        mac = mac.lower() or own
        if (network := rule.prefix(cidr)) and rule.MAC.fullmatch(mac):
            found.setdefault(mac, []).append(network)
    for mac, networks in found.items():
        networks.append(ip_network(link_local(mac)))
    return found


def link_local(mac: str) -> str:
    """The IPv6 address that an interface gives itself (RFC 4291, modified EUI-64)."""
    b = [int(byte, 16) for byte in mac.split(":")]
    return f"fe80::{b[0] ^ 2:02x}{b[1]:02x}:{b[2]:02x}ff:fe{b[3]:02x}:{b[4]:02x}{b[5]:02x}"


def sources(owns: Owned, unaddressed: str) -> Iterator[str]:
    """Rules that accept what the port may send from, and drop the rest. `unaddressed` is the chain with UNADDRESSED."""
    yield f"ether saddr != {members(sorted(owns))} drop"
    yield f"jump {unaddressed}"
    for mac, networks in sorted(owns.items()):
        source = "" if len(owns) == 1 else f"ether saddr {mac} "
        if four := rule.collapsed(networks, 4):
            yield f"{source}arp saddr ether {mac} arp saddr ip {members(four)} accept"
            yield f"{source}ip saddr {members(four)} accept"
        yield f"{source}ip6 saddr {members(rule.collapsed(networks, 6))} accept"
    yield "drop"


def advertisements(owns: Owned) -> Iterator[str]:
    """A rule that drops neighbour advertisements for an address that is not the port's."""
    six = [one for networks in owns.values() for one in networks if one.version == 6]
    if any(one.prefixlen < 128 for one in six):
        return                              # a pair that names a whole prefix; raw payload compares with single values only
    # The target is 8 bytes into the advertisement.
    targets = members(f"0x{int(one.network_address):032x}" for one in sorted(set(six)))
    yield f"icmpv6 type nd-neighbor-advert @th,64,128 != {targets} drop"
