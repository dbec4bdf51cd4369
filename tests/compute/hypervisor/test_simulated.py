"""The simulated driver: the contract, and what only it can do."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from pileus.compute.config import ComputeConfig
from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed, Nic, Power, RootDisk
from pileus.compute.hypervisor.simulated import Simulated
from pileus.core.config import ConfigInvalid
from pileus.hosts import simulated_hypervisor
from tests.compute.hypervisor.contract import CHECKS, Host


def spec(n: int, **fields) -> GuestSpec:
    return GuestSpec(
        id=f"00000000-0000-4000-8000-{n:012}",
        name=f"instance-{n:08x}",
        vcpus=1,
        memory_mb=64,
        root=RootDisk(base="/nowhere/image", format="raw", size_gib=1),
        **fields,
    )


@pytest.fixture
def host(tmp_path) -> Host:
    return Host(
        driver=lambda: Simulated(state=tmp_path),
        spec=spec,
        broken=lambda driver: driver.fails.add("spawn") or spec(7),
        mend=lambda driver: driver.fails.clear(),
        leftovers=lambda: sorted(file.name for file in tmp_path.rglob("*.json")),
        other=lambda: Simulated(state=tmp_path / "other", hostname="other"),
        nic=lambda n: Nic(port_id=f"port-{n}", mac=f"fa:16:3e:00:00:{n:02x}", device=f"tap{n}"),
        console_says=b"login:",
    )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_contract(check, host):
    await check(host)


@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("start", lambda d: d.start()),
        ("inventory", lambda d: d.inventory()),
        ("spawn", lambda d: d.spawn(spec(2))),
        ("destroy", lambda d: d.destroy(spec(1).id)),
        ("power", lambda d: d.power(spec(1).id, Power.PAUSED)),
        ("reboot", lambda d: d.reboot(spec(1).id, hard=True)),
        ("guests", lambda d: d.guests()),
        ("console_log", lambda d: d.console_log(spec(1).id)),
        ("plug", lambda d: d.plug(spec(1).id, Nic(port_id="p", mac="fa:16:3e:00:00:01", device="t"))),
        ("unplug", lambda d: d.unplug(spec(1).id, "p")),
    ],
)
async def test_every_method_fails_and_waits_as_told(method, call):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    driver = Simulated(delays={method: 2.5}, sleep=sleep)
    await driver.spawn(spec(1))
    slept.clear()
    driver.fails = {method}
    with pytest.raises(HypervisorFailed):
        await call(driver)
    assert slept == [2.5]
    driver.fails = set()
    assert [state.power for state in await driver.guests()] == [Power.RUNNING], "a fault before the effect has none"
    await call(driver)


async def test_a_lost_answer_has_had_its_effect():
    driver = Simulated(fails={"spawn:after"})
    with pytest.raises(HypervisorFailed):
        await driver.spawn(spec(1))
    assert [state.id for state in await driver.guests()] == [spec(1).id]


async def test_a_crash_shows_and_can_be_recovered_from():
    driver = Simulated()
    await driver.spawn(spec(1))
    driver.crash(spec(1).id, "triple fault")
    (state,) = await driver.guests()
    assert (state.power, state.error) == (Power.CRASHED, "triple fault")
    assert (await driver.power(spec(1).id, Power.RUNNING)).error == ""


@pytest.mark.realtime
async def test_thousands_of_guests_cost_little():
    driver = Simulated()
    loop = asyncio.get_running_loop()
    began = loop.time()
    for n in range(5_000):
        await driver.spawn(spec(n))
    assert len(await driver.guests()) == 5_000
    for n in range(5_000):
        await driver.destroy(spec(n).id)
    assert await driver.guests() == []
    assert loop.time() - began < 5


PROGRAM = """
import asyncio, os, signal, sys
from pathlib import Path
from pileus.compute.hypervisor.simulated import Simulated
from tests.compute.hypervisor.test_simulated import spec

async def main():
    driver = Simulated(state=Path(sys.argv[1]))
    await driver.start()
    await driver.spawn(spec(1))
    await driver.spawn(spec(2))
    await driver.destroy(spec(1).id)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_guests_outlive_kill_9(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)) + os.pathsep + os.getcwd()}
    ended = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], env=environment, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    (tmp_path / "guests" / f"{spec(3).id}.json.new").write_bytes(b'{"spec": {"id"')

    driver = Simulated(state=tmp_path)
    await driver.start()
    assert [(state.id, state.power) for state in await driver.guests()] == [(spec(2).id, Power.RUNNING)]
    assert driver.spec(spec(2).id) == spec(2)
    assert [file.name for file in (tmp_path / "guests").iterdir()] == [f"{spec(2).id}.json"]


def configured(tmp_path, slept, **delays):
    async def sleep(seconds):
        slept.append(seconds)

    place = SimpleNamespace(config=SimpleNamespace(compute=ComputeConfig(host_delays=delays)), name="h1", state=tmp_path,
                            clock=SimpleNamespace(sleep=sleep))
    return simulated_hypervisor(place)


async def test_a_configured_host_takes_its_time(tmp_path):
    slept = []
    host = configured(tmp_path, slept, inventory=0.3, snapshot=1.0)
    await host.inventory()
    assert slept == [0.3]


def test_a_delay_of_what_no_driver_does_is_a_mistake(tmp_path):
    with pytest.raises(ConfigInvalid, match="no method 'snapshoot'"):
        configured(tmp_path, [], snapshoot=1.0)
