"""What drivers can that move guests from host to host, as they lie or while they run."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib

import pytest

from pileus.compute.hypervisor.base import (
    GuestInWrongState,
    GuestNotFound,
    HypervisorFailed,
    MigratesLive,
    Moves,
    Power,
)
from tests.compute.hypervisor.checks.host import STRANGER, Host, bring, larger, needs, powers, running, scratch


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
