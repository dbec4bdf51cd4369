"""One security group rule as nft match expressions. Pure.

A rule that makes no sense (ports of a protocol that has none, a prefix of the other family, a range upside down) matches
nothing: it must not open more than it says, and must never keep the other rules from being loaded (OSSA-2019-001, -002).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from pileus.network.datapath.base import Rule

Prefix = IPv4Network | IPv6Network

PROTOCOLS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "igmp": 2, "ipip": 4, "ipv6-encap": 41,
    "ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43, "ospf": 89, "pgm": 113,
    "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
}  # fmt: skip
WITH_PORTS = {6: "tcp", 17: "udp", 33: "dccp", 132: "sctp", 136: "udplite"}
ICMP, ICMPV6 = 1, 58
ANY = (None, "", "any", "ip", "-1", "0")
MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")


def match(rule: Rule) -> str | None:
    """The expressions that a packet has to match, or None when no packet can."""
    version = 6 if rule.ethertype == "IPv6" else 4
    remote = _remote(rule, version)
    protocol = _protocol(rule, version)
    return None if remote is None or protocol is None else " ".join(filter(None, (_family(version), remote, protocol)))


def prefix(text: str) -> Prefix | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def collapsed(networks: Iterable[Prefix], version: int) -> list[str]:
    """The prefixes of one family without overlaps: nft refuses a set that has any."""
    if version == 4:
        return [str(one) for one in collapse_addresses(one for one in networks if isinstance(one, IPv4Network))]
    return [str(one) for one in collapse_addresses(one for one in networks if isinstance(one, IPv6Network))]


def remote_set(group_id: str, version: int) -> str:
    """The name of the set with the addresses of a group's members."""
    return f"members{version}-{group_id}"


def _family(version: int) -> str:
    return "ether type ip6" if version == 6 else "ether type ip"


def _remote(rule: Rule, version: int) -> str | None:
    address = f"{'ip6' if version == 6 else 'ip'} {'saddr' if rule.direction == 'ingress' else 'daddr'}"
    parts = []
    if rule.remote_cidr:
        network = prefix(rule.remote_cidr)
        if network is None or network.version != version:
            return None
        if network.prefixlen:
            parts.append(f"{address} {network}")
    if rule.remote_group:
        parts.append(f"{address} @{remote_set(rule.remote_group, version)}")
    return " ".join(parts)


def _protocol(rule: Rule, version: int) -> str | None:
    if rule.protocol in ANY:
        return "" if rule.port_min is None and rule.port_max is None else None
    word = str(rule.protocol).lower()
    number = PROTOCOLS.get(word, int(word) if word.isascii() and word.isdigit() else 256)
    if number == ICMP and version == 6:
        number = ICMPV6
    if number > 255 or (number == ICMPV6 and version == 4):
        return None
    if number in (ICMP, ICMPV6):
        return _icmp("icmpv6" if version == 6 else "icmp", number, rule.port_min, rule.port_max)
    if rule.port_min is None and rule.port_max is None:
        return f"meta l4proto {number}"
    return _ports(number, rule.port_min, rule.port_max)


def _icmp(word: str, number: int, type: int | None, code: int | None) -> str | None:
    if type is None:
        return f"meta l4proto {number}" if code is None else None
    if not 0 <= type <= 255 or (code is not None and not 0 <= code <= 255):
        return None
    return f"{word} type {type}" + ("" if code is None else f" {word} code {code}")


def _ports(number: int, low: int | None, high: int | None) -> str | None:
    low, high = high if low is None else low, low if high is None else high
    if number not in WITH_PORTS or low is None or high is None or not 0 <= low <= high <= 65535:
        return None
    return f"{WITH_PORTS[number]} dport {low}" + (f"-{high}" if high > low else "")
