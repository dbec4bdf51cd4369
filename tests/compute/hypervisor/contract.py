"""The contract of hypervisor drivers, as checks that a driver either passes or does not.

`CHECKS` is the list. Each check gets a `Host` of its own: an empty host, and what is needed to look behind the driver's
back. A driver's test module makes the `Host` and runs every check; nothing in here knows which driver it is.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import (
    ABILITIES,
    REACHABLE,
    ConsoleAbsent,
    Diagnoses,
    GuestInWrongState,
    GuestNotFound,
    GuestSpec,
    Hypervisor,
    HypervisorFailed,
    InjectsInterrupts,
    MigratesLive,
    Moves,
    Nic,
    PlugsNics,
    Power,
    Rescues,
    RescueSpec,
    Resizes,
    SetsPasswords,
    ShowsConsoles,
    TakesSnapshots,
)

STRANGER = "00000000-0000-4000-8000-00000000dead"


@dataclass
class Host:
    """An empty host. `driver()` is a new driver over the same state each time: a restarted agent."""

    driver: Callable[[], Hypervisor]
    spec: Callable[[int], GuestSpec]                # the nth guest's spec: small, boots, prints something to its console
    broken: Callable[[Hypervisor], GuestSpec]       # a spec that this driver cannot spawn
    mend: Callable[[Hypervisor], None]              # undo what `broken` did to the driver
    leftovers: Callable[[], list[str]]              # files and processes that belong to guests
    other: Callable[[], Hypervisor] | None = None   # a driver over the state of a second host, to which guests can be moved
    nic: Callable[[int], Nic] | None = None         # the nth network interface, when the driver can plug and has one to give
    console_says: bytes = b""                       # what a guest's console holds within `patience_s`
    patience_s: float = 10


@contextlib.asynccontextmanager
async def running(host: Host):
    """A driver that was started, and is let go of in the end."""
    driver = host.driver()
    await driver.start()
    try:
        yield driver
    finally:
        await driver.stop()


@contextlib.asynccontextmanager
async def scratch():
    """An empty folder that belongs to no guest."""
    with tempfile.TemporaryDirectory(prefix="pileus-test-contract-") as folder:
        Path(folder).chmod(0o711)                      # images are where a guest's process may pass
        yield Path(folder)


async def powers(driver: Hypervisor) -> dict[str, Power]:
    return {guest.id: guest.power for guest in await driver.guests()}


async def bring(driver: Hypervisor, spec: GuestSpec, to: Power) -> None:
    await driver.spawn(spec)
    await driver.power(spec.id, to)


async def an_empty_host_is_empty(host: Host):
    async with running(host) as driver:
        assert await driver.guests() == []
    assert host.leftovers() == []


def needs(driver: Hypervisor, ability: type) -> None:
    """Skip a check about something that this driver cannot do and does not claim."""
    if not isinstance(driver, ability):
        pytest.skip(f"this driver has no {ability.__name__}")


async def it_says_what_it_has(host: Host):
    async with running(host) as driver:
        has = await driver.inventory()
        assert has.vcpus > 0 and has.memory_mb > 0 and has.disk_gib > 0
        assert has.hypervisor_type and has.hypervisor_hostname and has.hypervisor_version > 0
        for ability, trait in ABILITIES.items():
            assert (trait in has.traits) == isinstance(driver, ability)
        assert has == await driver.inventory()


async def spawn_makes_it_run(host: Host):
    async with running(host) as driver:
        spec = host.spec(1)
        state = await driver.spawn(spec)
        assert (state.id, state.power) == (spec.id, Power.RUNNING)
        assert await driver.guests() == [state]
        assert host.leftovers()


async def spawn_repeats(host: Host):
    async with running(host) as driver:
        first = await driver.spawn(host.spec(1))
        assert await driver.spawn(host.spec(1)) == first
        assert await driver.guests() == [first]
        await driver.power(first.id, Power.PAUSED)
        assert (await driver.spawn(host.spec(1))).power is Power.PAUSED


async def spawn_twice_at_once_makes_one(host: Host):
    async with running(host) as driver:
        first, second = await asyncio.gather(driver.spawn(host.spec(1)), driver.spawn(host.spec(1)))
        assert first == second
        assert await driver.guests() == [first]


async def spawn_starts_what_was_stopped(host: Host):
    async with running(host) as driver:
        for off in (Power.SHUTDOWN, Power.SUSPENDED):
            await bring(driver, host.spec(1), off)
            assert (await driver.spawn(host.spec(1))).power is Power.RUNNING
            assert await powers(driver) == {host.spec(1).id: Power.RUNNING}


async def a_failed_spawn_leaves_nothing(host: Host):
    async with running(host) as driver:
        await driver.spawn(host.spec(1))
        before = host.leftovers()
        spec = host.broken(driver)
        with pytest.raises(HypervisorFailed) as failed:
            await driver.spawn(spec)
        assert failed.value.detail
        assert host.leftovers() == before
        host.mend(driver)
        assert await powers(driver) == {host.spec(1).id: Power.RUNNING}


async def destroy_removes_everything(host: Host):
    async with running(host) as driver:
        for power in (Power.RUNNING, Power.PAUSED, Power.SHUTDOWN, Power.SUSPENDED):
            await bring(driver, host.spec(1), power)
            await driver.destroy(host.spec(1).id)
            assert await driver.guests() == []
            assert host.leftovers() == [], power


async def destroy_repeats(host: Host):
    async with running(host) as driver:
        await driver.destroy(STRANGER)
        await driver.spawn(host.spec(1))
        await asyncio.gather(*(driver.destroy(host.spec(1).id) for _ in range(3)))
        await driver.destroy(host.spec(1).id)
        assert host.leftovers() == []


async def destroy_leaves_the_others(host: Host):
    async with running(host) as driver:
        await asyncio.gather(driver.spawn(host.spec(1)), driver.spawn(host.spec(2)))
        await driver.destroy(host.spec(1).id)
        assert await powers(driver) == {host.spec(2).id: Power.RUNNING}


async def destroy_does_not_wait_for_a_guest_that_ignores_it(host: Host):
    async with running(host) as driver:
        await driver.spawn(host.spec(1))
        stopping = asyncio.create_task(driver.power(host.spec(1).id, Power.SHUTDOWN, timeout_s=300))
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            await driver.destroy(host.spec(1).id)
            with contextlib.suppress(GuestNotFound):
                await stopping
        assert host.leftovers() == []


async def what_was_destroyed_can_be_made_again(host: Host):
    async with running(host) as driver:
        for _ in range(2):
            assert (await driver.spawn(host.spec(1))).power is Power.RUNNING
            await driver.destroy(host.spec(1).id)


async def every_power_state_from_every_other(host: Host):
    async with running(host) as driver:
        spec = host.spec(1)
        for was in REACHABLE:
            for to, sources in REACHABLE.items():
                await bring(driver, spec, Power.RUNNING)
                await driver.power(spec.id, was)
                if was in sources:
                    assert (await driver.power(spec.id, to)).power is to, (was, to)
                    assert (await driver.power(spec.id, to)).power is to, (was, to)
                    assert await powers(driver) == {spec.id: to}
                else:
                    with pytest.raises(GuestInWrongState):
                        await driver.power(spec.id, to)
                    assert await powers(driver) == {spec.id: was}


async def reboot_ends_in_running(host: Host):
    async with running(host) as driver:
        spec = host.spec(1)
        for was in REACHABLE:
            await bring(driver, spec, was)
            assert (await driver.reboot(spec.id, hard=True)).power is Power.RUNNING
            if was is Power.RUNNING:
                assert (await driver.reboot(spec.id, hard=False, timeout_s=0.2)).power is Power.RUNNING
            else:
                await driver.power(spec.id, was)
                with pytest.raises(GuestInWrongState):
                    await driver.reboot(spec.id, hard=False)
                assert await powers(driver) == {spec.id: was}
                await driver.destroy(spec.id)


async def strangers_are_not_found(host: Host):
    async with running(host) as driver:
        asked: list[Awaitable] = [
            driver.power(STRANGER, Power.RUNNING),
            driver.reboot(STRANGER, hard=True),
            driver.reboot(STRANGER, hard=False),
            driver.console_log(STRANGER),
        ]
        if isinstance(driver, PlugsNics):
            asked.append(driver.plug(STRANGER, Nic(port_id="p", mac="fa:16:3e:00:00:01", device="none")))
            await driver.unplug(STRANGER, "p")
        for answer in asked:
            with pytest.raises(GuestNotFound):
                await answer
        assert host.leftovers() == []


async def guests_outlive_the_agent(host: Host):
    wanted = dict(zip((host.spec(n).id for n in range(1, 5)), REACHABLE, strict=True))
    async with running(host) as driver:
        for n, to in enumerate(wanted.values(), 1):
            await bring(driver, host.spec(n), to)
        before = sorted(await driver.guests(), key=lambda state: state.id)
    async with running(host) as driver:
        assert sorted(await driver.guests(), key=lambda state: state.id) == before
        for guest_id in wanted:
            assert (await driver.power(guest_id, Power.RUNNING)).power is Power.RUNNING
        for guest_id in wanted:
            await driver.destroy(guest_id)
    assert host.leftovers() == []


async def the_console_can_be_read(host: Host):
    async with running(host) as driver:
        spec = host.spec(1)
        await driver.spawn(spec)
        async with asyncio.timeout(host.patience_s):
            while host.console_says not in (text := await driver.console_log(spec.id)):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert text
        await driver.power(spec.id, Power.SHUTDOWN)
        text = await driver.console_log(spec.id)
        assert host.console_says in text
        assert await driver.console_log(spec.id, 5) == text[-5:]
        await driver.power(spec.id, Power.RUNNING)
        assert (await driver.console_log(spec.id)).startswith(text), "a start keeps what was said before"


async def a_config_drive_is_taken(host: Host):
    async with running(host) as driver:
        drive = {"openstack/latest/meta_data.json": b"{}", "openstack/content/0000": bytes(range(256)) * 100}
        spec = replace(host.spec(1), config_drive=drive)
        assert (await driver.spawn(spec)).power is Power.RUNNING
        assert (await driver.reboot(spec.id, hard=True)).power is Power.RUNNING
        await driver.destroy(spec.id)
        assert host.leftovers() == []


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


def larger(spec: GuestSpec) -> GuestSpec:
    root = replace(spec.root, base="/not/looked/at", size_gib=spec.root.size_gib + 1)
    return replace(spec, vcpus=spec.vcpus + 1, memory_mb=spec.memory_mb + 16, root=root)


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


async def a_guest_moves_with_its_disks(host: Host):
    """From this host to itself: gone in between, so that nothing but the exported files can bring it back."""
    async with running(host) as driver, scratch() as folder:
        needs(driver, Moves)
        spec = host.spec(1)
        with pytest.raises(GuestNotFound):
            await driver.export(STRANGER, folder)
        await driver.spawn(spec)
        with pytest.raises(GuestInWrongState):
            await driver.export(spec.id, folder)
        assert list(folder.iterdir()) == []
        await driver.power(spec.id, Power.SHUTDOWN)
        await driver.export(spec.id, folder)
        assert await powers(driver) == {spec.id: Power.SHUTDOWN}
        assert list(folder.iterdir()) and all(file.is_file() for file in folder.iterdir())
        await driver.destroy(spec.id)
        for _ in range(2):
            assert (await driver.import_(larger(spec), folder)).power is Power.SHUTDOWN
        assert (await driver.power(spec.id, Power.RUNNING)).power is Power.RUNNING
        await driver.destroy(spec.id)
        assert host.leftovers() == []
        with pytest.raises(HypervisorFailed):
            await driver.import_(spec, folder / "nothing")
        assert host.leftovers() == []


@contextlib.asynccontextmanager
async def two_hosts(host: Host):
    """The host, and a second one to which guests can be moved while they run."""
    async with running(host) as source:
        needs(source, MigratesLive)
        assert host.other is not None
        destination = host.other()
        await destination.start()
        try:
            yield source, destination
        finally:
            await destination.stop()


async def a_guest_moves_while_it_runs(host: Host):
    async with two_hosts(host) as (source, destination):
        spec = host.spec(1)
        with pytest.raises(GuestNotFound):
            await source.describe(STRANGER)
        for power in (Power.RUNNING, Power.PAUSED):
            await bring(source, spec, power)
            described = await source.describe(spec.id)
            for _ in range(2):
                address = await destination.expect(spec, described)
                assert await powers(destination) == {spec.id: Power.NOSTATE}
            await source.migrate(spec.id, address)
            assert await powers(source) == {spec.id: Power.PAUSED}
            for _ in range(2):
                assert (await destination.arrive(spec.id, power)).power is power
            await source.destroy(spec.id)
            assert await powers(destination) == {spec.id: power} and await powers(source) == {}
            await destination.destroy(spec.id)
        await source.spawn(spec)
        await source.power(spec.id, Power.SHUTDOWN)
        with pytest.raises(GuestInWrongState):
            await source.describe(spec.id)
        await source.destroy(spec.id)
        assert host.leftovers() == []


async def a_live_migration_is_taken_back(host: Host):
    """By the end of the destination, before and after everything was sent."""
    async with two_hosts(host) as (source, destination):
        spec = host.spec(1)
        await source.spawn(spec)
        for sent in (False, True):
            address = await destination.expect(spec, await source.describe(spec.id))
            if sent:
                await source.migrate(spec.id, address)
            await destination.destroy(spec.id)
            assert await powers(destination) == {}
            for _ in range(2):
                assert (await source.power(spec.id, Power.RUNNING)).power is Power.RUNNING
        assert await source.progress(spec.id) is None
        await source.abort_migration(spec.id)
        await source.force_migration(spec.id)
        assert await powers(source) == {spec.id: Power.RUNNING}
        await source.destroy(spec.id)
        assert host.leftovers() == []


async def agents_that_are_killed_lose_no_guest(host: Host):
    """What had not arrived is gone; what was sent waits at the source."""
    async with two_hosts(host) as (source, destination):
        first, second = host.spec(1), host.spec(2)
        for spec in (first, second):
            await source.spawn(spec)
            address = await destination.expect(spec, await source.describe(spec.id))
        await source.migrate(second.id, address)
    async with two_hosts(host) as (source, destination):
        assert await powers(destination) == {}
        assert await powers(source) == {first.id: Power.RUNNING, second.id: Power.PAUSED}
        assert (await source.power(second.id, Power.RUNNING)).power is Power.RUNNING
        for spec in (first, second):
            await source.destroy(spec.id)
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


CHECKS = [
    an_empty_host_is_empty,
    it_says_what_it_has,
    spawn_makes_it_run,
    spawn_repeats,
    spawn_twice_at_once_makes_one,
    spawn_starts_what_was_stopped,
    a_failed_spawn_leaves_nothing,
    destroy_removes_everything,
    destroy_repeats,
    destroy_leaves_the_others,
    destroy_does_not_wait_for_a_guest_that_ignores_it,
    what_was_destroyed_can_be_made_again,
    every_power_state_from_every_other,
    reboot_ends_in_running,
    strangers_are_not_found,
    guests_outlive_the_agent,
    the_console_can_be_read,
    a_config_drive_is_taken,
    interfaces_come_and_go,
    a_snapshot_is_a_file_of_its_own,
    a_guest_is_started_from_a_snapshot,
    rescue_boots_another_disk_and_comes_back,
    a_rescue_outlives_the_agent,
    a_resize_is_confirmed_or_reverted,
    a_resize_outlives_the_agent,
    a_guest_moves_with_its_disks,
    a_guest_moves_while_it_runs,
    a_live_migration_is_taken_back,
    agents_that_are_killed_lose_no_guest,
    a_running_guest_tells_how_it_is,
    a_running_guest_shows_its_screen,
    a_running_guest_can_be_interrupted,
    a_password_needs_a_running_guest,
]
