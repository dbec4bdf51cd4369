"""What a packet would do in a wanted state: pure questions for tests, and an oracle for real datapaths.

It answers for the first packet of a flow between two guests of one network, which is where security groups decide; it does
not follow routers, and knows nothing of replies (they are always allowed).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from ipaddress import ip_address, ip_network

from pileus.network.datapath.base import Group, HostNetworks, Port, Rule

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58, "ipv6-icmp": 58, "sctp": 132}


def reaches(wanted: HostNetworks, sender: str, receiver: str, protocol: str, port: int | None = None) -> bool:
    """Whether the first IPv4 packet from one guest's port to another's arrives."""
    ports = {one.id: one for one in wanted.ports}
    a, b = ports[sender], ports[receiver]
    if a.network_id != b.network_id or not (a.up and b.up):
        return False
    return _allows(wanted, a, "egress", _ipv4(b), protocol, port) and _allows(wanted, b, "ingress", _ipv4(a), protocol, port)


def _ipv4(port: Port) -> str:
    return next(fixed.ip for fixed in port.fixed_ips if ":" not in fixed.ip)


def _allows(wanted: HostNetworks, at: Port, direction: str, remote: str, protocol: str, port: int | None) -> bool:
    if not at.security:
        return True
    groups: dict[str, Group] = {group.id: group for group in wanted.groups}
    rules = (rule for id in at.groups if id in groups for rule in groups[id].rules)
    return any(_matches(wanted, rule, direction, remote, protocol, port) for rule in rules)


def _matches(wanted: HostNetworks, rule: Rule, direction: str, remote: str, protocol: str, port: int | None) -> bool:
    if rule.direction != direction or rule.ethertype != "IPv4":
        return False
    number = PROTOCOLS[protocol]
    if rule.protocol is not None and PROTOCOLS.get(rule.protocol, rule.protocol) not in (number, str(number)):
        return False
    if rule.protocol is not None and rule.port_min is not None:
        if protocol == "icmp":
            if rule.port_min != 8 or rule.port_max not in (None, 0):        # the question is about an echo request
                return False
        elif port is None or not rule.port_min <= port <= (rule.port_min if rule.port_max is None else rule.port_max):
            return False
    if rule.remote_cidr is not None and ip_address(remote) not in ip_network(rule.remote_cidr, strict=False):
        return False
    if rule.remote_group is None:
        return True
    return any(ip_address(remote) in ip_network(member) for member in wanted.members.get(rule.remote_group, ()))
