"""Whatever the rules say, what is rendered can be loaded, and decides as the pure oracle does."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pileus.network.datapath.base import FloatingIP, Group, HostNetworks, Rule
from pileus.network.datapath.linux import rule, ruleset, spoof
from pileus.network.datapath.linux.layout import plan
from pileus.network.datapath.linux.model import Options
from pileus.network.datapath.linux.ruleset import Rules
from tests.network.datapath import states
from tests.network.datapath.linux import wild
from tests.network.datapath.linux.lab import Lab, needs_root, run
from tests.network.datapath.linux.test_routers import EXTERNAL
from tests.network.reach import reaches

OPTIONS = Options(tag="one", external_address={"br-ex": "172.24.4.1/24"}, underlay="192.0.2.1")


def rendered(wanted: HostNetworks) -> Rules:
    zones = {network.id: n + 1 for n, network in enumerate(wanted.networks) if not network.physical}
    return plan(wanted, OPTIONS, zones).host.rules


def refused(lab: Lab, rules: str) -> str:
    """What nft has against the rules: checked against the kernel, but not loaded."""
    done = run(lab.host, "nft", "-c", "-f", "-", text=rules)
    return done.stderr if done.returncode else ""


@pytest.mark.root
@pytest.mark.skipif(needs_root[1].args[0], reason="needs root")
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=wild.hosts())
def test_ossa_2019_001_and_002_every_rule_set_can_be_loaded(lab: Lab, wanted):
    """Ports of protocols that have none, overlapping ranges, nonsense: no rule keeps the others from being applied."""
    text = ruleset.whole(rendered(wanted))
    assert not refused(lab, text), text


@pytest.mark.root
@pytest.mark.skipif(needs_root[1].args[0], reason="needs root")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=wild.hosts(), after=wild.hosts())
def test_a_change_of_rules_ends_in_the_same_rules(lab: Lab, before, after):
    """Loading only what differs leaves the kernel with what loading everything leaves."""
    one, two = rendered(before), rendered(after)
    shown = []
    for texts in ([ruleset.whole(one), ruleset.delta(one, two)], [ruleset.whole(two)]):
        run(lab.host, "nft", "flush", "ruleset")
        for text in texts:
            done = run(lab.host, "nft", "-f", "-", text=text)
            assert done.returncode == 0, (done.stderr, text)
        shown.append(blocks(run(lab.host, "nft", "list", "ruleset").stdout))
    assert shown[0] == shown[1]


def blocks(listing: str) -> list[str]:
    """Tables, chains and sets in an order that does not depend on when they were made."""
    parts = ("\n" + listing).replace("\n\t}\n", "\n\t}\n\0").replace(" {\n\t", " {\n\0\t", 1).split("\0")
    return sorted(" ".join(sorted(part.replace("elements = ", "").replace(",", "").split())) for part in parts)


@settings(max_examples=60, deadline=None)
@given(wanted=wild.hosts())
def test_rendering_is_pure_and_forgets_no_port(wanted):
    rules = rendered(wanted)
    assert rules == rendered(wanted)
    for port in wanted.ports:
        for judge in ("spoof", "egress", "ingress"):
            verdict = rules.tables[0].sets[judge].elements.get(f'"{port.device}"')
            assert verdict == ("drop" if not port.up else f"goto {judge[0]}-{port.device}" if port.security else None)


@settings(max_examples=100, deadline=None)
@given(one=wild.rules)
def test_a_rule_is_one_line_and_says_its_family(one: Rule):
    match = rule.match(one)
    if match is not None:
        assert match.isprintable()
        assert match.startswith("ether type ip6" if one.ethertype == "IPv6" else "ether type ip")
        assert "accept" not in match


NONSENSE = [
    Rule(direction="ingress", protocol="vrrp", port_min=8080, port_max=8080),           # OSSA-2019-001: no such thing as ports
    Rule(direction="ingress", protocol="112", port_min=8080),
    Rule(direction="ingress", port_min=22, port_max=22),                                # nor for any protocol
    Rule(direction="ingress", protocol="tcp", port_min=90, port_max=80),
    Rule(direction="ingress", protocol="tcp", port_min=0, port_max=65536),
    Rule(direction="ingress", protocol="tcp", remote_cidr="0.0.0.0/33"),                # OSSA-2014-014: a bad prefix
    Rule(direction="ingress", protocol="tcp", remote_cidr="fd00::/8"),
    Rule(direction="ingress", protocol="icmp", port_min=256),
    Rule(direction="ingress", protocol="icmp", port_max=3),
    Rule(direction="ingress", protocol="icmpv6"),
    Rule(direction="ingress", protocol="tcp; accept"),
]


@pytest.mark.parametrize("one", NONSENSE, ids=repr)
def test_ossa_2014_014_nonsense_allows_nothing(one):
    assert rule.match(one) is None


SENSE = {
    Rule(direction="ingress"): "ether type ip",
    Rule(direction="egress", ethertype="IPv6"): "ether type ip6",
    Rule(direction="ingress", protocol="any", remote_cidr="0.0.0.0/0"): "ether type ip",
    Rule(direction="ingress", protocol="tcp", port_min=22, port_max=22): "ether type ip tcp dport 22",
    Rule(direction="ingress", protocol="17", port_min=1, port_max=65535): "ether type ip udp dport 1-65535",
    Rule(direction="egress", protocol="tcp", port_min=80): "ether type ip tcp dport 80",
    Rule(direction="egress", protocol="tcp", remote_cidr="10.1.2.3/8"): "ether type ip ip daddr 10.0.0.0/8 meta l4proto 6",
    Rule(direction="ingress", protocol="icmp", port_min=8, port_max=0): "ether type ip icmp type 8 icmp code 0",
    Rule(direction="ingress", ethertype="IPv6", protocol="icmp", port_min=128): "ether type ip6 icmpv6 type 128",
    Rule(direction="ingress", protocol="vrrp"): "ether type ip meta l4proto 112",
    Rule(direction="ingress", remote_group="g"): "ether type ip ip saddr @members4-g",
}


@pytest.mark.parametrize("one", SENSE, ids=repr)
def test_matches(one):
    assert rule.match(one) == SENSE[one]


def test_link_local_addresses():
    assert spoof.link_local("fa:16:3e:01:02:03") == "fe80::f816:3eff:fe01:0203"


def test_no_networks_no_rules():
    assert rendered(HostNetworks()) == Rules()


@pytest.mark.root
@pytest.mark.skipif(needs_root[1].args[0], reason="needs root")
def test_routers_rules_can_be_loaded(lab: Lab):
    """With and without a way out, interfaces, IPv6, and two floating IPs for one guest."""
    full = states.router(1, 1, external=EXTERNAL, floating={"172.24.4.50": "10.21.0.10", "172.24.4.51": "10.21.0.10"})
    six = replace(full, floating_ips=(*full.floating_ips, FloatingIP(id="f", floating="fd00::1", fixed="fd01::1")))
    for router in (full, six, replace(full, gateway=None), replace(full, interfaces=()), states.router(2)):
        wanted = replace(states.host(1), routers=(router,))
        wanted = replace(wanted, networks=(*wanted.networks, EXTERNAL))
        spaces = plan(wanted, OPTIONS, {wanted.networks[0].id: 1}).spaces
        assert spaces
        for space in spaces.values():
            assert not refused(lab, ruleset.whole(space.rules)), space.rules


# -- against the oracle ------------------------------------------------------------------------------------------------

sane = st.builds(
    Rule,
    direction=st.sampled_from(["ingress", "egress"]),
    protocol=st.sampled_from([None, "tcp", "icmp"]),
    port_min=st.none(),
    remote_cidr=st.sampled_from([None, "10.21.0.10/32", "10.21.0.10/31", "10.21.0.0/24", "10.99.0.0/16"]),
    remote_group=st.sampled_from([None, None, wild.GROUPS[1]]),
)
ranges = st.builds(
    Rule,
    direction=st.sampled_from(["ingress", "egress"]),
    protocol=st.just("tcp"),
    port_min=st.integers(78, 80),
    port_max=st.integers(80, 82),
)


@pytest.mark.root
@pytest.mark.skipif(needs_root[1].args[0], reason="needs root")
def test_packets_go_where_the_oracle_says(lab: Lab):
    """Random groups on three guests; every pair is tried with ping and with TCP."""
    wanted = states.host(1, guests=3)
    out = st.sampled_from([(), (Rule(direction="egress"),), (Rule(direction="egress"), Rule(direction="ingress", protocol="tcp"))])
    rules = st.tuples(out, st.lists(st.one_of(sane, ranges), max_size=4).map(tuple)).map(lambda both: both[0] + both[1])
    asked = {True: 0, False: 0}

    async def go():
        driver = lab.linux()
        await driver.start()
        await driver.apply(wanted)
        guests = [lab.guest(port) for port in wanted.ports]
        for guest in guests:                                    # neighbours are known, so that a try is one packet
            for port in wanted.ports:
                if port.fixed_ips[0].ip != guest.address:
                    lab.ip("-n", guest.space, "neigh", "add", port.fixed_ips[0].ip, "lladdr", port.mac, "dev", "eth0")
        servers = [guest.serving(80) for guest in guests]
        for server in servers:
            server.__enter__()

        @settings(max_examples=6, deadline=None, database=None, derandomize=True)
        @given(st.tuples(rules, rules, rules), st.lists(st.sampled_from([guest.address for guest in guests]), max_size=2))
        def tried(rules, member_ips):
            groups = tuple(Group(id=id, rules=one) for id, one in zip(wild.GROUPS, rules, strict=True))
            ports = tuple(replace(port, groups=(id,)) for port, id in zip(wanted.ports, wild.GROUPS, strict=True))
            state = replace(wanted, groups=groups, ports=ports, members={wild.GROUPS[1]: tuple(member_ips)})
            asyncio.run_coroutine_threadsafe(driver.apply(state), loop).result()
            tries = [(a, b, protocol) for a, b in permutations(range(3), 2) for protocol in ("icmp", "tcp")]

            def arrives(one) -> bool:
                a, b, protocol = one
                address = guests[b].address
                return guests[a].pings(address, wait_s=1) if protocol == "icmp" else guests[a].asks(address, 80, wait_s=1) == "hello"

            said = [reaches(state, ports[a].id, ports[b].id, protocol, 80 if protocol == "tcp" else None) for a, b, protocol in tries]
            with ThreadPoolExecutor(6) as pool:
                assert list(pool.map(arrives, tries)) == said, (state, tries)
            asked[True] += said.count(True)
            asked[False] += said.count(False)

        loop = asyncio.get_running_loop()
        try:
            await asyncio.to_thread(tried)
        finally:
            for server in servers:
                server.__exit__(None, None, None)
            await driver.stop()

    asyncio.run(go())
    assert min(asked.values()) > 10, asked                      # else the question was not asked


