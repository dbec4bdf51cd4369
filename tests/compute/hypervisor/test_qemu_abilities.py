"""What the contract cannot see of the QEMU driver's abilities: bytes on disks, what boots, what is left when it is cut short."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import shutil
import subprocess

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestAgentSilent, HypervisorFailed, Power, RescueSpec
from pileus.compute.hypervisor.qemu import confine, guest_agent
from pileus.compute.hypervisor.qemu.disks import layer_size
from tests.compute.hypervisor.qemu_host import says, started
from tests.compute.hypervisor.tiny_guest import leftovers, make_spec

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.realtime,
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU"),
]


def sized(home, n, gib=0, **fields):
    spec = make_spec(home, n, **fields)
    return replace(spec, root=replace(spec.root, size_gib=gib))


@pytest.mark.parametrize("power", [Power.RUNNING, Power.PAUSED, Power.SHUTDOWN])
async def test_a_snapshot_has_every_byte_of_the_disk_and_of_what_it_is_layered_on(home, state, tmp_path, power):
    async with started(state) as qemu:
        spec = make_spec(home, 1)
        await qemu.spawn(spec)
        await qemu.power(spec.id, Power.SHUTDOWN)
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 512k 64k", state / "guests" / spec.id / "disk.qcow2"], check=True)
        await qemu.power(spec.id, Power.RUNNING)
        await qemu.power(spec.id, power)
        await qemu.snapshot(spec.id, tmp_path / "disk.raw", "raw")
        wanted = bytearray((home / "deaf.raw").read_bytes())
        wanted[512 << 10 : 576 << 10] = b"\x5a" * (64 << 10)
        assert (tmp_path / "disk.raw").read_bytes() == bytes(wanted)
        assert os.listdir(tmp_path) == ["disk.raw"]


async def test_the_end_of_a_guest_cuts_its_snapshot_short(home, state, tmp_path):
    spec = sized(home, 1, 1, properties={"quota:disk_total_bytes_sec": "1000"})
    big = home / "big.raw"
    big.write_bytes(os.urandom(64 << 20))
    async with started(state) as qemu:
        await qemu.spawn(replace(spec, root=replace(spec.root, base=str(big))))
        for power in (Power.RUNNING, Power.SHUTDOWN):
            await qemu.spawn(replace(spec, root=replace(spec.root, base=str(big))))
            await qemu.power(spec.id, power)
            copying = asyncio.create_task(qemu.snapshot(spec.id, tmp_path / "copy", "qcow2"))
            while not (state / "guests" / spec.id / "copy").exists():  # noqa: ASYNC110, nothing tells
                await asyncio.sleep(0.001)
            async with asyncio.timeout(10):
                await qemu.destroy(spec.id)
            with pytest.raises(HypervisorFailed):
                await copying
            assert os.listdir(tmp_path) == [] and leftovers(state) == []


async def test_a_copy_that_a_killed_agent_left_behind_is_no_obstacle(home, state, tmp_path):
    async with started(state) as qemu:
        spec = sized(home, 1, 1)
        await qemu.spawn(spec)
        machine = qemu._guests[spec.id].machine
        old = state / "guests" / spec.id / "copy"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", old, "1G"], check=True)
        if user := qemu._guests[spec.id].record.user:
            confine.give(old, user)
        file = {"driver": "file", "filename": str(old)}
        await machine.ask("blockdev-add", {"driver": "qcow2", "node-name": "copy", "file": file})
        await machine.ask("blockdev-backup", {"job-id": "copy", "device": "root", "target": "copy", "sync": "full", "speed": 1})
    async with started(state) as qemu:
        await qemu.snapshot(spec.id, tmp_path / "new", "qcow2")
        assert layer_size(tmp_path / "new") == 1 << 30


async def test_a_snapshot_that_does_not_fit_leaves_the_guest_as_it_was(home, state, tmp_path):
    async with started(state) as qemu:
        guest = await qemu.spawn(make_spec(home, 1))
        for format, file in (("qcow2", tmp_path / "no" / "folder"), ("vmdk", tmp_path / "disk")):
            with pytest.raises(HypervisorFailed) as failed:
                await qemu.snapshot(guest.id, file, format)
            assert failed.value.detail
        assert await qemu.guests() == [guest] and os.listdir(tmp_path) == []


@pytest.mark.parametrize("stable", [False, True])
async def test_a_rescued_guest_boots_the_other_image_and_keeps_its_own_disk(home, state, stable):
    async with started(state) as qemu:
        spec = make_spec(home, 1, properties={"hw_scsi_model": "virtio-scsi"})
        spec = replace(spec, root=replace(spec.root, bus="scsi"), swap_mb=1)
        await qemu.spawn(spec)
        await says(qemu, spec.id, b"login:")
        rescue = RescueSpec(root=replace(spec.root, base=str(home / "rescue.raw"), bus="virtio"), stable=stable, config_drive={"a": b"b"})
        state_ = await qemu.rescue(spec.id, rescue)
        assert {str(home / "deaf.raw"), str(home / "rescue.raw")} <= set(state_.files)
        await says(qemu, spec.id, b"to the rescue")
        disks = [disk["qdev"] for disk in await qemu._guests[spec.id].machine.ask("query-block") if disk.get("qdev")]
        assert len(disks) == 3 + stable
        before = await qemu.console_log(spec.id)
        await qemu.unrescue(spec.id)
        await says(qemu, spec.id, b"login:", times=2)
        assert (await qemu.console_log(spec.id))[len(before) :].count(b"to the rescue") == 0
        assert not (state / "guests" / spec.id / "rescue.qcow2").exists()


async def test_a_rescue_that_fails_leaves_the_guest_off_and_whole(home, state):
    async with started(state) as qemu:
        spec = make_spec(home, 1)
        await qemu.spawn(spec)
        for root in (replace(spec.root, base="/nowhere"), replace(spec.root, bus="usb")):
            with pytest.raises(HypervisorFailed):
                await qemu.rescue(spec.id, RescueSpec(root=root))
            (after,) = await qemu.guests()
            assert (after.power, after.rescued) == (Power.SHUTDOWN, False)
            assert not (state / "guests" / spec.id / "rescue.qcow2").exists()
        assert (await qemu.power(spec.id, Power.RUNNING)).power is Power.RUNNING


async def test_a_resize_grows_the_disk_and_reverting_brings_back_what_was_on_it(home, state):
    disk = state / "guests" / make_spec(home, 1).id / "disk.qcow2"
    async with started(state) as qemu:
        small, large = sized(home, 1, 1, swap_mb=1), replace(sized(home, 1, 2, ephemeral_gib=1), memory_mb=32)
        await qemu.spawn(small)
        await qemu.resize(large)
        assert layer_size(disk) == 2 << 30 and not (disk.parent / "swap.raw").exists() and (disk.parent / "ephemeral.raw").exists()
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 0 64k", disk], check=True)
        await qemu.revert_resize(small.id)
        assert layer_size(disk) == 1 << 30 and (disk.parent / "swap.raw").exists() and not (disk.parent / "ephemeral.raw").exists()
        await qemu.power(small.id, Power.RUNNING)
        await says(qemu, small.id, b"login:")
        assert not (disk.parent / "before").exists()


async def test_a_resize_that_fails_is_undone(home, state, monkeypatch):
    async with started(state) as qemu:
        spec = sized(home, 1, 1)
        await qemu.spawn(spec)
        with pytest.raises(HypervisorFailed):
            await qemu.resize(replace(sized(home, 1, 2), swap_mb=1 << 40))
        (after,) = await qemu.guests()
        assert after.power is Power.SHUTDOWN and layer_size(state / "guests" / spec.id / "disk.qcow2") == 1 << 30
        assert not (state / "guests" / spec.id / "before").exists()
        assert (await qemu.power(spec.id, Power.RUNNING)).power is Power.RUNNING


async def test_a_moved_guest_needs_no_image_and_refuses_a_disk_that_refers_to_another_file(home, state, tmp_path):
    async with started(state) as qemu:
        spec = sized(home, 1, swap_mb=1)
        await qemu.spawn(spec)
        await qemu.power(spec.id, Power.SHUTDOWN)
        await qemu.export(spec.id, tmp_path)
        await qemu.destroy(spec.id)
        assert (await qemu.import_(replace(spec, root=replace(spec.root, base="")), tmp_path)).files == ()
        assert (await qemu.power(spec.id, Power.RUNNING)).power is Power.RUNNING
        await says(qemu, spec.id, b"login:")
        await qemu.destroy(spec.id)
        options = ["-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw"]
        subprocess.run(["qemu-img", "create", "-q", *options, tmp_path / "disk.qcow2", "1M"], check=True)
        with pytest.raises(HypervisorFailed) as failed:
            await qemu.import_(spec, tmp_path)
        assert "another file" in failed.value.detail and leftovers(state) == []


async def test_diagnostics_count_what_the_guest_has_read(home, state):
    async with started(state) as qemu:
        spec = make_spec(home, 1, swap_mb=1)
        await qemu.spawn(spec)
        await says(qemu, spec.id, b"login:")
        told = await qemu.diagnostics(spec.id)
        assert told.disks[0].read_bytes >= 512 and len(told.disks) == 2
        assert told.cpu_time_ns[0] > 0 and 0 <= told.uptime_s < 60 and told.driver == "qemu"


async def test_a_guest_without_an_agent_is_said_to_be_silent(home, state, monkeypatch):
    monkeypatch.setattr(guest_agent, "ANSWER_TIMEOUT_S", 0.2)
    async with started(state) as qemu:
        for n, properties in ((1, {}), (2, {"hw_qemu_guest_agent": "yes"})):
            guest = await qemu.spawn(make_spec(home, n, properties=properties))
            with pytest.raises(GuestAgentSilent):
                await qemu.set_password(guest.id, "root", "secret")
