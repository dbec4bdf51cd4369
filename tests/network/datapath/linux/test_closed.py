"""Which flows end when something is no longer allowed. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from msgspec.structs import replace

from pileus.network.datapath.base import Group, HostNetworks, Rule
from pileus.network.datapath.linux import announce, closed
from pileus.network.datapath.linux.conntrack import TCP, Flow
from tests.network.datapath import states
from tests.network.datapath.linux.test_routers import EXTERNAL, FLOATING

WEB, ICMP, FROM = (
    Rule(direction="ingress", protocol="tcp", port_min=80),
    Rule(direction="ingress", protocol="icmp"),
    Rule(direction="ingress", remote_group="others"),
)


def state(*rules: Rule, members=(), **fields) -> HostNetworks:
    port = states.guest(1, 0, groups=("g",), **fields)
    return replace(states.host(1), ports=(port,), groups=(Group(id="g", rules=rules),), members={"others": tuple(members)})


NARROWED = {
    "a rule goes": (state(WEB, ICMP), state(WEB), True),
    "a rule comes": (state(WEB), state(WEB, ICMP), False),
    "rules change places": (state(WEB, ICMP), state(ICMP, WEB), False),
    "a member goes": (state(FROM, members=["10.0.0.1", "10.0.0.2"]), state(FROM, members=["10.0.0.2"]), True),
    "a member comes": (state(FROM), state(FROM, members=["10.0.0.2"]), False),
    "a member of nobody's group goes": (state(WEB, members=["10.0.0.1"]), state(WEB), False),
    "the port goes down": (state(WEB), state(WEB, up=False), True),
    "the port comes up": (state(WEB, up=False), state(WEB), False),
    "security comes": (state(WEB, security=False), state(WEB), True),
    "security goes": (state(WEB), state(WEB, security=False), False),
    "a pair goes": (state(WEB, allowed_pairs=(("", "10.9.0.0/16"),)), state(WEB), True),
    "a group goes": (state(WEB), replace(state(WEB), ports=(states.guest(1, 0, groups=()),)), True),
    "the port is new": (HostNetworks(), state(WEB), False),
    "nothing is known": (None, state(WEB), True),
}


@pytest.mark.parametrize("what", NARROWED)
def test_ports_that_may_do_less(what):
    before, after, expected = NARROWED[what]
    assert [port.id for port in closed.narrowed(before, after)] == ([after.ports[0].id] if expected else [])


def flow(
    source: str, destination: str, *, answer_source: str = "", answer_destination: str = "", protocol: int = 17, zone: int = 7
) -> Flow:
    return Flow(
        protocol=protocol,
        source=source,
        destination=destination,
        answer_source=answer_source or destination,
        answer_destination=answer_destination or source,
        zone=zone,
        family=2,
        key=b"",
    )


def test_flows_of_ports():
    """By zone and address; TCP is judged packet by packet and needs no help."""
    port = states.guest(1, 0)
    judge = closed.of_ports([port], {port.network_id: 7})
    assert judge(flow("10.21.0.10", "10.21.0.99")) and judge(flow("10.21.0.99", "10.21.0.10"))
    assert not judge(flow("10.21.0.98", "10.21.0.99"))
    assert not judge(flow("10.21.0.10", "10.21.0.99", zone=8))
    assert not judge(flow("10.21.0.10", "10.21.0.99", protocol=TCP))


def test_flows_of_routers():
    router = states.router(1, 1, external=EXTERNAL, floating={FLOATING: "10.21.0.10"})
    own, guest, other, out = "172.24.4.101", "10.21.0.10", "10.21.0.11", "198.51.100.7"
    judge = closed.of_router(router)
    for stays in (
        flow(out, FLOATING, answer_source=guest),
        flow(guest, out, answer_destination=FLOATING),
        flow(guest, out, answer_destination=own),                   # from before it had its floating IP
        flow(other, out, answer_destination=own),
        flow(guest, other),
        flow(other, "169.254.169.254", answer_source="10.21.0.1"),
    ):
        assert not judge(stays), stays
    for ends in (
        flow(out, FLOATING, answer_source=other),
        flow(out, "172.24.4.51", answer_source=guest),
        flow(other, out, answer_destination=FLOATING),
        flow(other, out, answer_destination="172.24.4.51"),
    ):
        assert judge(ends), ends
    assert closed.of_router(replace(router, gateway=None))(flow(other, out, answer_destination=own))


def test_gratuitous_arp_says_one_thing_twice():
    frame = announce.frame(1, "fa:16:3e:00:00:01", "172.24.4.50")
    assert frame[:12] == b"\xff" * 6 + bytes.fromhex("fa163e000001")
    assert frame[12:22] == bytes.fromhex("08060001080006040001")
    assert frame[28:32] == frame[38:42] == bytes([172, 24, 4, 50])
