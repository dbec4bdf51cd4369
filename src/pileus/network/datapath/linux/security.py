"""Rules of the host's bridges: anti-spoofing and security groups, by port. Pure text.

Packets between ports of a bridge are judged in `table bridge`, where the names of both ports are known. That family has no
connection tracking of its own: `tracking` writes into the packet's mark, beforehand, what conntrack says of it.

Only replies pass unasked. Packets in the direction of the opener are judged by the rules as they are now, each of them, so
a rule that is removed cuts the flows that it once let in, without deleting anything from conntrack.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pileus.network.datapath.base import Group, HostNetworks, Port, tap_name, wireable
from pileus.network.datapath.linux import names, rule, spoof, tracking
from pileus.network.datapath.linux.model import Link, Options
from pileus.network.datapath.linux.ruleset import Chain, Rules, Set, Table, members, quoted

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

# Chains that all ports share, so that a port's own are short. Ports with stateful groups go through the first of two.
SHARED = {
    "unaddressed": Chain(spoof.UNADDRESSED),
    "stateful-talk": Chain((*SERVER_TALK, *REPLIES, *GUEST_TALK)),
    "stateless-talk": Chain((*SERVER_TALK, *GUEST_TALK)),
    "stateful-hear": Chain((*REPLIES, *GUEST_HEARS)),
    "stateless-hear": Chain(GUEST_HEARS),
}


class Guard:
    """Renders the rules of a host. Remembers a port's chains, which are most of the work, for as long as the port is the same."""

    def __init__(self) -> None:
        self._drawn: dict[tuple, dict[str, Chain]] = {}

    def rules(self, wanted: HostNetworks, options: Options, zones: dict[str, int], links: dict[str, Link]) -> Rules:
        """The host's tables; none when there is nothing to guard."""
        if not links:
            return Rules()
        drawn: dict[tuple, dict[str, Chain]] = {}
        bridges = _bridge(wanted, options, links, lambda *port: self._port(drawn, *port))
        self._drawn = drawn
        return Rules((bridges, tracking.table(wanted, options, zones)))

    def _port(self, drawn: dict[tuple, dict[str, Chain]], device: str, port: Port, mine: tuple[Group, ...]) -> dict[str, Chain]:
        key = device, port, tuple((group.id, group.stateful) for group in mine)
        chains = drawn[key] = self._drawn.get(key) or dict(_port(device, port, mine))
        return chains


Draw = Callable[[str, Port, tuple[Group, ...]], dict[str, Chain]]


def _bridge(wanted: HostNetworks, options: Options, links: dict[str, Link], draw: Draw) -> Table:
    ports = {port.device or tap_name(port.id): port for port in wireable(wanted)}
    secured = {device: port for device, port in ports.items() if port.security and port.up}
    down = sorted(device for device, port in ports.items() if not port.up)
    groups = {group.id: group for group in wanted.groups}
    used = {id: groups[id] for port in secured.values() for id in port.groups if id in groups}
    physical = {network.physical for network in wanted.networks}
    inside = [link.name for link in links.values() if link.master and link.master not in physical]
    tunnels = [link.name for link in links.values() if link.kind == "vxlan"]
    chains, sets = dict(SHARED), dict(_remote_sets(wanted, used.values()))
    for group in used.values():
        chains.update(_group(group))
    for device, port in secured.items():
        chains.update(draw(device, port, tuple(used[id] for id in dict.fromkeys(port.groups) if id in used)))
    for name, prefix in (("spoof", "s"), ("egress", "e"), ("ingress", "i")):
        rows = {f'"{device}"': f"goto {prefix}-{device}" for device in sorted(secured)} | {f'"{device}"': "drop" for device in down}
        sets[name] = Set("type ifname : verdict", rows)
    sets["inside"], sets["tunnels"] = Set("type ifname", quoted(inside)), Set("type ifname", quoted(tunnels))
    return Table(family="bridge", name=names.table(options.tag), chains=chains | HOOKS, sets=sets)


# Where packets are sent through the ports' chains. Two chains hang in `forward`, so that a packet which its sender may send
# is still judged for its receiver.
HOOKS = {
    "check_source": Chain(("iifname vmap @spoof",), "filter hook prerouting priority -300"),
    "leave_guest": Chain(("iifname vmap @egress",), "filter hook forward priority -200"),
    "enter_guest": Chain(("oifname vmap @ingress",), "filter hook forward priority -190"),
    # The host has no address on networks' own bridges, but it would route what is sent to a bridge's own MAC address.
    "to_host": Chain(("iifname @inside drop", "iifname vmap @egress"), "filter hook input priority -200"),
    "from_host": Chain(("oifname vmap @ingress",), "filter hook output priority 0"),
    # The mark would stay with the packet around it, and other software reads marks.
    "wrap_up": Chain(("oifname @tunnels meta mark set 0",), "filter hook postrouting priority 0"),
}


def _remote_sets(wanted: HostNetworks, groups: Iterable[Group]) -> Iterator[tuple[str, Set]]:
    """A set of addresses per family for each group that a rule names as the remote side."""
    for id in sorted({one.remote_group for group in groups for one in group.rules if one.remote_group}):
        found = [network for member in wanted.members.get(id, ()) if (network := rule.prefix(member))]
        for version in (4, 6):
            prefixes = dict.fromkeys(rule.collapsed(found, version), "")
            yield rule.remote_set(id, version), Set(f"type ipv{version}_addr", prefixes, interval=True)


def _group(group: Group) -> Iterator[tuple[str, Chain]]:
    for direction in ("ingress", "egress"):
        matches = dict.fromkeys(match for one in group.rules if one.direction == direction and (match := rule.match(one)))
        yield f"{direction}-{group.id}", Chain(tuple(f"{match} accept" for match in matches))


def _port(device: str, port: Port, mine: tuple[Group, ...]) -> Iterator[tuple[str, Chain]]:
    kind = "stateful" if not mine or any(group.stateful for group in mine) else "stateless"
    owns = spoof.owned(port)
    stranger = f"ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 ether daddr != {members(sorted(owns))} drop"
    out, into = ([f"jump {direction}-{group.id}" for group in mine] for direction in ("egress", "ingress"))
    yield f"s-{device}", Chain(tuple(spoof.sources(owns, "unaddressed")))
    yield f"e-{device}", Chain((*spoof.advertisements(owns), f"jump {kind}-talk", *out, "drop"))
    yield f"i-{device}", Chain((stranger, f"jump {kind}-hear", *into, "drop"))
