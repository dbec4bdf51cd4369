"""What a driver can that says so: interfaces, snapshots, rescue, resize, screens, passwords."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import (
    REACHABLE,
    ConsoleAbsent,
    Diagnoses,
    GuestInWrongState,
    GuestNotFound,
    InjectsInterrupts,
    PlugsNics,
    Power,
    Rescues,
    RescueSpec,
    Resizes,
    SetsPasswords,
    ShowsConsoles,
    TakesSnapshots,
)
from tests.compute.hypervisor.checks.host import STRANGER, Host, bring, larger, needs, powers, running, scratch


async def interfaces_come_and_go(host: Host):
    if host.nic is None:
        pytest.skip("no network interface to plug here")
    async with running(host) as driver:
        assert isinstance(driver, PlugsNics)
        spec = replace(host.spec(1), nics=(host.nic(1),))
        for power in (Power.RUNNING, Power.SHUTDOWN, Power.PAUSED):
            await bring(driver, spec, power)
            for _ in range(2):
                await driver.plug(spec.id, host.nic(2))
            for _ in range(2):
                await driver.unplug(spec.id, host.nic(2).port_id)
            await driver.plug(spec.id, host.nic(3))
            assert await powers(driver) == {spec.id: power}
            await driver.unplug(spec.id, host.nic(1).port_id)
            assert (await driver.reboot(spec.id, hard=True)).power is Power.RUNNING
            await driver.destroy(spec.id)
            assert host.leftovers() == []


async def a_snapshot_is_a_file_of_its_own(host: Host):
    async with running(host) as driver, scratch() as folder:
        needs(driver, TakesSnapshots)
        spec = host.spec(1)
        with pytest.raises(GuestNotFound):
            await driver.snapshot(STRANGER, folder / "none", "qcow2")
        assert not (folder / "none").exists()
        for power in REACHABLE:
            for format in ("qcow2", "raw"):
                await bring(driver, spec, power)
                for _ in range(2):
                    await driver.snapshot(spec.id, folder / "disk", format)
                assert (folder / "disk").stat().st_size > 0
                assert ((folder / "disk").read_bytes()[:4] == b"QFI\xfb") == (format == "qcow2")
                assert await powers(driver) == {spec.id: power}, "a snapshot leaves a guest as it is"
        await driver.destroy(spec.id)
        assert (folder / "disk").exists() and host.leftovers() == []


async def a_guest_is_started_from_a_snapshot(host: Host):
    async with running(host) as driver, scratch() as folder:
        needs(driver, TakesSnapshots)
        await driver.spawn(host.spec(1))
        await driver.snapshot(host.spec(1).id, folder / "disk", "qcow2")
        await driver.destroy(host.spec(1).id)
        other = host.spec(2)
        root = replace(other.root, base=str(folder / "disk"), format="qcow2")
        assert (await driver.spawn(replace(other, root=root))).power is Power.RUNNING


async def rescue_boots_another_disk_and_comes_back(host: Host):
    async with running(host) as driver:
        needs(driver, Rescues)
        spec = host.spec(1)
        with pytest.raises(GuestNotFound):
            await driver.rescue(STRANGER, RescueSpec(root=host.spec(1).root))
        with pytest.raises(GuestNotFound):
            await driver.unrescue(STRANGER)
        for stable in (False, True):
            for power in (Power.RUNNING, Power.SHUTDOWN):
                await bring(driver, spec, power)
                for _ in range(2):
                    state = await driver.rescue(spec.id, RescueSpec(root=host.spec(1).root, stable=stable))
                    assert (state.power, state.rescued) == (Power.RUNNING, True)
                await driver.power(spec.id, Power.SHUTDOWN)
                await driver.power(spec.id, Power.RUNNING)
                assert (await driver.reboot(spec.id, hard=True)).rescued
                for _ in range(2):
                    state = await driver.unrescue(spec.id)
                    assert (state.power, state.rescued) == (Power.RUNNING, False)
                assert not (await driver.reboot(spec.id, hard=True)).rescued
        await driver.rescue(spec.id, RescueSpec(root=host.spec(1).root))
        await driver.destroy(spec.id)
        assert host.leftovers() == []


async def a_rescue_outlives_the_agent(host: Host):
    async with running(host) as driver:
        needs(driver, Rescues)
        await driver.spawn(host.spec(1))
        await driver.rescue(host.spec(1).id, RescueSpec(root=host.spec(1).root))
    async with running(host) as driver:
        (state,) = await driver.guests()
        assert (state.power, state.rescued) == (Power.RUNNING, True)
        assert not (await driver.unrescue(state.id)).rescued


async def a_resize_is_confirmed_or_reverted(host: Host):
    async with running(host) as driver:
        needs(driver, Resizes)
        spec = host.spec(1)
        for call in (driver.resize(spec), driver.revert_resize(STRANGER)):
            with pytest.raises(GuestNotFound):
                await call
        await driver.confirm_resize(STRANGER)
        for end in (driver.confirm_resize, driver.revert_resize):
            for power in (Power.RUNNING, Power.SHUTDOWN):
                await bring(driver, spec, power)
                for _ in range(2):
                    assert (await driver.resize(larger(spec))).power is Power.SHUTDOWN
                assert (await driver.power(spec.id, Power.RUNNING)).power is Power.RUNNING
                for _ in range(2):
                    await end(spec.id)
                after = Power.RUNNING if end == driver.confirm_resize else Power.SHUTDOWN
                assert await powers(driver) == {spec.id: after}
                assert (await driver.reboot(spec.id, hard=True)).power is Power.RUNNING
                await driver.destroy(spec.id)
                assert host.leftovers() == []


async def a_resize_outlives_the_agent(host: Host):
    async with running(host) as driver:
        needs(driver, Resizes)
        spec = host.spec(1)
        await driver.spawn(spec)
        await driver.resize(larger(spec))
    async with running(host) as driver:
        assert await powers(driver) == {spec.id: Power.SHUTDOWN}
        assert (await driver.revert_resize(spec.id)).power is Power.SHUTDOWN
        assert (await driver.power(spec.id, Power.RUNNING)).power is Power.RUNNING
        await driver.resize(larger(spec))
        await driver.destroy(spec.id)
        assert host.leftovers() == []


async def a_running_guest_tells_how_it_is(host: Host):
    async with running(host) as driver:
        needs(driver, Diagnoses)
        with pytest.raises(GuestNotFound):
            await driver.diagnostics(STRANGER)
        spec = host.spec(1)
        await driver.spawn(spec)
        told = await driver.diagnostics(spec.id)
        assert told.power is Power.RUNNING and told.memory_mb == spec.memory_mb and len(told.cpu_time_ns) == spec.vcpus
        assert len(told.disks) >= 1 and [nic.mac for nic in told.nics] == [nic.mac for nic in spec.nics]
        await driver.power(spec.id, Power.SHUTDOWN)
        with pytest.raises(GuestInWrongState):
            await driver.diagnostics(spec.id)


async def a_running_guest_shows_its_screen(host: Host):
    async with running(host) as driver:
        needs(driver, ShowsConsoles)
        with pytest.raises(GuestNotFound):
            await driver.console(STRANGER, "vnc")
        await driver.spawn(host.spec(1))
        address = await driver.console(host.spec(1).id, "vnc")
        reader, writer = await asyncio.open_connection(address.host, address.port)
        assert await reader.readexactly(4) == b"RFB "
        with pytest.raises(ConsoleAbsent):
            await driver.console(host.spec(1).id, "telepathy")
        await driver.destroy(host.spec(1).id)
        with contextlib.suppress(ConnectionError):
            assert len(await reader.read()) < 20, "it ends with the guest"
        writer.close()
        await bring(driver, host.spec(1), Power.SHUTDOWN)
        with pytest.raises(GuestInWrongState):
            await driver.console(host.spec(1).id, "vnc")


async def a_running_guest_can_be_interrupted(host: Host):
    async with running(host) as driver:
        needs(driver, InjectsInterrupts)
        with pytest.raises(GuestNotFound):
            await driver.inject_nmi(STRANGER)
        await driver.spawn(host.spec(1))
        await driver.inject_nmi(host.spec(1).id)
        await driver.power(host.spec(1).id, Power.SHUTDOWN)
        with pytest.raises(GuestInWrongState):
            await driver.inject_nmi(host.spec(1).id)


async def a_password_needs_a_running_guest(host: Host):
    async with running(host) as driver:
        needs(driver, SetsPasswords)
        with pytest.raises(GuestNotFound):
            await driver.set_password(STRANGER, "root", "secret")
        await bring(driver, host.spec(1), Power.SHUTDOWN)
        with pytest.raises(GuestInWrongState):
            await driver.set_password(host.spec(1).id, "root", "secret")
