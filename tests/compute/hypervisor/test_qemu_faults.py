"""The QEMU driver when QEMU, the disk or the agent lets it down."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestInWrongState, HypervisorFailed, Power
from pileus.compute.hypervisor.qemu import Qemu, driver, machine, process
from tests.compute.hypervisor.qemu_host import says, started, until
from tests.compute.hypervisor.tiny_guest import leftovers, make_spec

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.realtime,
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU"),
]


async def test_a_guest_that_listens_is_shut_down_and_rebooted_by_its_own_means(home, state):
    async with started(state) as qemu:
        spec = make_spec(home, 1, image="polite")
        first = await qemu.spawn(spec)
        await says(qemu, spec.id, b"login:")
        again = await qemu.reboot(spec.id, hard=False, timeout_s=60)
        assert again.power is Power.RUNNING and again.pid != first.pid, "it ended by itself, and was started again"
        await says(qemu, spec.id, b"login:", times=2)
        assert (await qemu.power(spec.id, Power.SHUTDOWN, timeout_s=60)).power is Power.SHUTDOWN


async def test_every_guest_has_a_screen_on_a_port_of_its_own(home, state):
    async with started(state) as qemu:
        guests = await asyncio.gather(*(qemu.spawn(make_spec(home, n)) for n in (1, 2, 3)))
        assert len({guest.vnc for guest in guests}) == 3
        for guest in guests:
            assert guest.vnc[0] == "127.0.0.1"
            reader, writer = await asyncio.open_connection(*guest.vnc)
            assert await reader.readexactly(4) == b"RFB "
            writer.close()
        blind = await qemu.spawn(make_spec(home, 4, properties={"hw_video_model": "none"}))
        assert blind.vnc is None


async def test_a_guest_that_shuts_down_by_itself_is_not_a_crash(home, state):
    async with started(state) as qemu:
        spec = make_spec(home, 1, image="polite")
        await qemu.spawn(spec)
        await says(qemu, spec.id, b"login:")
        await qemu._guests[spec.id].machine.ask("system_powerdown")

        async def is_off():
            return (await qemu.guests())[0].power is Power.SHUTDOWN

        await until(is_off)


async def test_a_deaf_guest_is_reset(home, state):
    async with started(state) as qemu:
        spec = make_spec(home, 1)
        first = await qemu.spawn(spec)
        await says(qemu, spec.id, b"login:")
        assert (await qemu.reboot(spec.id, hard=False, timeout_s=0.1)).pid == first.pid
        await says(qemu, spec.id, b"login:", times=2)


async def test_a_killed_process_is_a_crash_and_can_be_started_again(home, state):
    async with started(state) as qemu:
        spec = make_spec(home, 1)
        guest = await qemu.spawn(spec)
        os.kill(guest.pid, signal.SIGKILL)

        async def has_crashed():
            return (await qemu.guests())[0].power is Power.CRASHED

        await until(has_crashed)
        (dead,) = await qemu.guests()
        assert dead.error and dead.pid is None
    async with started(state) as qemu:
        assert await qemu.guests() == [dead], "also for an agent that did not see it"
        assert (await qemu.power(spec.id, Power.RUNNING)).error == ""
        await qemu.destroy(spec.id)
    assert leftovers(state) == []


async def test_a_guest_that_panics_has_crashed_and_can_be_started_again(home, state):
    async with started(state) as qemu:
        spec = make_spec(home, 1, image="panicking")
        first = await qemu.spawn(spec)

        async def has_crashed():
            return (await qemu.guests())[0].power is Power.CRASHED

        await until(has_crashed)
        with pytest.raises(GuestInWrongState):
            await qemu.power(spec.id, Power.PAUSED)
    async with started(state) as qemu:
        (dead,) = await qemu.guests()
        assert (dead.power, dead.pid) == (Power.CRASHED, first.pid) and "panicked" in dead.error
        again = await qemu.power(spec.id, Power.RUNNING)
        assert (again.power, again.error) == (Power.RUNNING, "") and again.pid != first.pid
        await until(has_crashed)
        assert (await qemu.spawn(spec)).power is Power.RUNNING
        await until(has_crashed)
        assert (await qemu.power(spec.id, Power.SHUTDOWN, timeout_s=60)).power is Power.SHUTDOWN


async def test_a_guest_that_qemu_gives_up_has_crashed(home, state, monkeypatch):
    """KVM alone stops guests in this way; so the process is real and QEMU's word for its state is played."""
    async with started(state) as qemu:
        guest = await qemu.spawn(make_spec(home, 1))
        monkeypatch.setattr(machine.Machine, "status", _gives_up)
        (state / "guests" / guest.id / "qemu.log").write_text("KVM internal error. Suberror: 1")
        await qemu._guests[guest.id].machine.ask("stop")

        async def has_crashed():
            return (await qemu.guests())[0].power is Power.CRASHED

        await until(has_crashed)
        (dead,) = await qemu.guests()
        assert "internal-error" in dead.error and "Suberror: 1" in dead.error
        monkeypatch.undo()
        assert (await qemu.power(guest.id, Power.RUNNING)).power is Power.RUNNING


async def _gives_up(self) -> str:
    return "internal-error"


async def test_qemu_that_dies_at_start_says_why_and_leaves_nothing(home, state):
    async with started(state) as qemu:
        with pytest.raises(HypervisorFailed) as failed:
            await qemu.spawn(make_spec(home, 1, properties={"hw_machine_type": "pc-i440fx-99.9"}))
        assert "unsupported machine type" in failed.value.detail
        assert leftovers(state) == []


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"properties": {"hw_machine_type": "pc,accel=kvm"}}, "unknown machine type"),
        ({"properties": {"hw_video_model": "vga,romfile=/etc/shadow"}}, "unknown video model"),
        ({"properties": {"hw_cpu_cores": "3"}}, "CPU topology"),
        ({"config_drive": {"../../outside": b""}}, "not a path on a drive"),
        ({"config_drive": {"/etc/outside": b""}}, "not a path on a drive"),
    ],
)
async def test_a_spec_that_makes_no_sense_is_refused_and_leaves_nothing(home, state, fields, complaint):
    async with started(state) as qemu:
        with pytest.raises(HypervisorFailed) as failed:
            await qemu.spawn(make_spec(home, 1, **fields))
        assert complaint in failed.value.detail
        assert leftovers(state) == []


async def test_two_agents_do_not_share_a_state(home, state):
    async with started(state) as qemu:
        guest = await qemu.spawn(make_spec(home, 1))
        second = Qemu(state, "here")
        with pytest.raises(HypervisorFailed) as failed:
            await second.start()
        assert "another agent" in failed.value.detail
        await second.stop()
        assert await qemu.guests() == [guest]
    async with started(state) as qemu:
        assert await qemu.guests() == [guest], "guests do not hold the lock"


async def test_an_id_that_is_a_path_reaches_no_file(home, state):
    outside = home / "outside"
    outside.mkdir(exist_ok=True)
    async with started(state) as qemu:
        await qemu.destroy("../../outside")
        with pytest.raises(HypervisorFailed):
            await qemu.spawn(replace(make_spec(home, 1), id="../../outside"))
    assert outside.is_dir() and not any(outside.iterdir())


async def test_a_hung_qemu_is_a_clear_error_and_can_be_destroyed(home, state, monkeypatch):
    monkeypatch.setattr(machine, "ASK_TIMEOUT_S", 0.2)
    monkeypatch.setattr(machine, "ATTACH_TIMEOUT_S", 0.2)
    async with started(state) as qemu:
        guests = [await qemu.spawn(make_spec(home, n)) for n in (1, 2)]
        for guest in guests:
            os.kill(guest.pid, signal.SIGSTOP)
        with pytest.raises(HypervisorFailed) as failed:
            await qemu.power(guests[0].id, Power.PAUSED)
        assert "no answer" in failed.value.detail
        await qemu.destroy(guests[0].id)
    async with started(state) as qemu:
        (hung,) = await qemu.guests()
        assert (hung.power, hung.pid) == (Power.RUNNING, guests[1].pid) and "does not answer" in hung.error
        with pytest.raises(HypervisorFailed):
            await qemu.power(hung.id, Power.PAUSED)
        os.kill(hung.pid, signal.SIGCONT)

        async def is_reached():
            with contextlib.suppress(HypervisorFailed):
                return (await qemu.power(hung.id, Power.PAUSED)).error == ""

        await until(is_reached)
        os.kill(hung.pid, signal.SIGSTOP)
    async with started(state) as qemu:
        await qemu.destroy(hung.id)
    assert leftovers(state) == []


async def test_a_foreign_process_is_never_taken_for_a_guest(home, state):
    folder = state / "guests" / make_spec(home, 1).id
    assert process.adopt(folder, os.getpid()) is None
    assert process.adopt(folder, 2**22 + 1) is None
    impostor = subprocess.Popen(["sleep", "60"])
    try:
        assert process.adopt(folder, impostor.pid) is None
    finally:
        impostor.kill()
        impostor.wait()


async def test_the_state_folder_may_be_deep_and_oddly_named(home, state):
    deep = home / "a,b é" / ("x" * 120)
    try:
        async with started(deep) as qemu:
            spec = make_spec(home, 1, config_drive={"openstack/latest/meta_data.json": b"{}"})
            guest = await qemu.spawn(spec)
        async with started(deep) as qemu:
            assert await qemu.guests() == [guest]
            await says(qemu, spec.id, b"login:")
            await qemu.destroy(spec.id)
        assert leftovers(deep) == []
    finally:
        for pid in process.running(deep / "guests").values():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(home / "a,b é")


async def test_the_console_log_stays_bounded(home, state, monkeypatch):
    monkeypatch.setattr(driver, "CONSOLE_BYTES", 1000)
    async with started(state) as qemu:
        spec = make_spec(home, 1)
        await qemu.spawn(spec)
        console = state / "guests" / spec.id / "console.log"
        with open(console, "ab") as file:
            file.write(b"x" * 5000 + b"the end of the flood")
        await qemu.guests()
        assert console.stat().st_size == 0
        await qemu.reboot(spec.id, hard=True)
        await says(qemu, spec.id, b"login:", times=1)
        text = await qemu.console_log(spec.id)
        assert len(text) < 2000 and text.index(b"the end of the flood") < text.rindex(b"login:")
        assert await qemu.console_log(spec.id, 100) == text[-100:]
        await qemu.destroy(spec.id)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
async def test_a_full_disk_is_a_clear_error_and_leaves_nothing(home, state):
    small = home / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", small], check=True)
    try:
        async with started(small) as qemu:
            (small / "ballast").write_bytes(bytes(100 << 10))
            for spec in (
                make_spec(home, 1, config_drive={"large": os.urandom(200 << 10)}),
                make_spec(home, 2, ephemeral_gib=1),
            ):
                with pytest.raises(HypervisorFailed) as failed:
                    await qemu.spawn(spec)
                assert failed.value.detail
                assert leftovers(small) == []
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
async def test_a_memory_that_does_not_fit_on_the_disk_leaves_the_guest_running(home, state):
    small = home / "small"
    small.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", small], check=True)
    try:
        async with started(small) as qemu:
            spec = make_spec(home, 1)
            guest = await qemu.spawn(spec)
            (small / "ballast").write_bytes(bytes(100 << 10))
            with pytest.raises(HypervisorFailed):
                await qemu.power(spec.id, Power.SUSPENDED)
            assert await qemu.guests() == [guest]
            assert not list((small / "guests" / spec.id).glob("memory*"))
            (small / "ballast").unlink()
            await qemu.destroy(spec.id)
        assert leftovers(small) == []
    finally:
        for pid in process.running(small / "guests").values():
            os.kill(pid, signal.SIGKILL)
        subprocess.run(["umount", "-l", small], check=True)


PROGRAM = """
import asyncio, os, signal, sys
from pathlib import Path
from pileus.compute.hypervisor.base import Power
from pileus.compute.hypervisor.qemu import Qemu, disks, guest, layout, machine, process
from tests.compute.hypervisor.qemu_host import says, started, until
from tests.compute.hypervisor.tiny_guest import make_spec

home, state, where, when, operation = Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def arm():
    owner, _, name = where.rpartition(".")
    owner = eval(owner)
    real = getattr(owner, name)
    if asyncio.iscoroutinefunction(real):
        async def cut(*args, **kwargs):
            die() if when == "before" else await real(*args, **kwargs)
            die()
    else:
        def cut(*args, **kwargs):
            die() if when == "before" else real(*args, **kwargs)
            die()
    setattr(owner, name, cut)

async def main():
    qemu = Qemu(state, "here")
    await qemu.start()
    spec = make_spec(home, 1, config_drive={"openstack/latest/meta_data.json": b"{}"})
    if operation == "spawn":
        arm()
        await qemu.spawn(spec)
    await qemu.spawn(spec)
    if operation == "wake":
        await qemu.power(spec.id, Power.SUSPENDED)
    arm()
    if operation == "destroy":
        await qemu.destroy(spec.id)
    await qemu.power(spec.id, Power.RUNNING if operation == "wake" else Power.SUSPENDED)

asyncio.run(main())
"""

#: What the agent was doing, where it was killed, and what a new agent finds.
CUTS = [
    ("spawn", "disks.make_layer", "before", Power.NOSTATE),
    ("spawn", "disks.make_layer", "after", Power.NOSTATE),
    ("spawn", "disks._write_tree", "after", Power.NOSTATE),
    ("spawn", "layout.Folder.write", "before", Power.NOSTATE),
    ("spawn", "layout.Folder.write", "after", Power.SHUTDOWN),
    ("spawn", "process.launch", "before", Power.SHUTDOWN),
    ("spawn", "process.launch", "after", Power.RUNNING),
    ("spawn", "machine.Machine._talk", "after", Power.RUNNING),
    ("suspend", "machine.Machine.pause", "after", Power.PAUSED),
    ("suspend", "machine.Machine.save", "after", Power.RUNNING),
    ("suspend", "machine.Machine.end", "before", Power.RUNNING),
    ("suspend", "machine.Machine.end", "after", Power.SUSPENDED),
    ("wake", "process.launch", "after", Power.SUSPENDED),
    ("wake", "machine.Machine.load", "before", Power.SUSPENDED),
    ("wake", "machine.Machine.load", "after", Power.PAUSED),
    ("wake", "guest.Guest._forget_memory", "after", Power.PAUSED),
    ("destroy", "machine.Machine.kill_soon", "before", Power.RUNNING),
    ("destroy", "machine.Machine.kill", "after", Power.SHUTDOWN),
    ("destroy", "layout.os.rename", "before", Power.SHUTDOWN),
    ("destroy", "layout.os.rename", "after", None),
]


@pytest.mark.parametrize(("operation", "where", "when", "found"), CUTS)
async def test_kill_9_of_the_agent_at_any_step_is_harmless(home, state, operation, where, when, found):
    (home / "state").mkdir(exist_ok=True)
    path = os.pathsep.join([*filter(None, sys.path), os.getcwd()])
    for ending in ("go on", "destroy"):
        command = [sys.executable, "-c", PROGRAM, home, state, where, when, operation]
        ended = await asyncio.to_thread(subprocess.run, command, env={**os.environ, "PYTHONPATH": path}, timeout=60)
        assert ended.returncode == -signal.SIGKILL
        async with started(state) as qemu:
            spec = make_spec(home, 1, config_drive={"openstack/latest/meta_data.json": b"{}"})
            assert [guest.power for guest in await qemu.guests()] == ([] if found is None else [found])
            if ending == "go on" and operation != "destroy":
                assert (await qemu.spawn(spec)).power in (Power.RUNNING, Power.PAUSED)
                assert (await qemu.power(spec.id, Power.RUNNING)).power is Power.RUNNING
                assert [state.id for state in await qemu.guests()] == [spec.id]
                assert len(process.running(state / "guests")) == 1
                assert not list((state / "guests" / spec.id).glob("memory*"))
                await says(qemu, spec.id, b"login:")
            await qemu.destroy(spec.id)
            assert await qemu.guests() == []
        assert leftovers(state) == []
