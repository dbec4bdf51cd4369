"""What guests of the Linux datapath can do, and what they cannot: real packets between namespaces."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import select
import sys

import pytest
from msgspec.structs import replace

from pileus.network.datapath.base import FixedIP, Group, HostNetworks, Lease, Rule, Subnet
from tests.network.datapath import states
from tests.network.datapath.linux.lab import Guest, Lab, needs_root

pytestmark = needs_root

OUT = Group(id="9a000000-0000-4000-8000-00000000000a", rules=(Rule(direction="egress"), Rule(direction="egress", ethertype="IPv6")))


def group(n: int, *rules: Rule, **fields) -> Group:
    return Group(id=f"9a000000-0000-4000-8000-0000000001{n:02x}", rules=rules, **fields)


def two(a: Group, b: Group, **fields) -> HostNetworks:
    """Guests 0 and 1 on network 1, in one group each."""
    ports = (states.guest(1, 0, groups=(a.id,)), states.guest(1, 1, groups=(b.id,)))
    return HostNetworks(networks=(states.network(1, *ports, dhcp=False),), ports=ports, groups=(a, b), **fields)


def applied(lab: Lab, wanted: HostNetworks, *later: HostNetworks, between=lambda step: None, **options) -> None:
    """Apply states one after the other, with something in between."""

    async def go():
        driver = lab.linux(**options)
        await driver.start()
        try:
            for step, state in enumerate((wanted, *later)):
                await driver.apply(state)
                await asyncio.to_thread(between, step)
        finally:
            await driver.stop()

    asyncio.run(go())


def test_dhcp(lab: Lab):
    port = states.guest(1, 0)
    net = states.network(1, port, mtu=1442)
    lease = Lease(mac=port.mac, ip="10.21.0.10", hostname="web", options={"tftp-server": "10.21.0.5", "67": "pxe.0"})
    subnet = replace(net.subnets[0], dns=("9.9.9.9", "1.1.1.1"), routes=(("10.99.0.0/16", "10.21.0.7"),), leases=(lease,))
    wanted = HostNetworks(networks=(replace(net, subnets=(subnet,)),), ports=(port,), groups=(states.OPEN,))
    applied(lab, wanted, domain="example.org")
    said = lab.guest(port, address=None).dhcp()
    assert said["ip"] == "10.21.0.10" and said["mask"] in ("24", "255.255.255.0")
    assert said["dns"] == "9.9.9.9" and said["mtu"] == "1442" and said["hostname"] == "web" and said["router"] == "10.21.0.1"
    assert said["domain"] == "example.org" and said["bootfile"] == "pxe.0"
    routes = said["routes"]
    assert routes == "10.99.0.0/16"


def test_dhcp_answers_only_those_it_knows(lab: Lab):
    known, unknown = states.guest(1, 0), states.guest(1, 1)
    wanted = HostNetworks(networks=(states.network(1, known),), ports=(known, unknown), groups=(states.OPEN,))
    later = HostNetworks(networks=(states.network(1, known, unknown),), ports=(known, unknown), groups=(states.OPEN,))
    guests: list[Guest] = []

    def between(step):
        if step == 0:
            guests.extend((lab.guest(known, address=None), lab.guest(unknown, address=None)))
            assert guests[0].dhcp()["ip"] == "10.21.0.10"
            assert guests[1].dhcp() == {}
        else:
            assert guests[1].dhcp()["ip"] == "10.21.0.11"

    applied(lab, wanted, later, between=between)


def test_dhcp_outlives_a_change_with_leases_out(lab: Lab):
    """dnsmasq 2.90 of Debian 12 crashes at SIGHUP when a lease has a tag from the file of hosts; ports with options need one."""
    port, other = states.guest(1, 0), states.guest(1, 1)
    before, after = states.network(1, port), states.network(1, port, other)
    subnets = [with_options(net.subnets[0], tag="67", value="pxe.0") for net in (before, after)]
    steps = [
        HostNetworks(networks=(replace(net, subnets=(subnet,)),), ports=(port, other), groups=(states.OPEN,))
        for net, subnet in zip((before, after), subnets, strict=True)
    ]
    guests: list[Guest] = []

    def between(step):
        if step == 0:
            guests.extend((lab.guest(port, address=None), lab.guest(other, address=None)))
            assert guests[0].dhcp()["bootfile"] == "pxe.0"
        else:
            assert guests[1].dhcp()["ip"] == "10.21.0.11"
            assert guests[0].dhcp()["bootfile"] == "pxe.0"

    applied(lab, steps[0], steps[1], between=between)


def with_options(subnet: Subnet, *, tag: str, value: str) -> Subnet:
    """The subnet with an option for its first lease."""
    first, *rest = subnet.leases
    return replace(subnet, leases=(replace(first, options={tag: value}), *rest))


def test_name_server_of_the_network(lab: Lab):
    a, b = states.guest(1, 0), states.guest(1, 1)
    applied(lab, HostNetworks(networks=(states.network(1, a, b),), ports=(a, b), groups=(states.OPEN,)), domain="cloud")
    answer = lab.guest(a).run("busybox", "nslookup", "guest-11.cloud", "10.21.0.2").stdout
    assert "10.21.0.11" in answer


def test_ping_and_overlapping_networks(lab: Lab):
    """Two networks with the same addresses: each guest reaches its neighbour, and nobody else."""
    ones = [states.guest(1, k) for k in range(2)]
    twos = [states.guest(2, k, net=1) for k in range(2)]
    nets = (states.network(1, *ones), states.network(2, *twos, net=1))
    applied(lab, HostNetworks(networks=nets, ports=(*ones, *twos), groups=(states.OPEN,)))
    a, b = (lab.guest(port) for port in ones)
    c, d = (lab.guest(port) for port in twos)
    assert a.pings(b.address) and c.pings(d.address)
    with b.serving(80, "first"), d.serving(80, "second"):
        assert (a.asks(b.address, 80), c.asks(d.address, 80)) == ("first", "second")
    lab.ip("-n", d.space, "link", "set", "eth0", "down")
    assert a.pings(b.address)
    assert not c.pings(d.address)


def test_a_flow_of_one_network_opens_no_other(lab: Lab):
    """What looks like the answer to a flow of another network, by the same addresses and ports, is no answer."""
    ones = [states.guest(1, k) for k in range(2)]
    twos = [states.guest(2, k, net=1, groups=()) for k in range(2)]
    nets = (states.network(1, *ones, dhcp=False), states.network(2, *twos, net=1, dhcp=False))
    applied(lab, HostNetworks(networks=nets, ports=(*ones, *twos), groups=(states.OPEN,)))
    a, b, c, d = (lab.guest(port) for port in (*ones, *twos))
    assert a.sends_udp(5000, b, 6000)                   # a flow from .10 to .11 on the first network, and its answer
    assert b.sends_udp(6000, a, 5000)
    assert not d.sends_udp(6000, c, 5000)


def test_security_groups(lab: Lab):
    web = group(1, Rule(direction="ingress", protocol="tcp", port_min=80, port_max=81))
    wanted = two(web, OUT)
    applied(lab, wanted)
    server, client = (lab.guest(port) for port in wanted.ports)
    with server.serving(80), server.serving(82):
        assert client.asks(server.address, 80) == "hello"           # allowed, and the answer too
        assert client.asks(server.address, 82) == ""
    assert not client.pings(server.address)
    with client.serving(80):
        assert server.asks(client.address, 80) == ""                # no rule lets the server speak first


def test_stateless_groups_answer_nobody(lab: Lab):
    web = group(1, Rule(direction="ingress", protocol="tcp", port_min=80, port_max=80), stateful=False)
    answers = group(2, Rule(direction="egress", protocol="tcp"), stateful=False)
    wanted = two(web, OUT)
    server = replace(wanted.ports[0], groups=(web.id, answers.id))
    both = replace(wanted, ports=(server, wanted.ports[1]), groups=(web, OUT, answers))
    seen: list[str] = []
    guests: list[Guest] = []

    def between(step):
        if step == 0:
            guests.extend(lab.guest(port) for port in wanted.ports)
        with guests[0].serving(80):
            seen.append(guests[1].asks(guests[0].address, 80))

    applied(lab, wanted, both, between=between)
    assert seen == ["", "hello"]


def test_remote_groups_follow_their_members(lab: Lab):
    db = group(1, Rule(direction="ingress", protocol="tcp", port_min=5432, port_max=5432, remote_group=OUT.id))
    wanted = two(db, OUT)
    seen: list[str] = []
    guests: list[Guest] = []

    def between(step):
        if step == 0:
            guests.extend(lab.guest(port) for port in wanted.ports)
        with guests[0].serving(5432):
            seen.append(guests[1].asks(guests[0].address, 5432))

    members = {OUT.id: ("10.21.0.11", "10.21.0.10/31", "fd00::1")}
    applied(lab, wanted, replace(wanted, members=members), wanted, between=between)
    assert seen == ["", "hello", ""]


def test_ipv6(lab: Lab):
    """Rules of one family say nothing of the other; replies pass in both."""
    pings = group(1, Rule(direction="ingress", ethertype="IPv6", protocol="icmp", remote_cidr="fd00::/64"))
    wanted = two(pings, OUT)
    more = {port.id: FixedIP(ip=f"fd00::{k}", prefix=64) for k, port in enumerate(wanted.ports, 10)}
    sixes = tuple(replace(port, fixed_ips=(*port.fixed_ips, more[port.id])) for port in wanted.ports)
    applied(lab, replace(wanted, ports=sixes))
    server, client = (lab.guest(port) for port in sixes)
    for guest, address in ((server, "fd00::10"), (client, "fd00::11")):
        lab.ip("-n", guest.space, "addr", "add", f"{address}/64", "dev", "eth0", "nodad")
    assert client.pings("fd00::10")
    assert not server.pings("fd00::11")
    assert not client.pings(server.address)
    with server.serving(80):
        assert client.asks("fd00::10", 80) == ""


def test_a_removed_rule_cuts_what_it_let_in(lab: Lab):
    """OSSA-2015-021: a change of rules reaches connections that are open."""
    web = group(1, Rule(direction="ingress", protocol="tcp", port_min=80), Rule(direction="ingress", protocol="icmp"), *OUT.rules)
    wanted = two(web, states.OPEN)
    closed = replace(wanted, groups=(group(1, *OUT.rules), states.OPEN))
    talk: list = []

    def between(step):
        if step == 0:
            talk.extend(lab.guest(port) for port in wanted.ports)
            server, client = talk
            talk.append(server.serve_echo(80))
            talk.append(client.popen("busybox", "nc", server.address, "80"))
            talk.append(client.popen("ping", "-n", "-i", "0.1", "-D", server.address))
            assert echoes(talk[3], b"one\n")
        else:
            assert not echoes(talk[3], b"two\n")
            server, client = talk[:2]
            assert not client.pings(server.address)
            assert server.pings(client.address)

    try:
        applied(lab, wanted, closed, between=between)
    finally:
        for process in talk[2:]:
            process.kill()
            process.wait()


def echoes(process, line: bytes) -> bool:
    """Whether what is sent comes back within a second."""
    process.stdin.write(line)
    process.stdin.flush()
    return bool(select.select([process.stdout], [], [], 1)[0]) and process.stdout.readline() == line


def test_no_port_security_and_ports_that_are_down(lab: Lab):
    nobody = group(1)
    wanted = two(nobody, OUT)
    opened = replace(wanted, ports=(replace(wanted.ports[0], security=False), wanted.ports[1]))
    down = replace(opened, ports=(replace(opened.ports[0], up=False), wanted.ports[1]))
    seen: list[bool] = []
    guests: list[Guest] = []

    def between(step):
        if step == 0:
            guests.extend(lab.guest(port) for port in wanted.ports)
        seen.append(guests[1].pings(guests[0].address))

    applied(lab, wanted, opened, down, opened, between=between)
    assert seen == [False, True, False, True]


def test_port_without_groups_may_do_nothing_but_metadata_and_dhcp(lab: Lab):
    ports = (states.guest(1, 0, groups=()), states.guest(1, 1))
    wanted = HostNetworks(networks=(states.network(1, *ports),), ports=ports, groups=(states.OPEN,))
    applied(lab, wanted)
    guest, other = lab.guest(ports[0], address=None), lab.guest(ports[1])
    assert guest.dhcp()["ip"] == guest.address
    assert not guest.pings(other.address)
    assert not other.pings(guest.address)


@pytest.mark.parametrize("pairs", [(), (("", "10.21.0.99/32"),), (("", "0.0.0.0/0"),)])
def test_ossa_2016_009_other_addresses_are_dropped(lab: Lab, pairs):
    """Neither ARP nor IP from an address that is not the port's, unless a pair allows it."""
    wanted = states.host(1, guests=2)
    port = replace(wanted.ports[0], allowed_pairs=pairs)
    applied(lab, replace(wanted, ports=(port, wanted.ports[1])))
    thief, other = lab.guest(port, address="10.21.0.99/24", gateway=False), lab.guest(wanted.ports[1])
    assert thief.pings(other.address) == bool(pairs)
    lab.ip("-n", other.space, "neigh", "flush", "all")
    assert (other.run("busybox", "arping", "-c", "1", "-w", "1", "-I", "eth0", "10.21.0.99").returncode == 0) == bool(pairs)


def test_ossa_2021_004_other_macs_are_dropped(lab: Lab):
    wanted = states.host(1, guests=2)
    applied(lab, wanted)
    thief, other = lab.guest(wanted.ports[0], mac="fa:16:3e:66:66:66"), lab.guest(wanted.ports[1])
    assert not thief.pings(other.address)
    lab.ip("-n", thief.space, "link", "set", "eth0", "address", wanted.ports[0].mac)
    assert thief.pings(other.address)


def test_frames_for_others_are_not_to_be_sniffed(lab: Lab):
    """The bridge floods what it does not know; a guest gets only what is for it."""
    wanted = states.host(1, guests=2)
    applied(lab, wanted)
    a, b = (lab.guest(port) for port in wanted.ports)
    assert a.pings(b.address)
    lab.ip("-n", a.space, "neigh", "add", "10.21.0.200", "lladdr", "fa:16:3e:99:99:99", "dev", "eth0")
    sniffer = b.popen(sys.executable, "-c", SNIFFER, "fa163e999999", wanted.ports[1].mac.replace(":", ""))
    assert sniffer.stdout.readline() == b"ready\n"
    a.pings("10.21.0.200", count=3, wait_s=0.2)
    assert a.pings(b.address)
    assert sniffer.communicate()[0] == b"own\n"


SNIFFER = """
import socket, sys
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(0x0800))
raw.settimeout(5)
print("ready", flush=True)
while True:
    to = raw.recv(2000)[:6].hex()
    if to == sys.argv[1]: print("stranger's")
    if to == sys.argv[2]: break
print("own")
"""
