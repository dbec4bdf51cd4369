"""Interfaces of real guests, on tap devices in a network namespace of their own."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import fcntl
import os
import select
import shutil
import struct
import subprocess

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import HypervisorFailed, Nic, Power, RootDisk
from pileus.compute.hypervisor.qemu import Qemu, bandwidth, confine, guest
from tests.compute.hypervisor.checks.abilities import interfaces_come_and_go
from tests.compute.hypervisor.checks.host import Host, running
from tests.compute.hypervisor.tiny_guest import leftovers, make_spec

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.root,
    pytest.mark.realtime,
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU"),
    pytest.mark.skipif(os.geteuid() != 0, reason="makes tap devices"),
]


@pytest.fixture(autouse=True)
def taps(monkeypatch):
    """Three tap devices, in a namespace that this thread and the processes it starts are in."""
    from pyroute2 import netns

    monkeypatch.setattr(guest, "UNPLUG_TIMEOUT_S", 0.1)
    name = f"pileus-test-{os.getpid()}"
    netns.create(name)
    netns.pushns(name)
    try:
        for n in (1, 2, 3):
            subprocess.run(["ip", "tuntap", "add", "dev", f"tap{n}", "mode", "tap"], check=True)
        yield
    finally:
        netns.popns()
        netns.remove(name)


def nic(n: int) -> Nic:
    return Nic(port_id=f"port-{n}", mac=f"fa:16:3e:00:00:{n:02x}", device=f"tap{n}", mtu=1450)


@pytest.fixture
def host(home, state) -> Host:
    return Host(
        driver=lambda: Qemu(state, "here"),
        spec=lambda n: make_spec(home, n),
        broken=lambda _: replace(make_spec(home, 7), root=RootDisk(base="/nowhere", format="raw")),
        mend=lambda _: None,
        leftovers=lambda: leftovers(state),
        nic=nic,
    )


def remake_tap(n: int) -> None:
    """As the network agent does when a port leaves the host and comes back."""
    subprocess.run(["ip", "link", "del", f"tap{n}"], check=True)
    subprocess.run(["ip", "tuntap", "add", "dev", f"tap{n}", "mode", "tap"], check=True)


async def opened() -> set[str]:
    """The tap devices that a guest has open: only those have a carrier once they are up."""
    subprocess.run("for n in 1 2 3; do ip link set tap$n up; done", shell=True, check=True)
    found = subprocess.run(["ip", "-o", "link"], capture_output=True, check=True, text=True).stdout
    return {f"tap{n}" for n in (1, 2, 3) if any(f" tap{n}: " in line and "NO-CARRIER" not in line for line in found.splitlines())}


async def test_the_contract(host):
    await interfaces_come_and_go(host)


@pytest.mark.parametrize("machine", ["pc", "q35"])
async def test_an_unplugged_device_is_free_at_once_and_the_guest_may_take_its_time(host, machine):
    async with running(host) as driver:
        spec = replace(host.spec(1), nics=(nic(1),), properties={"hw_machine_type": machine})
        await driver.spawn(spec)
        await driver.plug(spec.id, nic(2))
        assert await opened() == {"tap1", "tap2"}
        await driver.unplug(spec.id, nic(1).port_id)
        remake_tap(1)
        assert await opened() == {"tap2"}, "this guest never lets go of a device, but the network is rid of it"
        await driver.plug(spec.id, nic(3))
        await driver.plug(spec.id, nic(1))
        assert await opened() == {"tap1", "tap2", "tap3"}
        with pytest.raises(HypervisorFailed) as failed:
            await driver.power(spec.id, Power.SUSPENDED)
        assert "let go" in failed.value.detail
        await driver.reboot(spec.id, hard=True)
        assert await opened() == {"tap1", "tap2", "tap3"}
        await driver.destroy(spec.id)
        assert await opened() == set()


async def test_a_saved_memory_finds_its_interfaces_in_their_places(host):
    async with running(host) as driver:
        spec = replace(host.spec(1), nics=(nic(1), nic(2)))
        await driver.spawn(spec)
        await driver.power(spec.id, Power.SHUTDOWN)
        await driver.unplug(spec.id, nic(1).port_id)
        await driver.power(spec.id, Power.RUNNING)
        await driver.plug(spec.id, nic(3))
    async with running(host) as driver:
        await driver.power(spec.id, Power.SUSPENDED)
        assert await opened() == set()
        assert (await driver.power(spec.id, Power.RUNNING)).power is Power.RUNNING
        assert await opened() == {"tap2", "tap3"}


async def test_a_device_that_does_not_exist_is_not_made(host):
    async with running(host) as driver:
        missing = replace(nic(1), device="tap9")
        with pytest.raises(HypervisorFailed) as failed:
            await driver.spawn(replace(host.spec(1), nics=(missing,)))
        assert "tap9 does not exist" in failed.value.detail and host.leftovers() == []
        await driver.spawn(host.spec(1))
        with pytest.raises(HypervisorFailed):
            await driver.plug(host.spec(1).id, missing)
        await driver.plug(host.spec(1).id, replace(nic(1), device="tap1"))
        assert await opened() == {"tap1"}, "the failed plug is not remembered"


async def test_a_device_that_another_guest_has_is_refused_and_not_remembered(host):
    async with running(host) as driver:
        await driver.spawn(replace(host.spec(1), nics=(nic(1),)))
        second = host.spec(2)
        with pytest.raises(HypervisorFailed) as failed:
            await driver.spawn(replace(second, nics=(nic(1),)))
        assert "busy" in failed.value.detail
        await driver.spawn(second)
        with pytest.raises(HypervisorFailed) as failed:
            await driver.plug(second.id, nic(1))
        assert "busy" in failed.value.detail
        assert (await driver.reboot(second.id, hard=True)).power is Power.RUNNING


LIMITS = {"quota:vif_outbound_average": "10", "quota:vif_inbound_average": "20", "quota:vif_inbound_burst": "128"}


def tables() -> set[str]:
    found = subprocess.run(["nft", "list", "tables", "netdev"], capture_output=True, check=True, text=True).stdout
    return {line.split()[-1].removeprefix("pileus-limit-") for line in found.splitlines()}


async def test_limits_come_and_go_with_the_interfaces(host):
    async with running(host) as driver:
        assert "CUSTOM_COMPUTE_VIF_LIMITS" in (await driver.inventory()).traits and tables() == set()
        spec = replace(host.spec(1), nics=(nic(1),), properties=LIMITS)
        await driver.spawn(spec)
        assert tables() == {"tap1"}
        await driver.plug(spec.id, nic(2))
        assert tables() == {"tap1", "tap2"}
        await driver.unplug(spec.id, nic(1).port_id)
        assert tables() == {"tap2"}
        await driver.power(spec.id, Power.SHUTDOWN)
        await driver.resize(replace(spec, nics=(nic(2),), properties={}))
        await driver.power(spec.id, Power.RUNNING)
        assert tables() == set(), "its new flavor has no limits"
        await driver.revert_resize(spec.id)
        await driver.power(spec.id, Power.RUNNING)
        assert tables() == {"tap2"}
    async with running(host) as driver:
        await driver.destroy(spec.id)
        assert tables() == set()


async def test_what_exceeds_a_limit_does_not_pass():
    """Both ends of a bridge: what is written into one tap device is read from the other."""
    subprocess.run("ip link add br0 type bridge && ip link set br0 up", shell=True, check=True)
    ends = []
    for n in (1, 2):
        subprocess.run(f"ip link set tap{n} master br0 && ip link set tap{n} up txqueuelen 4000", shell=True, check=True)
        ends.append(os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK))
        fcntl.ioctl(ends[-1], confine.TUNSETIFF, struct.pack("16sH22x", f"tap{n}".encode(), confine.IFF_TAP | confine.IFF_NO_PI))

    frame = b"\xff" * 6 + bytes.fromhex("fa163e000001 88b5") + b"x" * 1010

    def passes(frames: int = 1000) -> int:
        """How many kilobytes of so many frames of a kilobyte come through."""
        come = 0
        for n in range(frames):
            os.write(ends[0], frame)
            while select.select(ends[1:], [], [], 0.2 if n == frames - 1 else 0)[0]:
                come += os.read(ends[1], 2000) == frame
        return come

    try:
        assert any(passes(1) for _ in range(50)), "a bridge forwards only once the kernel has taken note of its ports' carrier"
        assert passes() >= 990
        assert await bandwidth.limit(["tap1"], LIMITS)
        assert 32 <= passes() <= 96, "what comes from the guest: a burst of 64 kB"
        await bandwidth.forget(["tap1"])
        assert passes() >= 990
        assert await bandwidth.limit(["tap2"], LIMITS)
        assert 96 <= passes() <= 192, "what goes to the guest: a burst of 128 kB"
        assert not await bandwidth.limit(["tap2"], {})
    finally:
        for end in ends:
            os.close(end)
