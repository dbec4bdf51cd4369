"""Routers of the Linux datapath: the way out, floating IPs, routes, and what must not pass."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

from msgspec.structs import replace

from pileus.network.datapath.base import HostNetworks, Network, Router, Subnet
from pileus.network.datapath.linux import names
from tests.network.datapath import states
from tests.network.datapath.linux.lab import Guest, Lab, needs_root, run
from tests.network.datapath.linux.test_guests import applied, echoes

pytestmark = needs_root

SUBNET = Subnet(id=states.identity(0xCC, 0xFF), cidr="172.24.4.0/24", gateway="172.24.4.1", dhcp=False)
EXTERNAL = Network(id=states.identity(0xBB, 0xFF), physical="br-ex", subnets=(SUBNET,))
FLOATING = "172.24.4.50"


def wanted(*networks: int, router: Router, more: tuple[Router, ...] = (), guests: int = 1) -> HostNetworks:
    state = states.host(*networks, guests=guests)
    return replace(state, networks=(*state.networks, EXTERNAL), routers=(router, *more))


def world(lab: Lab) -> Guest:
    """A neighbour on the external network, who has the gateway's address."""
    space = lab.space("world")
    lab.ip("-n", lab.host, "link", "add", "world", "type", "veth", "peer", "name", "eth0", "netns", space)
    lab.ip("-n", lab.host, "link", "set", "world", "master", "br-ex", "up")
    lab.ip("-n", space, "addr", "add", "172.24.4.1/24", "dev", "eth0")
    lab.ip("-n", space, "link", "set", "eth0", "up")
    return Guest(lab, space, "172.24.4.1")


def test_the_way_out_and_in(lab: Lab):
    """SNAT for a guest without a floating IP; with one, its own address outside, in both directions."""
    plain = wanted(1, router=states.router(1, 1, external=EXTERNAL), guests=2)
    guest_ip = "10.21.0.10"
    floating = replace(plain, routers=(states.router(1, 1, external=EXTERNAL, floating={FLOATING: guest_ip}),))
    moved = replace(plain, routers=(states.router(1, 1, external=EXTERNAL, floating={FLOATING: "10.21.0.11"}),))
    people: list[Guest] = []

    def between(step):
        if step == 0:
            people.extend([world(lab), *(lab.guest(port) for port in plain.ports)])
        out, guest, other = people
        with out.serving(80, tells_peer=True):
            seen = guest.asks("172.24.4.1", 80), other.asks("172.24.4.1", 80)
        assert seen == [
            ("172.24.4.101", "172.24.4.101"),
            (FLOATING, "172.24.4.101"),
            ("172.24.4.101", FLOATING),
            ("172.24.4.101", "172.24.4.101"),
        ][step]
        with guest.serving(80, "guest"), other.serving(80, "other"):
            assert out.asks(FLOATING, 80) == ["", "guest", "other", ""][step]
            assert other.asks(FLOATING, 80) == ["", "guest", "other", ""][step]     # hairpin, by the other and by itself

    applied(lab, plain, floating, moved, plain, between=between)


def test_the_source_of_who_comes_in_is_kept(lab: Lab):
    state = wanted(1, router=states.router(1, 1, external=EXTERNAL, floating={FLOATING: "10.21.0.10"}))
    applied(lab, state)
    out, guest = world(lab), lab.guest(state.ports[0])
    with guest.serving(80, tells_peer=True):
        assert out.asks(FLOATING, 80) == "172.24.4.1"


def test_a_floating_ip_that_goes_takes_its_connections_along(lab: Lab):
    plain = wanted(1, router=states.router(1, 1, external=EXTERNAL))
    floating = replace(plain, routers=(states.router(1, 1, external=EXTERNAL, floating={FLOATING: "10.21.0.10"}),))
    talk: list = []

    def between(step):
        if step == 0:
            out, guest = world(lab), lab.guest(plain.ports[0])
            talk.extend((guest.serve_echo(80), out.popen("busybox", "nc", FLOATING, "80")))
            lab.ip("-n", out.space, "neigh", "replace", FLOATING, "dev", "eth0", "lladdr", gateway_mac, "nud", "permanent")
        assert echoes(talk[1], b"hello\n") == (step == 0)

    gateway_mac = states.router(1, external=EXTERNAL).gateway.port.mac
    try:
        applied(lab, floating, plain, between=between)
    finally:
        for process in talk:
            process.kill()
            process.wait()


def test_neighbours_are_told_of_a_floating_ip(lab: Lab):
    """One that moves to another router is reached at once: gratuitous ARP corrects what neighbours remember."""
    one = states.router(1, 1, external=EXTERNAL, floating={FLOATING: "10.21.0.10"})
    two = states.router(2, 2, external=EXTERNAL)
    state = wanted(1, 2, router=one, more=(two,))
    its = states.router(2, 2, external=EXTERNAL, floating={FLOATING: "10.22.0.10"})
    moved = replace(state, routers=(replace(one, floating_ips=()), its))
    people: list[Guest] = []

    def between(step):
        if step == 0:
            people.extend([world(lab), *(lab.guest(port) for port in state.ports)])
        with people[1].serving(80, "one"), people[2].serving(80, "two"):
            assert people[0].asks(FLOATING, 80) == ["one", "two"][step]
        shown = json.loads(lab.ip("-j", "-n", people[0].space, "neigh", "show", FLOATING))
        assert shown[0]["lladdr"] == [one, two][step].gateway.port.mac

    applied(lab, state, moved, between=between)


def test_routes_between_networks_and_extra_routes(lab: Lab):
    routes = (("10.99.0.0/16", "10.21.0.10"), ("10.98.0.0/16", "192.0.2.1"))       # nobody can reach the second next hop
    state = wanted(1, 2, router=states.router(1, 1, 2, external=EXTERNAL, routes=routes))
    applied(lab, state)
    a, b = (lab.guest(port) for port in state.ports)
    assert a.pings(b.address)
    lab.ip("-n", a.space, "addr", "add", "10.99.0.1/32", "dev", "lo")
    assert not b.pings("10.99.0.1")                             # the port of the next hop may not speak for that prefix …
    pair = replace(state.ports[0], allowed_pairs=(("", "10.99.0.0/16"),))
    applied(lab, replace(state, ports=(pair, *state.ports[1:])))
    assert b.pings("10.99.0.1")                                 # … unless it is allowed to


def test_networks_without_a_router_in_common_do_not_meet(lab: Lab):
    state = wanted(1, 2, router=states.router(1, 1, external=EXTERNAL), more=(states.router(2, 2, external=EXTERNAL),))
    applied(lab, state)
    a, b = (lab.guest(port) for port in state.ports)
    assert not a.pings(b.address)


def test_routers_of_overlapping_networks(lab: Lab):
    ones, twos = states.guest(1, 0), states.guest(2, 0, net=1)
    other = replace(states.router(2, 1, external=EXTERNAL, floating={"172.24.4.52": "10.21.0.10"}))
    other = replace(other, interfaces=(replace(other.interfaces[0], network_id=states.identity(0xBB, 2)),))
    state = HostNetworks(
        networks=(states.network(1, ones, dhcp=False), states.network(2, twos, net=1, dhcp=False), EXTERNAL),
        ports=(ones, twos),
        groups=(states.OPEN,),
        routers=(states.router(1, 1, external=EXTERNAL, floating={"172.24.4.51": "10.21.0.10"}), other),
    )
    applied(lab, state)
    out = world(lab)
    with lab.guest(ones).serving(80, "one"), lab.guest(twos).serving(80, "two"):
        assert (out.asks("172.24.4.51", 80), out.asks("172.24.4.52", 80)) == ("one", "two")


def test_without_snat_only_floating_ips_are_translated(lab: Lab):
    router = states.router(1, 1, external=EXTERNAL, floating={FLOATING: "10.21.0.10"})
    state = wanted(1, router=replace(router, gateway=replace(router.gateway, snat=False)), guests=2)
    applied(lab, state)
    out = world(lab)
    lab.ip("-n", out.space, "route", "add", "10.21.0.0/24", "via", "172.24.4.101")
    guest, other = (lab.guest(port) for port in state.ports)
    with out.serving(80, tells_peer=True):
        assert guest.asks("172.24.4.1", 80) == FLOATING
        assert other.asks("172.24.4.1", 80) == "10.21.0.11"
    with other.serving(80, "other"):
        assert out.asks("10.21.0.11", 80) == "other"


def test_a_router_that_is_down_or_has_no_gateway(lab: Lab):
    up = states.router(1, 1, 2, external=EXTERNAL)
    state = wanted(1, 2, router=up)
    people: list[Guest] = []

    def between(step):
        if step == 0:
            people.extend([world(lab), *(lab.guest(port) for port in state.ports)])
        _, a, b = people
        assert (a.pings("172.24.4.1"), a.pings(b.address)) == [(True, True), (False, True), (False, False)][step]

    inside, down = replace(up, gateway=None), replace(up, up=False)
    applied(lab, state, replace(state, routers=(inside,)), replace(state, routers=(down,)), between=between)
    assert names.ROUTER + up.id not in lab.leftovers()


def test_this_host_is_the_gateway(lab: Lab):
    """Guests reach what the host reaches, by the host's address; the host reaches floating IPs; the host's own bridge goes."""
    state = wanted(1, router=states.router(1, 1, external=EXTERNAL, floating={FLOATING: "10.21.0.10"}), guests=2)
    internet = lab.space("inet")
    lab.ip("-n", lab.host, "link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", internet)
    for space, device, address in ((lab.host, "uplink", "203.0.113.1/24"), (internet, "eth0", "203.0.113.9/24")):
        lab.ip("-n", space, "addr", "add", address, "dev", device)
        lab.ip("-n", space, "link", "set", device, "up")
    applied(lab, state, external_address={"br-ex": "172.24.4.1/24"})
    server, host = Guest(lab, internet, "203.0.113.9"), Guest(lab, lab.host, "172.24.4.1")
    floating, plain = (lab.guest(port) for port in state.ports)
    with server.serving(80, tells_peer=True):
        assert floating.asks("203.0.113.9", 80) == "203.0.113.1"
        assert plain.asks("203.0.113.9", 80) == "203.0.113.1"
    with floating.serving(80, "guest"):
        assert host.asks(FLOATING, 80) == "guest"


def test_guests_on_the_external_network_are_guarded_too(lab: Lab):
    """Between such a guest and the host there is no other bridge port; its groups hold all the same."""
    guest, nobody = states.guest(0xFF, 1, net=1), states.guest(0xFF, 2, net=1, groups=())
    ports = tuple(replace(port, fixed_ips=(replace(port.fixed_ips[0], ip=f"172.24.4.{n}"),)) for n, port in ((61, guest), (62, nobody)))
    applied(lab, HostNetworks(networks=(EXTERNAL,), ports=ports, groups=(states.OPEN,)), external_address={"br-ex": "172.24.4.1/24"})
    host = Guest(lab, lab.host, "172.24.4.1")
    a, b = (lab.guest(port) for port in ports)
    assert host.pings(a.address) and a.pings(host.address)
    assert not host.pings(b.address) and not b.pings(host.address)
    thief = "172.24.4.99"
    lab.ip("-n", a.space, "addr", "add", f"{thief}/24", "dev", "eth0")
    assert a.run("ping", "-n", "-c", "1", "-W", "1", "-I", thief, host.address).returncode != 0


def test_a_bridge_keeps_its_mac_when_ports_come(lab: Lab):
    """Else the gateway that this host is would move whenever a port with a lower MAC is plugged in."""
    plain = HostNetworks(networks=(EXTERNAL,))
    seen: list[str] = []
    after = wanted(1, router=states.router(1, 1, external=EXTERNAL))

    def mac() -> str:
        return json.loads(lab.ip("-j", "-n", lab.host, "link", "show", "br-ex"))[0]["address"]

    applied(lab, plain, after, between=lambda step: seen.append(mac()))
    lab.ip("-n", lab.host, "link", "add", "lowest", "address", "00:00:00:00:00:02", "type", "veth", "peer", "name", "other")
    lab.ip("-n", lab.host, "link", "set", "lowest", "master", "br-ex", "up")
    assert mac() == seen[0] == seen[1]


def test_names_of_the_world_by_way_of_the_network_s_own_server(lab: Lab):
    """The name server that DHCP hands out asks the resolvers, through the router."""
    port = states.guest(1, 0)
    router = states.router(1, 1, external=EXTERNAL)
    state = HostNetworks(networks=(states.network(1, port), EXTERNAL), ports=(port,), groups=(states.OPEN,), routers=(router,))
    applied(lab, state, resolvers=("172.24.4.1",))
    out, guest = world(lab), lab.guest(port)
    server = out.popen("dnsmasq", "-k", "--no-hosts", "--no-resolv", "--conf-file=/dev/null", "--pid-file=", "--log-facility=-",
                       "--address=/example.test/203.0.113.5")  # fmt: skip
    try:
        while ":53 " not in out.run("ss", "-lunH").stdout:
            assert server.poll() is None
        assert "203.0.113.5" in guest.run("busybox", "nslookup", "example.test", "10.21.0.2").stdout
    finally:
        server.kill()
        server.wait()


def test_nobody_is_routed_by_the_host_behind_its_bridges(lab: Lab):
    """A host that forwards would route a packet that is sent to a bridge's own MAC address, past every router."""
    state = states.host(1)
    internet = lab.space("inet")
    lab.ip("-n", lab.host, "link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", internet)
    lab.ip("-n", lab.host, "addr", "add", "203.0.113.1/24", "dev", "uplink")
    lab.ip("-n", lab.host, "link", "set", "uplink", "up")
    lab.ip("-n", internet, "addr", "add", "203.0.113.9/24", "dev", "eth0")
    lab.ip("-n", internet, "link", "set", "eth0", "up")
    lab.ip("-n", internet, "route", "add", "default", "via", "203.0.113.1")
    assert run(lab.host, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0").returncode == 0
    applied(lab, state)
    bridge = names.bridge(state.networks[0].id)
    lab.ip("-n", lab.host, "route", "add", "10.21.0.0/24", "dev", bridge)
    guest = lab.guest(state.ports[0])
    mac = json.loads(lab.ip("-j", "-n", lab.host, "link", "show", bridge))[0]["address"]
    lab.ip("-n", guest.space, "neigh", "add", "10.21.0.1", "lladdr", mac, "dev", "eth0")
    assert not guest.sends_udp(5000, Guest(lab, internet, "203.0.113.9"), 99)
