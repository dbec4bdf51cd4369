"""A network that spans two hosts, by VXLAN."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

from msgspec.structs import replace

from pileus.network.datapath.base import Group, HostNetworks, Rule
from pileus.network.datapath.linux import names
from tests.network.datapath import states
from tests.network.datapath.linux.lab import Lab, needs_root

pytestmark = needs_root

MTU = 1450


def test_a_network_on_two_hosts(lab: Lab):
    """DHCP is on the first host; guests of both get addresses, reach each other, and are guarded where they are."""
    other = lab.space("other")
    lab.ip("-n", lab.host, "link", "add", "under", "type", "veth", "peer", "name", "under", "netns", other)
    for space, address in ((lab.host, "192.0.2.1/24"), (other, "192.0.2.2/24")):
        lab.ip("-n", space, "addr", "add", address, "dev", "under")
        lab.ip("-n", space, "link", "set", "under", "up")
    here, there = states.guest(1, 0), states.guest(1, 1)
    closed = Group(id="9a000000-0000-4000-8000-000000000301", rules=(Rule(direction="ingress", protocol="icmp"),))
    there = replace(there, groups=(closed.id,))
    net = replace(states.network(1, here, there), segmentation_id=4242, mtu=MTU)
    first = HostNetworks(networks=(replace(net, peers=("192.0.2.2",)),), ports=(here,), groups=(states.OPEN,))
    second = HostNetworks(networks=(replace(net, peers=("192.0.2.1",), dhcp_port=None),), ports=(there,), groups=(closed,))

    async def go():
        one = lab.linux("one", underlay="192.0.2.1")
        two = lab.linux("two", underlay="192.0.2.2", host=other)
        for driver, state in ((one, first), (two, second)):
            await driver.start()
            await driver.apply(state)
        try:
            await asyncio.to_thread(act)
            await two.apply(replace(second, networks=(replace(second.networks[0], peers=()),)))     # the last other part is gone
            assert names.tunnel(net.id) not in lab.ip("-n", other, "link")
            await two.clear()
        finally:
            await one.stop()
            await two.stop()

    def act():
        a, b = lab.guest(here, address=None), lab.guest(there, address=None, host=other)
        assert a.dhcp()["mtu"] == str(MTU)
        assert b.dhcp()["ip"] == "10.21.0.11"
        assert a.pings(b.address, count=2)
        assert a.run("ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s", str(MTU - 28), b.address).returncode == 0
        assert not b.pings(a.address)                           # it has no rule to go out
        with b.serving(80), a.serving(81):
            assert a.asks(b.address, 80) == ""
            assert b.asks(a.address, 81) == ""

    asyncio.run(go())
