"""What the driver believes of an image before QEMU opens it, and the drives it makes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
import struct
import subprocess

import pytest

from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed, RootDisk
from pileus.compute.hypervisor.qemu import disks
from pileus.compute.hypervisor.qemu.disks import GIB, make_config_drive, make_disks, virtual_size
from pileus.compute.hypervisor.qemu.layout import Folder

needs_qemu_img = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="needs qemu-img")


def qcow2(*, size=GIB, backing=0, features=0, version=3) -> bytes:
    header = struct.pack(">4sIQIIQ", b"QFI\xfb", version, backing, 0, 16, size)
    return header.ljust(72, b"\0") + struct.pack(">Q", features) + bytes(400)


@pytest.mark.parametrize(
    ("content", "format", "size"),
    [
        (bytes(1000), "raw", 1000),
        (qcow2(), "raw", len(qcow2())),
        (qcow2(size=5 * GIB), "qcow2", 5 * GIB),
        (qcow2(version=2), "qcow2", GIB),
    ],
)
def test_the_size_of_a_disk(tmp_path, content, format, size):
    (tmp_path / "image").write_bytes(content)
    assert virtual_size(tmp_path / "image", format) == size


@pytest.mark.parametrize(
    ("content", "format", "complaint"),
    [
        (qcow2(backing=512), "qcow2", "refers to another file"),
        (qcow2(features=4), "qcow2", "refers to another file"),
        (bytes(1000), "qcow2", "not a qcow2 image"),
        (b"QFI\xfb", "qcow2", "not a qcow2 image"),
        (b"KDMV" + bytes(1000), "vmdk", "not a vmdk image"),
        (None, "raw", "No such file"),
    ],
)
def test_an_image_that_lies_is_refused(tmp_path, content, format, complaint):
    if content is not None:
        (tmp_path / "image").write_bytes(content)
    with pytest.raises(HypervisorFailed) as failed:
        virtual_size(tmp_path / "image", format)
    assert complaint in failed.value.detail


def spec(tmp_path, **fields) -> GuestSpec:
    (tmp_path / "image").write_bytes(bytes(1000))
    root = RootDisk(base=str(tmp_path / "image"), format="raw", size_gib=fields.pop("size_gib", 0))
    return GuestSpec(id="g", name="g", vcpus=1, memory_mb=16, root=root, **fields)


@needs_qemu_img
@pytest.mark.realtime
@pytest.mark.parametrize(("size_gib", "size"), [(0, 1024), (2, 2 * GIB)])
async def test_the_root_disk_is_a_layer_of_the_wanted_size(tmp_path, size_gib, size):
    folder = Folder(tmp_path)
    await make_disks(spec(tmp_path, size_gib=size_gib), folder, "qemu-img")
    info = subprocess.run(["qemu-img", "info", "-f", "qcow2", folder.disk], capture_output=True, check=True, text=True).stdout
    assert f"({size} bytes)" in info and "backing file format: raw" in info
    assert not folder.config_drive.exists() and not folder.swap.exists()


async def test_an_image_whose_disk_is_larger_than_the_flavors_is_refused(tmp_path):
    small = spec(tmp_path, size_gib=1)
    with open(small.root.base, "wb") as image:
        image.truncate(GIB + 512)
    with pytest.raises(HypervisorFailed) as failed:
        await make_disks(small, Folder(tmp_path), "qemu-img")
    assert "the flavor's 1073741824" in failed.value.detail


@needs_qemu_img
@pytest.mark.realtime
async def test_extra_disks_carry_the_labels_that_guests_look_for(tmp_path):
    folder = Folder(tmp_path)
    await make_disks(spec(tmp_path, ephemeral_gib=1, swap_mb=16), folder, "qemu-img")
    with open(folder.ephemeral, "rb") as file:
        assert b"ephemeral0" in file.read(4096) and file.seek(0, 2) == GIB
    assert folder.swap.stat().st_size == 16 << 20 and b"SWAPSPACE2" in folder.swap.read_bytes()[:8192]


@pytest.mark.realtime
@pytest.mark.parametrize("tool", disks.ISO_TOOLS)
async def test_the_config_drive_has_its_label_and_every_file(tmp_path, monkeypatch, tool):
    if shutil.which(tool) is None:
        pytest.skip(f"needs {tool}")
    monkeypatch.setattr(disks, "ISO_TOOLS", (tool,))
    drive = {"openstack/latest/meta_data.json": b'{"uuid": "g"}', "openstack/2012-08-10/user_data": b"#!/bin/sh\n"}
    await make_config_drive(drive, Folder(tmp_path))
    image = Folder(tmp_path).config_drive.read_bytes()
    assert image[0x8001:0x8006] == b"CD001" and image[0x8028:0x8030] == b"config-2"
    assert b'{"uuid": "g"}' in image and "meta_data.json".encode("utf-16-be") in image
    assert sorted(file.name for file in tmp_path.iterdir()) == ["config.iso"]
    await make_config_drive(None, Folder(tmp_path))
    assert not Folder(tmp_path).config_drive.exists()


@pytest.mark.realtime
async def test_a_tool_that_fails_or_is_missing_is_a_clear_error(tmp_path, monkeypatch):
    with pytest.raises(HypervisorFailed) as failed:
        await make_disks(spec(tmp_path), Folder(tmp_path), "/nowhere/qemu-img")
    assert "/nowhere/qemu-img" in failed.value.detail
    monkeypatch.setattr(disks, "ISO_TOOLS", ("no-such-tool",))
    with pytest.raises(HypervisorFailed) as failed:
        await make_config_drive({}, Folder(tmp_path))
    assert "no-such-tool" in failed.value.detail


@pytest.mark.realtime
async def test_a_tool_runs_within_limits():
    with pytest.raises(HypervisorFailed) as failed:
        await disks.run_tool("try", "sh", "-c", 'echo "$(ulimit -v) $(ulimit -t) $(ulimit -c)" >&2; exit 3')
    assert failed.value.detail == "1048576 30 0"
    with pytest.raises(HypervisorFailed) as failed:
        await disks.run_tool("try", "sleep", "60", timeout_s=0.1)
    assert "did not end" in failed.value.detail
