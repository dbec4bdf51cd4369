"""Several hosts on one datapath: each keeps the contract for itself, and the machine has what all of them want."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from pileus.network.datapath.base import DatapathFailed, HostNetworks, tap_name
from pileus.network.datapath.shared import Shared, own_port, taps
from pileus.network.datapath.simulated import Simulated
from tests.network.datapath import states
from tests.network.datapath.contract import CHECKS, Host
from tests.network.datapath.test_simulated import names

EMPTY = HostNetworks()


class Machine:
    """Two hosts; the second one has guests of its own on the third network."""

    def __init__(self):
        self.below = Simulated()
        self.shared = Shared(self.below, ["one", "two"], "192.0.2.1")
        self.one, self.two = self.shared.part("one"), self.shared.part("two")

    async def apply(self, one: HostNetworks, two: HostNetworks):
        return await asyncio.gather(self.one.apply(one), self.two.apply(two))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_first_host_keeps_the_contract(check):
    below: dict[str, Simulated] = {}

    def driver(tag):
        shared = Shared(below.setdefault(tag, Simulated()), ["one"])
        return shared.part("one")

    def broken(part, wanted):
        for simulated in below.values():
            simulated.fails.add(f"port:{wanted.ports[-1].id}")
        return wanted

    await check(Host(driver=driver, broken=broken, mend=lambda part: [one.fails.clear() for one in below.values()],
                     leftovers=lambda: {name for one in below.values() for name in names(one.wanted)}))


async def test_each_is_answered_for_its_own_ports_and_the_machine_has_all():
    machine = Machine()
    one, two = states.host(1, guests=2, dhcp=True), states.host(1, 3)
    assert await machine.apply(one, two) == [frozenset(p.id for p in one.ports), frozenset(p.id for p in two.ports)]
    assert [network.id for network in machine.below.wanted.networks] == [states.identity(0xBB, n) for n in (1, 3)]
    assert next(n for n in machine.below.wanted.networks if n.id == states.identity(0xBB, 1)).dhcp_port
    assert len(machine.below.wanted.ports) == 4 and len({p.device for p in machine.below.wanted.ports}) == 4


async def test_nothing_is_made_before_all_have_spoken():
    machine = Machine()
    early = asyncio.create_task(machine.one.apply(states.host(1)))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not early.done() and machine.below.wanted == EMPTY
    await machine.two.apply(states.host(2))
    await early
    assert len(machine.below.wanted.networks) == 2


async def test_a_port_on_two_hosts_has_a_device_on_each():
    machine, port = Machine(), states.guest(1, 0)
    both = states.host(1)
    assert await machine.apply(both, both) == [{port.id}, {port.id}]
    devices = [p.device for p in machine.below.wanted.ports]
    assert devices == [tap_name(port.id), "t01" + port.id[:11]] and len(taps(999) + port.id[:11]) == 15
    await machine.one.apply(EMPTY)
    assert [p.device for p in machine.below.wanted.ports] == ["t01" + port.id[:11]]


async def test_what_fails_is_told_by_each_in_its_own_names():
    machine, both = Machine(), states.host(1, guests=2)
    first, second = (p.id for p in both.ports)
    machine.below.fails.add(f"port:{own_port(both.ports[0], 1).id}")
    for part, wired in zip((machine.one, machine.two), await asyncio.gather(
            machine.one.apply(both), machine.two.apply(both), return_exceptions=True), strict=True):
        assert isinstance(wired, DatapathFailed) and wired.wired == ({first, second} if part is machine.one else {second})


async def test_a_machine_builds_no_tunnel_to_itself():
    machine, state = Machine(), states.host(1)
    network = replace(state.networks[0], segmentation_id=7, peers=("192.0.2.1",))
    await machine.apply(replace(state, networks=(network,)), EMPTY)
    assert machine.below.wanted.networks[0].peers == () and machine.below.wanted.networks[0].segmentation_id is None
    await machine.apply(replace(state, networks=(replace(network, peers=("192.0.2.1", "192.0.2.2")),)), EMPTY)
    assert machine.below.wanted.networks[0].peers == ("192.0.2.2",) and machine.below.wanted.networks[0].segmentation_id == 7


async def test_clearing_one_leaves_the_neighbour_what_it_has():
    machine = Machine()
    await machine.one.start()
    await machine.two.start()
    await machine.apply(states.host(1), states.host(2))
    await machine.one.clear()
    assert [network.id for network in machine.below.wanted.networks] == [states.identity(0xBB, 2)]
    await machine.one.stop()
    await machine.two.clear()
    assert machine.below.wanted == EMPTY
