"""The simulated datapath: the contract, and what only it can do."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from pileus.network.datapath.base import DatapathFailed, Group, Rule
from pileus.network.datapath.simulated import Simulated
from tests.network.datapath import states
from tests.network.datapath.contract import CHECKS, Host
from tests.network.reach import reaches


@pytest.fixture
def host() -> Host:
    made: dict[str, Simulated] = {}

    def driver(tag: str) -> Simulated:
        return made.setdefault(tag, Simulated())            # its "host" is in the object

    def broken(driver, wanted):
        driver.fails.add(f"port:{wanted.ports[-1].id}")
        return wanted

    return Host(
        driver=driver,
        broken=broken,
        mend=lambda driver: driver.fails.clear(),
        leftovers=lambda: {name for driver in made.values() for name in names(driver.wanted)},
    )


def names(wanted) -> set[str]:
    return {port.device for port in wanted.ports} | {network.id for network in wanted.networks}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check, host):
    asyncio.run(check(host))


@pytest.mark.parametrize("method", ["start", "stop", "apply", "clear"])
def test_every_method_has_a_fault_and_a_delay(method):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    driver = Simulated(fails={method}, delays={method: 2.5}, sleep=sleep)
    with pytest.raises(DatapathFailed):
        asyncio.run(getattr(driver, method)(*([states.host(1)] if method == "apply" else [])))
    assert slept == [2.5]
    assert driver.wanted.ports == ()


def test_a_fault_after_the_effect():
    driver = Simulated(fails={"apply:after"})
    with pytest.raises(DatapathFailed):
        asyncio.run(driver.apply(states.host(1)))
    assert driver.wanted == states.host(1)


def test_who_reaches_whom():
    web = Group(id="web", rules=(Rule(direction="ingress", protocol="tcp", port_min=80, port_max=90, remote_group="lb"),))
    out = Group(id="out", rules=(Rule(direction="egress"),))
    wanted = replace(
        states.host(1, guests=3),
        groups=(web, out),
        members={"lb": ("10.21.0.11",)},
        ports=(states.guest(1, 0, groups=("web",)), states.guest(1, 1, groups=("out",)), states.guest(1, 2, groups=("out",))),
    )
    server, balancer, other = (port.id for port in wanted.ports)
    assert reaches(wanted, balancer, server, "tcp", 80)
    assert reaches(wanted, balancer, server, "tcp", 90)
    assert not reaches(wanted, balancer, server, "tcp", 91)
    assert not reaches(wanted, balancer, server, "udp", 80)
    assert not reaches(wanted, other, server, "tcp", 80)
    assert not reaches(wanted, server, balancer, "tcp", 80)
    opened = replace(wanted, ports=(replace(wanted.ports[0], security=False), *wanted.ports[1:]))
    assert reaches(opened, other, server, "udp", 53)
    assert not reaches(replace(opened, ports=(replace(opened.ports[0], up=False), *opened.ports[1:])), other, server, "udp", 53)
