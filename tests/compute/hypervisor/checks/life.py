"""What every driver can: guests are made, stopped, started, read and removed, and outlive the agent."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import (
    ABILITIES,
    REACHABLE,
    GuestInWrongState,
    GuestNotFound,
    HypervisorFailed,
    Nic,
    PlugsNics,
    Power,
)
from tests.compute.hypervisor.checks.host import STRANGER, Host, bring, powers, running


async def an_empty_host_is_empty(host: Host):
    async with running(host) as driver:
        assert await driver.guests() == []
    assert host.leftovers() == []


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
