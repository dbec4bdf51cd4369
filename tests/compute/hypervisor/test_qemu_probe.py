"""What the probe believes: only a guest that ran to its end, and what it remembers only of the same QEMU."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil

import pytest

from pileus.compute.hypervisor.base import HypervisorFailed
from pileus.compute.hypervisor.qemu.probe import DONE, abilities, runs

pytestmark = pytest.mark.realtime


@pytest.fixture
def fake(tmp_path):
    """A QEMU that answers as it is told, and counts how often it is started."""
    program = tmp_path / "qemu"

    def write(*, guest: str, version: str = "QEMU emulator version 9.2.1 (Debian)") -> str:
        program.write_text(
            f'#!/bin/sh\necho started >>{tmp_path}/starts\ncase "$*" in --version) echo "{version}" ;; *) {guest} ;; esac\n'
        )
        program.chmod(0o755)
        return str(program)

    write.starts = lambda: len((tmp_path / "starts").read_text().splitlines())
    return write


async def test_a_guest_that_hangs_or_ends_otherwise_does_not_run(fake):
    assert await runs(fake(guest=f"exit {DONE}"))
    assert not await runs(fake(guest="exit 0"))
    assert not await runs(fake(guest="exit 1"))
    assert not await runs(fake(guest="exec sleep 60"), limit_s=0.2)


async def test_what_was_found_is_remembered_for_the_same_qemu_only(fake, tmp_path):
    kept = tmp_path / "probe.json"
    first = await abilities(fake(guest=f"exit {DONE}"), kept)
    assert first.version == (9, 2, 1) and first.version_number == 9_002_001 and first.sandbox
    before = fake.starts()
    assert await abilities(first.binary, kept) == first
    assert fake.starts() == before
    fake(guest=f'case "$*" in *-sandbox*) exit 1 ;; *) exit {DONE} ;; esac', version="QEMU emulator version 10.0.0")
    other = await abilities(first.binary, kept)
    assert (other.version, other.sandbox) == ((10, 0, 0), False)
    kept.write_text("torn {")
    assert await abilities(first.binary, kept) == other


async def test_a_qemu_that_is_missing_or_runs_nothing_is_a_clear_error(fake):
    with pytest.raises(HypervisorFailed) as failed:
        await abilities("no-such-qemu")
    assert failed.value.detail == "no-such-qemu is not installed"
    with pytest.raises(HypervisorFailed) as failed:
        await abilities(fake(guest="exit 1"))
    assert "cannot run the smallest guest" in failed.value.detail
    with pytest.raises(HypervisorFailed) as failed:
        await abilities(fake(guest=f"exit {DONE}", version="what?"))
    assert "version" in failed.value.detail


@pytest.mark.qemu
@pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU")
async def test_the_boot_sector_runs_and_a_machine_without_it_does_not():
    qemu = shutil.which("qemu-system-x86_64")
    assert await runs(qemu, "-accel", "tcg", limit_s=30)
    assert not await runs(qemu, "-accel", "tcg", "-S", limit_s=1)
    assert not await runs(qemu, "-accel", "tcg", "-cpu", "486", limit_s=1), "an interpreter of simple instructions is believed"
    if not os.path.exists("/dev/kvm"):
        assert not await runs(qemu, "-accel", "kvm", limit_s=5)
