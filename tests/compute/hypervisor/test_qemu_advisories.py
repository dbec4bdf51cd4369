"""Advisories that concern disks of guests, tried on real disks. `tests/compute/test_advisories.py` has the rows."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import HypervisorFailed, Power, RootDisk
from pileus.compute.hypervisor.qemu import disks
from tests.compute.hypervisor.qemu_host import started
from tests.compute.hypervisor.tiny_guest import leftovers, make_spec
from tests.image.formats import images as samples

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.realtime,
    pytest.mark.skipif(None in map(shutil.which, ("qemu-system-x86_64", "qemu-io")), reason="needs QEMU"),
]
SECRET = b"what only this host may know"


@pytest.fixture
def secret(tmp_path) -> Path:
    file = tmp_path / "secret"
    file.write_bytes(SECRET.ljust(1 << 20, b"\0"))
    return file


def guest_of(home: Path, image: Path, format: str):
    return replace(make_spec(home, 1), root=RootDisk(base=str(image), format=format))


def naming(secret: Path) -> list[bytes]:
    name = str(secret).encode()
    return [samples.qcow2(backing=name), samples.qcow2(incompatible=1 << 2, extensions=samples.extension(0x44415441, name) + bytes(8))]


async def test_ossa_2024_001_an_image_that_names_a_file_is_not_booted(home, state, tmp_path, secret):
    """Row 1. The image service refuses such images; a host that gets one all the same does not open it."""
    async with started(state) as qemu:
        for content in naming(secret):
            (tmp_path / "image").write_bytes(content)
            with pytest.raises(HypervisorFailed) as failed:
                await qemu.spawn(guest_of(home, tmp_path / "image", "qcow2"))
            assert "another file" in failed.value.detail and leftovers(state) == []


async def test_ossa_2024_002_a_format_that_is_a_lie_is_not_booted(home, state, tmp_path, secret):
    """Row 2. What is declared raw is bytes, whatever they look like; what is declared qcow2 and is not is refused."""
    image = home / "lie"                              # where guests' processes, which are users of their own, may read it
    image.write_bytes(naming(secret)[0].ljust(1 << 20, b"\0"))
    async with started(state) as qemu:
        guest = guest_of(home, image, "raw")
        await qemu.spawn(guest)
        await qemu.snapshot(guest.id, tmp_path / "copy", "raw")
        assert (tmp_path / "copy").read_bytes().startswith(image.read_bytes())
        assert SECRET not in (tmp_path / "copy").read_bytes()
        await qemu.destroy(guest.id)
        image.write_bytes(samples.vmdk())
        for format in ("qcow2", "vmdk"):
            with pytest.raises(HypervisorFailed):
                await qemu.spawn(guest_of(home, image, format))
        assert leftovers(state) == []
    image.unlink()


async def test_ossa_2016_001_what_a_guest_writes_is_never_a_header(home, state, tmp_path, secret):
    """Row 5. A guest writes a header that names a file of the host over its disk, and has that snapshotted, resized and moved."""
    header = tmp_path / "header"
    header.write_bytes(naming(secret)[0].ljust(65536, b"\0"))
    async with started(state) as qemu:
        guest = make_spec(home, 1)
        await qemu.spawn(guest)
        await qemu.power(guest.id, Power.SHUTDOWN)
        disk = state / "guests" / guest.id / "disk.qcow2"
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -s {header} 0 64k", str(disk)], check=True, capture_output=True)
        for format in ("raw", "qcow2"):
            await qemu.snapshot(guest.id, tmp_path / format, format)
        assert (tmp_path / "raw").read_bytes().startswith(header.read_bytes())
        await qemu.resize(replace(guest, root=replace(guest.root, size_gib=1)))
        await qemu.confirm_resize(guest.id)
        (tmp_path / "out").mkdir()
        await qemu.export(guest.id, tmp_path / "out")
        await qemu.destroy(guest.id)
        await qemu.import_(guest, tmp_path / "out")
        await qemu.power(guest.id, Power.RUNNING)
        await qemu.snapshot(guest.id, tmp_path / "moved", "raw")
        await qemu.destroy(guest.id)
        assert (tmp_path / "moved").read_bytes().startswith(header.read_bytes())
    for file in ("raw", "qcow2", "moved"):
        assert SECRET not in (tmp_path / file).read_bytes()


async def told(home: Path, state: Path, tmp_path: Path) -> list[str]:
    """What qemu-img is told in a guest's life, and the limits that it runs within: one line per call."""
    log, tool = tmp_path / "log", tmp_path / "qemu-img"
    tool.write_text(f'#!/bin/sh\necho "$(ulimit -v) $(ulimit -t) $*" >> {log}\nexec {shutil.which("qemu-img")} "$@"\n')
    tool.chmod(0o755)
    async with started(state, image_tool=str(tool)) as qemu:
        guest = make_spec(home, 1)
        await qemu.spawn(guest)
        await qemu.power(guest.id, Power.SHUTDOWN)
        await qemu.snapshot(guest.id, tmp_path / "copy", "qcow2")
        await qemu.resize(replace(guest, root=replace(guest.root, size_gib=1)))
        await qemu.revert_resize(guest.id)
        (tmp_path / "out").mkdir()
        await qemu.export(guest.id, tmp_path / "out")
        await qemu.destroy(guest.id)
        await qemu.import_(replace(guest, root=replace(guest.root, size_gib=1)), tmp_path / "out")
        await qemu.destroy(guest.id)
    return log.read_text().splitlines()


async def test_cve_2026_24708_every_tool_is_told_the_format(home, state, tmp_path):
    """Row 6."""
    lines = await told(home, state, tmp_path)
    commands = {line.split()[2] for line in lines}
    assert {"create", "resize", "convert"} <= commands, commands
    for words in (line.split() for line in lines):
        assert "-f" in words or any(word.startswith("json:") for word in words), words
        assert "-b" not in words or "-F" in words, words


async def test_ossa_2016_012_every_tool_runs_within_limits(home, state, tmp_path):
    """Row 7."""
    lines = await told(home, state, tmp_path)
    assert lines and all("unlimited" not in line.split()[:2] for line in lines), lines
    with pytest.raises(HypervisorFailed):
        await disks.run_tool("try", "sleep", "60", timeout_s=0.1)
