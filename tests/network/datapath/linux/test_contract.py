"""The Linux datapath keeps the contract of all datapaths."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from pileus.network.datapath.base import tap_name
from tests.network.datapath import states
from tests.network.datapath.contract import CHECKS, Host
from tests.network.datapath.linux.lab import Lab, needs_root

pytestmark = needs_root


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(check, lab: Lab):
    def broken(driver, wanted):
        """The device of the last port is there already, and is somebody else's."""
        lab.ip("-n", lab.host, "link", "add", wanted.ports[-1].device, "type", "ifb")
        return wanted

    host = Host(
        driver=lab.linux,
        broken=broken,
        mend=lambda driver: lab.ip("-n", lab.host, "link", "del", tap_name(states.guest(2, 0).id)),
        leftovers=lab.leftovers,
    )
    asyncio.run(check(host))


def test_taps(lab: Lab):
    """What guests of QEMU get: a tap that stays, in the network's bridge, of the network's size."""
    wanted = states.host(1)
    wanted = replace(wanted, networks=(replace(wanted.networks[0], mtu=1450),))

    async def apply():
        driver = lab.linux(guest_link="tap")
        await driver.start()
        await driver.apply(wanted)
        await driver.stop()

    asyncio.run(apply())
    shown = lab.ip("-n", lab.host, "-d", "link", "show", wanted.ports[0].device)
    assert "tun type tap" in shown and "persist on" in shown and "mtu 1450" in shown and "brq" in shown
