"""Guests' processes as users of their own, on real processes: who they are, and what they cannot reach."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from pileus.compute.hypervisor.base import Power
from pileus.compute.hypervisor.qemu import confine
from pileus.compute.hypervisor.qemu.layout import Home
from tests.compute.hypervisor.qemu_host import says, started
from tests.compute.hypervisor.tiny_guest import make_spec

pytestmark = [
    pytest.mark.root,
    pytest.mark.qemu,
    pytest.mark.realtime,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU"),
    pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv"),
]


def status(pid: int, name: str) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1:] for line in lines if line.startswith(f"{name}:"))


def may(path: Path, user: int, right: int) -> bool:
    """Whether a user who is in the group may do that to a file, from its mode alone."""
    found = os.stat(path)
    shift = 6 if found.st_uid == user else 3 if found.st_gid == confine.GROUP else 0
    return bool(found.st_mode >> shift & right)


async def test_each_guest_is_a_user_of_its_own_without_any_rights(home, state):
    async with started(state) as qemu:
        first, second = [await qemu.spawn(make_spec(home, n)) for n in (1, 2)]
        users = [{int(user) for user in status(guest.pid, "Uid")} for guest in (first, second)]
        assert len(users[0]) == len(users[1]) == 1 and users[0] != users[1] and 0 not in users[0] | users[1]
        for guest in (first, second):
            assert {int(group) for group in status(guest.pid, "Gid")} == {confine.GROUP}
            assert int(status(guest.pid, "CapEff")[0], 16) == int(status(guest.pid, "CapPrm")[0], 16) == 0
            assert status(guest.pid, "NoNewPrivs") == ["1"]
        await says(qemu, first.id, b"login:")


async def test_a_guests_process_reaches_its_disks_and_nothing_of_others_or_of_the_agent(home, state):
    async with started(state) as qemu:
        await qemu.spawn(make_spec(home, 1, swap_mb=1, config_drive={"a": b"secret"}))
        await qemu.spawn(make_spec(home, 2, config_drive={"a": b"secret"}))
        users = {n: qemu._guests[make_spec(home, n).id].record.user for n in (1, 2)}
        mine, other = (state / "guests" / make_spec(home, n).id for n in (1, 2))
        for name in ("disk.qcow2", "swap.raw", "config.iso", "console.log"):
            assert may(mine / name, users[1], os.R_OK), name
        for file in (other / "disk.qcow2", other / "config.iso", mine / "spec.json", other / "spec.json", other / "qmp.sock"):
            assert not may(file, users[1], os.R_OK | os.W_OK), file
        for folder in (mine, other, state / "guests"):
            assert not may(folder, users[1], os.W_OK | os.R_OK), folder
        assert not may(home / "deaf.raw", users[1], os.W_OK)


async def test_a_user_is_free_again_when_its_guest_is_gone_and_kept_over_a_restart(home, state):
    async with started(state) as qemu:
        await qemu.spawn(make_spec(home, 1))
        await qemu.spawn(make_spec(home, 2))
        await qemu.destroy(make_spec(home, 1).id)
    async with started(state) as qemu:
        kept = qemu._guests[make_spec(home, 2).id].record.user
        await qemu.reboot(make_spec(home, 2).id, hard=True)
        third = await qemu.spawn(make_spec(home, 3))
        assert int(status(third.pid, "Uid")[0]) == confine.FIRST_USER != kept
        await qemu.power(third.id, Power.SUSPENDED)
        assert (await qemu.power(third.id, Power.RUNNING)).power is Power.RUNNING


async def test_where_strangers_may_not_pass_guests_run_as_the_agent(home, state):
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    assert not confine.possible(Home(closed / "state"))
    async with started(closed / "state") as qemu:
        guest = await qemu.spawn(make_spec(home, 1))
        assert status(guest.pid, "Uid")[0] == "0"
        await qemu.destroy(guest.id)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    shutil.rmtree(closed)
