"""Live migration of real QEMU processes, where it is not as smooth as in the contract."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import shutil
import subprocess

import msgspec
import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestNotFound, HypervisorFailed, Power, RootDisk
from pileus.compute.hypervisor.qemu import Neighbours, Qemu, departures, sending
from pileus.compute.hypervisor.qemu.guest import Guest
from tests.compute.hypervisor.checks.host import powers
from tests.compute.hypervisor.qemu_host import says, until
from tests.compute.hypervisor.tiny_guest import DEAF, boot_sector, leftovers, make_spec

pytestmark = [pytest.mark.qemu, pytest.mark.realtime,
              pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU")]


class Two:
    """A guest on the first of two hosts that share this machine."""

    def __init__(self, home, state, second):
        self.states = state, second
        self.image = home / "large.raw"
        if not self.image.exists():                    # something, then 1 MiB of what looks like something else, then nothing
            self.image.write_bytes(boot_sector(DEAF).ljust(1 << 20, b"\0") + os.urandom(1 << 20) + bytes(1 << 20))
        root = RootDisk(base=str(self.image), format="raw", size_gib=1)
        self.spec = replace(make_spec(home, 1), root=root, swap_mb=8, config_drive={"a": b"drive"})

    async def __aenter__(self):
        await self.start()
        try:
            await self.one.spawn(self.spec)
        except BaseException:
            await self.stop()
            raise
        return self

    async def start(self):
        self.one, self.two = (Qemu(state, "here", neighbours=Neighbours(number=n, hosts=2)) for n, state in enumerate(self.states))
        await self.one.start()
        await self.two.start()

    async def stop(self):
        await self.one.stop()
        await self.two.stop()

    async def __aexit__(self, *what):
        for driver in (self.one, self.two):
            await driver.destroy(self.spec.id)
        await self.stop()
        assert leftovers(self.states[0]) + leftovers(self.states[1]) == []

    async def expect(self) -> str:
        return await self.two.expect(self.spec, await self.one.describe(self.spec.id))

    async def under_way(self, monkeypatch) -> asyncio.Task:
        """A migration that takes for ever, in the middle of its memory."""
        monkeypatch.setattr(sending, "MIGRATE_BANDWIDTH", 1 << 14)
        task = asyncio.create_task(self.one.migrate(self.spec.id, await self.expect()))

        async def sends():
            progress = await self.one.progress(self.spec.id)
            return progress is not None and progress.memory_total > 0

        await until(sends)
        return task

    def file(self, host: int, name: str):
        return self.states[host] / "guests" / self.spec.id / name


@pytest.fixture
def two(home, state, second):
    return Two(home, state, second)


async def test_every_disk_is_the_same_afterwards_and_no_larger_than_it_must_be(two):
    await two.one.migrate(two.spec.id, await two.expect())
    for name, format in (("disk.qcow2", "qcow2"), ("swap.raw", "raw"), ("config.iso", "raw")):
        compared = subprocess.run(["qemu-img", "compare", "-U", "-f", format, "-F", format, two.file(0, name), two.file(1, name)],
                                  capture_output=True, text=True)
        assert compared.returncode == 0, (name, compared.stdout, compared.stderr)
    assert 1 << 20 < two.file(1, "disk.qcow2").stat().st_blocks * 512 < 3 << 20
    assert two.file(1, "swap.raw").stat().st_blocks * 512 < 1 << 20
    assert (await two.two.arrive(two.spec.id, Power.RUNNING)).power is Power.RUNNING
    await two.one.destroy(two.spec.id)
    assert (await two.two.reboot(two.spec.id, hard=True)).power is Power.RUNNING


async def test_one_under_way_can_be_watched_halted_and_given_up(two, monkeypatch):
    task = await two.under_way(monkeypatch)
    progress = await two.one.progress(two.spec.id)
    assert progress.memory_total > 16 << 20 and progress.disk_total == progress.disk_processed == (1 << 30) + (8 << 20)
    assert await powers(two.one) == {two.spec.id: Power.RUNNING}
    await two.one.force_migration(two.spec.id)
    assert await powers(two.one) == {two.spec.id: Power.PAUSED}
    await two.one.abort_migration(two.spec.id)
    with pytest.raises(HypervisorFailed):
        await task
    assert await powers(two.one) == {two.spec.id: Power.RUNNING} and await two.one.progress(two.spec.id) is None
    monkeypatch.undo()
    for to in (Power.SUSPENDED, Power.RUNNING):        # what was given up leaves no trace in QEMU
        assert (await two.one.power(two.spec.id, to)).power is to
    await two.one.migrate(two.spec.id, await two.expect())
    assert (await two.two.arrive(two.spec.id, Power.RUNNING)).power is Power.RUNNING


async def test_a_destination_that_dies_leaves_the_guest_where_it_was(two, monkeypatch):
    task = await two.under_way(monkeypatch)
    await two.two.destroy(two.spec.id)
    with pytest.raises(HypervisorFailed):
        await task
    assert await powers(two.one) == {two.spec.id: Power.RUNNING} and await powers(two.two) == {}
    with pytest.raises(HypervisorFailed):
        await two.one.migrate(two.spec.id, str(two.states[1] / "guests" / two.spec.id))
    assert await powers(two.one) == {two.spec.id: Power.RUNNING}


async def test_a_guest_that_is_destroyed_is_not_waited_for(two, monkeypatch):
    task = await two.under_way(monkeypatch)
    await two.one.destroy(two.spec.id)
    with pytest.raises(HypervisorFailed):
        await task
    assert await powers(two.one) == {}


async def test_agents_killed_in_the_middle(two, monkeypatch):
    """Nobody gives up in order; QEMU goes on sending until the agents are back."""
    task = await two.under_way(monkeypatch)

    async def killed(self):
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(Guest, "stay", killed)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await two.stop()
    await two.start()
    assert await powers(two.one) == {two.spec.id: Power.RUNNING} and await powers(two.two) == {}
    monkeypatch.undo()
    await two.one.migrate(two.spec.id, await two.expect())
    assert (await two.two.arrive(two.spec.id, Power.RUNNING)).power is Power.RUNNING
    await two.stop()
    await two.start()                                  # the source was not told yet that it is over: it does not go on
    assert await powers(two.one) == {two.spec.id: Power.PAUSED} and await powers(two.two) == {two.spec.id: Power.RUNNING}


async def test_a_guest_is_refused_where_it_could_not_go_on(two, monkeypatch):
    described = msgspec.msgpack.decode(await two.one.describe(two.spec.id), type=departures.Described)
    elsewhere = replace(described.record, machine="pc-i440fx-99.0")
    for wrong in (replace(described, processor="another one"), replace(described, record=elsewhere)):
        with pytest.raises(HypervisorFailed):
            await two.two.expect(two.spec, msgspec.msgpack.encode(wrong))
        assert leftovers(two.states[1]) == []


async def test_only_the_agents_reach_what_waits(two):
    await two.expect()
    for name in ("incoming.sock", "disks.sock"):
        assert two.file(1, name).stat().st_mode & 0o777 == 0o600 and two.file(1, name).stat().st_uid == os.geteuid()


async def test_a_guest_on_its_way_is_not_found(two):
    await two.expect()
    for call in (two.two.power(two.spec.id, Power.RUNNING), two.two.console_log(two.spec.id), two.two.reboot(two.spec.id, hard=True)):
        with pytest.raises(GuestNotFound):
            await call
    with pytest.raises(HypervisorFailed):
        await two.two.arrive(two.spec.id, Power.RUNNING)
    await two.one.destroy(two.spec.id)
    assert (await two.two.spawn(two.spec)).power is Power.RUNNING      # it is built anew here, and not waited for any more
    await says(two.two, two.spec.id, b"login:")
