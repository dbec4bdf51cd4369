"""The contract of datapath drivers, as checks that a driver either passes or does not.

`CHECKS` is the list. Each check gets a `Host` of its own: an empty host, and what is needed to look behind the driver's
back. A driver's test module makes the `Host` and runs every check; nothing in here knows which driver it is.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from pileus.network.datapath.base import Datapath, DatapathFailed, HostNetworks, tap_name
from tests.network.datapath import states

EMPTY = HostNetworks()


@dataclass
class Host:
    """An empty host. `driver(tag)` is a new driver over the same host each time: a restarted agent of the cloud `tag`."""

    driver: Callable[[str], Datapath]
    broken: Callable[[Datapath, HostNetworks], HostNetworks]    # a state or driver in which one part cannot be made
    mend: Callable[[Datapath], None]                            # undo what `broken` did to the driver
    leftovers: Callable[[], set[str]]                           # names of everything of any cloud on the host
    outlives: bool = True                                       # what was made is still there without the driver


@contextlib.asynccontextmanager
async def running(host: Host, tag: str = "one"):
    """A driver that was started, and is let go of in the end."""
    driver = host.driver(tag)
    await driver.start()
    try:
        yield driver
    finally:
        await driver.stop()


def ids(wanted: HostNetworks) -> frozenset[str]:
    return frozenset(port.id for port in wanted.ports)


async def answers_with_the_ports(host: Host):
    async with running(host) as driver:
        assert await driver.apply(EMPTY) == frozenset()
        for wanted in (states.host(1), states.host(1, 2, guests=2), states.host(2, guests=3), EMPTY):
            assert await driver.apply(wanted) == ids(wanted)


async def applying_twice_changes_nothing(host: Host):
    wanted = states.host(1, 2, guests=2, dhcp=True)
    async with running(host) as driver:
        first = await driver.apply(wanted)
        there = host.leftovers()
        assert await driver.apply(wanted) == first
        assert host.leftovers() == there


async def order_does_not_matter(host: Host):
    wanted = states.host(1, 2, guests=2)
    turned = replace(wanted, networks=wanted.networks[::-1], ports=wanted.ports[::-1])
    async with running(host) as driver:
        await driver.apply(wanted)
        there = host.leftovers()
        assert await driver.apply(turned) == ids(wanted)
        assert host.leftovers() == there


async def a_port_comes_and_goes(host: Host):
    wanted = states.host(1, guests=2)
    async with running(host) as driver:
        await driver.apply(wanted)
        fewer = states.without(wanted, wanted.ports[0].id)
        assert await driver.apply(fewer) == {wanted.ports[1].id}
        assert wanted.ports[0].device not in host.leftovers()
        assert await driver.apply(wanted) == ids(wanted)


async def a_port_that_is_down_is_wired_up(host: Host):
    """It is the guest's cable that is there; that nothing passes is the datapath's business."""
    wanted = states.host(1)
    wanted = replace(wanted, ports=(replace(wanted.ports[0], up=False),))
    async with running(host) as driver:
        assert await driver.apply(wanted) == ids(wanted)


async def a_port_without_its_network_is_not_wired(host: Host):
    wanted = states.host(1)
    stray = states.guest(5, 1)
    async with running(host) as driver:
        assert await driver.apply(replace(wanted, ports=(*wanted.ports, stray))) == ids(wanted)


async def one_failure_keeps_nobody_else_from_the_network(host: Host):
    wanted = states.host(1, 2)
    async with running(host) as driver:
        with pytest.raises(DatapathFailed) as failure:
            await driver.apply(host.broken(driver, wanted))
        assert wanted.ports[0].id in failure.value.wired
        host.mend(driver)
        assert await driver.apply(wanted) == ids(wanted)


async def overlapping_calls_end_in_the_last(host: Host):
    async with running(host) as driver:
        await asyncio.gather(*(driver.apply(wanted) for wanted in (states.host(1, 2), states.host(2), states.host(1, 3))))
        there = host.leftovers()
        await driver.apply(states.host(1, 3))
        assert host.leftovers() == there


async def a_restart_keeps_everything(host: Host):
    wanted = states.host(1, 2, guests=2, dhcp=True)
    async with running(host) as driver:
        await driver.apply(wanted)
        there = host.leftovers()
    if host.outlives:
        assert host.leftovers() == there
    async with running(host) as driver:
        if host.outlives:
            assert host.leftovers() == there
        assert await driver.apply(wanted) == ids(wanted)
        assert host.leftovers() == there


async def a_restart_notices_what_is_no_longer_wanted(host: Host):
    async with running(host) as driver:
        await driver.apply(states.host(1, 2, guests=2))
    async with running(host) as driver:
        assert await driver.apply(states.host(2)) == ids(states.host(2))
        there = host.leftovers()
        assert tap_name(states.guest(1, 0).id) not in there
        await driver.clear()
        await driver.apply(states.host(2))
        assert host.leftovers() == there


async def clear_leaves_nothing(host: Host):
    async with running(host) as driver:
        await driver.apply(states.host(1, 2, guests=2, dhcp=True))
        await driver.clear()
        assert host.leftovers() == set()
        await driver.clear()
    async with running(host) as driver:
        await driver.apply(states.host(1))
    async with running(host) as driver:                         # a driver that never applied anything
        await driver.clear()
    assert host.leftovers() == set()


async def two_clouds_do_not_know_each_other(host: Host):
    async with running(host, "one") as one, running(host, "two") as two:
        await one.apply(states.host(1, dhcp=True))
        of_one = host.leftovers()
        await two.apply(states.host(2, dhcp=True))
        assert of_one <= host.leftovers()
        await two.apply(states.host(3))
        await two.clear()
        assert host.leftovers() == of_one
        await one.clear()
    assert host.leftovers() == set()


CHECKS = [
    answers_with_the_ports,
    applying_twice_changes_nothing,
    order_does_not_matter,
    a_port_comes_and_goes,
    a_port_that_is_down_is_wired_up,
    a_port_without_its_network_is_not_wired,
    one_failure_keeps_nobody_else_from_the_network,
    overlapping_calls_end_in_the_last,
    a_restart_keeps_everything,
    a_restart_notices_what_is_no_longer_wanted,
    clear_leaves_nothing,
    two_clouds_do_not_know_each_other,
]
