"""The contract, with real QEMU processes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import RootDisk
from pileus.compute.hypervisor.qemu import Neighbours, Qemu
from tests.compute.hypervisor.contract import CHECKS, Host
from tests.compute.hypervisor.tiny_guest import leftovers, make_spec


@pytest.mark.qemu
@pytest.mark.realtime
@pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_contract(check, home, state, second):
    host = Host(
        driver=lambda: Qemu(state, "here"),
        spec=lambda n: make_spec(home, n),
        broken=lambda _: replace(make_spec(home, 7), root=RootDisk(base="/nowhere", format="raw")),
        mend=lambda _: None,
        leftovers=lambda: leftovers(state) + leftovers(second),
        other=lambda: Qemu(second, "there", neighbours=Neighbours(number=1, hosts=2)),
        console_says=b"login:",
        patience_s=60,
    )
    await check(host)
