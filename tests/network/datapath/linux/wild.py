"""Wanted states as a careless or hostile control plane might send them, for property tests."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import strategies as st
from msgspec.structs import replace

from pileus.network.datapath.base import FixedIP, Group, HostNetworks, Rule
from tests.network.datapath import states

GROUPS = [f"9a000000-0000-4000-8000-00000000020{n}" for n in range(3)]
NUMBERS = st.one_of(st.none(), st.integers(-2, 70000), st.sampled_from([0, 8, 22, 80, 255, 256, 65535, 65536]))
PROTOCOLS = st.one_of(
    st.none(),
    st.sampled_from(["any", "tcp", "udp", "icmp", "icmpv6", "ipv6-icmp", "vrrp", "sctp", "dccp", "udplite", "ah", "esp", "TCP", "-1"]),
    st.integers(-3, 300).map(str),
    st.text(max_size=6),
)
CIDRS = st.one_of(
    st.none(),
    st.sampled_from(["0.0.0.0/0", "::/0", "10.0.0.0/8", "10.0.0.7/8", "10.21.0.10", "10.21.0.0/33", "fd00::/8", "fd00::1"]),
    st.sampled_from(["", "x", "10.0.0.0/8\naccept"]),
    st.ip_addresses().map(str),
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
    st.tuples(st.ip_addresses(v=6), st.integers(0, 128)).map(lambda pair: f"{pair[0]}/{pair[1]}"),
)

rules = st.builds(
    Rule,
    direction=st.sampled_from(["ingress", "egress"]),
    ethertype=st.sampled_from(["IPv4", "IPv6"]),
    protocol=PROTOCOLS,
    port_min=NUMBERS,
    port_max=NUMBERS,
    remote_cidr=CIDRS,
    remote_group=st.one_of(st.none(), st.sampled_from([*GROUPS, "9a000000-0000-4000-8000-00000000ffff"])),
)
some_rules = st.lists(rules, max_size=8).map(tuple)
groups = st.tuples(*(st.builds(Group, id=st.just(id), rules=some_rules, stateful=st.booleans()) for id in GROUPS))
members = st.dictionaries(st.sampled_from(GROUPS), st.lists(CIDRS.filter(lambda cidr: cidr is not None), max_size=8).map(tuple))
macs = st.sampled_from(["", "fa:16:3e:00:00:01", "FA:16:3E:00:00:02", "nonsense"])
pairs = st.lists(st.tuples(macs, CIDRS.map(lambda cidr: cidr or "")), max_size=5)


@st.composite
def ports(draw, k: int):
    extra = draw(st.lists(st.ip_addresses(v=6).map(str), max_size=2, unique=True))
    port = states.guest(1, k, groups=tuple(draw(st.lists(st.sampled_from(GROUPS), max_size=3))))
    return replace(
        port,
        up=draw(st.booleans()),
        security=draw(st.booleans()),
        allowed_pairs=tuple(draw(pairs)),
        fixed_ips=(*port.fixed_ips, *(FixedIP(ip=ip, prefix=64) for ip in extra)),
    )


@st.composite
def hosts(draw) -> HostNetworks:
    guests = tuple(draw(ports(k)) for k in range(draw(st.integers(0, 3))))
    return HostNetworks(
        networks=(states.network(1, *guests, dhcp=False), states.network(2, dhcp=False, physical=draw(st.sampled_from([None, "br-ex"])))),
        ports=guests,
        groups=draw(groups),
        members=draw(members),
    )
