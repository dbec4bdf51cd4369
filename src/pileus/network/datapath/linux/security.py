"""Rules of the host's bridges: anti-spoofing and security groups, by port. Pure text.

Packets between ports of a bridge are judged in `table bridge`, where the names of both ports are known. That family has no
connection tracking of its own: `tracking` writes into the packet's mark, beforehand, what conntrack says of it.

Only replies pass unasked. Packets in the direction of the opener are judged by the rules as they are now, each of them, so
a rule that is removed cuts the flows that it once let in, without deleting anything from conntrack.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import collapse_addresses

from pileus.network.datapath.base import Group, HostNetworks, Port, tap_name, wireable
from pileus.network.datapath.linux import names, rule, spoof, tracking
from pileus.network.datapath.linux.model import Link, Options
from pileus.network.datapath.linux.ruleset import addresses, chain, mapping, members, quoted, replace

# What guests may never say, may always say, and always hear, whatever their groups.
SERVER_TALK = (
    "ether type ip udp sport 67 udp dport 68 drop",                         # only the DHCP port answers DHCP
    "ether type ip6 udp sport 547 udp dport 546 drop",
    "icmpv6 type { nd-router-advert, nd-redirect } drop",                   # only routers advertise themselves
)
GUEST_TALK = (
    f"ether type {{ arp, {spoof.RARP} }} accept",
    "ether type ip udp sport 68 udp dport 67 accept",
    "ether type ip6 udp sport 546 udp dport 547 accept",
    "icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, 131, 132, 143 } accept",
    "ip daddr 169.254.169.254 tcp dport 80 accept",                         # metadata
)
GUEST_HEARS = (
    f"ether type {{ arp, {spoof.RARP} }} accept",
    "ether type ip udp sport 67 udp dport 68 accept",
    "ether type ip6 udp sport 547 udp dport 546 accept",
    "icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, 130, 131, 132, 143 } accept",
)
REPLIES = (f"meta mark {tracking.REPLY} accept", f"meta mark {tracking.BROKEN} drop")


def host(wanted: HostNetworks, options: Options, zones: dict[str, int], links: dict[str, Link]) -> str:
    """The host's tables as one transaction; empty when there is nothing to guard."""
    if not links:
        return ""
    name = names.table(options.tag)
    return replace({("bridge", name): _bridge(wanted, links), ("inet", name): tracking.table(wanted, options, zones)})


def _bridge(wanted: HostNetworks, links: dict[str, Link]) -> str:
    ports = {port.device or tap_name(port.id): port for port in wireable(wanted)}
    secured = {device: port for device, port in ports.items() if port.security and port.up}
    down = {device for device, port in ports.items() if not port.up}
    groups = {group.id: group for group in wanted.groups}
    used = {id: groups[id] for port in secured.values() for id in port.groups if id in groups}
    return "".join([
        *_remote_sets(wanted, used.values()),
        *(part for group in used.values() for part in _group(group)),
        *(part for device, port in secured.items() for part in _port(device, port, used)),
        *(_verdicts(name, prefix, secured, down) for name, prefix in (("spoof", "s-"), ("egress", "e-"), ("ingress", "i-"))),
        *_hooks(wanted, links),
    ])  # fmt: skip


def _hooks(wanted: HostNetworks, links: dict[str, Link]) -> Iterator[str]:
    """Where packets are sent through the ports' chains. Two chains hang in `forward`, so that a packet which its sender
    may send is still judged for its receiver."""
    physical = {network.physical for network in wanted.networks}
    inside = [link.name for link in links.values() if link.master and link.master not in physical]
    tunnels = [link.name for link in links.values() if link.kind == "vxlan"]
    # The host has no address on these bridges, but it would route what is sent to a bridge's own MAC address.
    unrouted = [f"iifname {quoted(inside)} drop"] if inside else []
    yield chain("check_source", "iifname vmap @spoof", hook="filter hook prerouting priority -300")
    yield chain("leave_guest", "iifname vmap @egress", hook="filter hook forward priority -200")
    yield chain("enter_guest", "oifname vmap @ingress", hook="filter hook forward priority -190")
    yield chain("to_host", *unrouted, "iifname vmap @egress", hook="filter hook input priority -200")
    yield chain("from_host", "oifname vmap @ingress", hook="filter hook output priority 0")
    if tunnels:                             # the mark would stay with the packet around it, and other software reads marks
        yield chain("wrap_up", f"oifname {quoted(tunnels)} meta mark set 0", hook="filter hook postrouting priority 0")


def _verdicts(name: str, prefix: str, secured: Iterable[str], down: Iterable[str]) -> str:
    rows = {f'"{device}"': f"goto {prefix}{device}" for device in sorted(secured)}
    return mapping(name, "ifname : verdict", rows | {f'"{device}"': "drop" for device in sorted(down)})


def _remote_sets(wanted: HostNetworks, groups: Iterable[Group]) -> Iterator[str]:
    """A set of addresses per family for each group that a rule names as the remote side."""
    for id in sorted({one.remote_group for group in groups for one in group.rules if one.remote_group}):
        found = [network for member in wanted.members.get(id, ()) if (network := rule.prefix(member))]
        for version in (4, 6):
            prefixes = collapse_addresses(network for network in found if network.version == version)
            yield addresses(rule.remote_set(id, version), f"ipv{version}_addr", map(str, prefixes))


def _group(group: Group) -> Iterator[str]:
    for direction in ("ingress", "egress"):
        matches = dict.fromkeys(match for one in group.rules if one.direction == direction and (match := rule.match(one)))
        yield chain(f"{direction}-{group.id}", *(f"{match} accept" for match in matches))


def _port(device: str, port: Port, groups: dict[str, Group]) -> Iterator[str]:
    mine = [groups[id] for id in dict.fromkeys(port.groups) if id in groups]
    replies = REPLIES if not mine or any(group.stateful for group in mine) else ()
    owns = spoof.owned(port)
    stranger = f"ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 ether daddr != {members(sorted(owns))} drop"
    out, into = ([f"jump {direction}-{group.id}" for group in mine] for direction in ("egress", "ingress"))
    yield chain(f"s-{device}", *spoof.sources(owns))
    yield chain(f"e-{device}", *SERVER_TALK, *spoof.advertisements(owns), *replies, *GUEST_TALK, *out, "drop")
    yield chain(f"i-{device}", stranger, *replies, *GUEST_HEARS, *into, "drop")
