"""The real qemu-img: what it makes is understood, what it is told is obeyed, and no child or file stays behind."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from tests.image.formats import images
from tests.image.formats.images import MIB

from pileus.image.formats import check, inspect, qemu_img
from pileus.image.formats.qemu_img import DRIVERS, Limits, QemuImgFailed, QemuImgMissing

needs_qemu_img = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")


def tool(*args):
    subprocess.run(["qemu-img", *map(str, args)], check=True, capture_output=True, timeout=60)


@needs_qemu_img
@pytest.mark.parametrize(("driver", "declared", "options"), [
    ("raw", "raw", ""), ("qcow2", "qcow2", "compat=0.10"), ("qcow2", "qcow2", "compat=1.1,cluster_size=2M"),
    ("qcow2", "qcow2", "cluster_size=512"), ("qcow2", "qcow2", "extended_l2=on"), ("qcow2", "qcow2", "compression_type=zstd"),
    ("vmdk", "vmdk", "subformat=monolithicSparse"), ("vmdk", "vmdk", "subformat=streamOptimized"), ("vpc", "vhd", "subformat=dynamic"),
    ("vpc", "vhd", "subformat=fixed"), ("vhdx", "vhdx", "subformat=dynamic"), ("vhdx", "vhdx", "subformat=fixed"),
    ("vdi", "vdi", "static=off"), ("vdi", "vdi", "static=on"), ("parallels", "ploop", ""),
])
def test_images_of_qemu_are_understood(tmp_path, driver, declared, options):
    source, image = tmp_path / "source", tmp_path / "image"
    source.write_bytes(os.urandom(MIB) + bytes(33 * MIB))
    tool("convert", "-f", "raw", "-O", driver, *(["-o", options] if options else []), source, image)
    found = inspect(image)
    check(declared, found)
    told = asyncio.run(qemu_img.info(str(image), declared))
    assert (told.format, told.virtual_size) == (driver, found.virtual_size)


@needs_qemu_img
@pytest.mark.parametrize(("driver", "options"), [
    ("qcow2", ["-o", "data_file=other"]), ("qcow2", ["-b", "base", "-F", "raw"]), ("vmdk", ["-o", "subformat=monolithicFlat"]),
    ("vmdk", ["-o", "subformat=twoGbMaxExtentSparse"]), ("vmdk", ["-o", "subformat=twoGbMaxExtentFlat"]), ("qcow", []), ("qed", []),
    ("vmdk", ["-b", "base.vmdk", "-F", "vmdk"]),
])
def test_images_of_qemu_that_name_other_files_are_refused(tmp_path, monkeypatch, driver, options):
    monkeypatch.chdir(tmp_path)
    tool("create", "-f", "raw", "base", "1M")
    tool("create", "-f", "vmdk", "base.vmdk", "1M")
    tool("create", "-f", driver, *options, "image", "1M")
    assert not inspect("image").safe


@needs_qemu_img
@pytest.mark.parametrize("name", ["qcow2", "vmdk", "vhd", "vdi", "ploop"])
def test_images_made_by_hand_are_images_to_qemu(tmp_path, name):
    """The hand-made images of the other tests would prove little if QEMU did not take them for what they are."""
    path = tmp_path / "image"
    path.write_bytes(images.GOOD[name])
    assert asyncio.run(qemu_img.info(str(path), name)).virtual_size == images.VIRTUAL


@needs_qemu_img
def test_create_resize_convert_info(tmp_path):
    async def work():
        base, layer, flat = (str(tmp_path / name) for name in ("base", "layer", "flat"))
        await qemu_img.create(base, "qcow2", 8 * MIB)
        await qemu_img.create(layer, "qcow2", backing=base, backing_format="qcow2")
        await qemu_img.resize(layer, "qcow2", 16 * MIB)
        told = await qemu_img.info(layer, "qcow2")
        assert (told.virtual_size, told.backing_filename) == (16 * MIB, base)
        await qemu_img.convert(layer, "qcow2", flat, "raw")
        assert os.stat(flat).st_size == 16 * MIB
        await qemu_img.convert(flat, "raw", base, "qcow2", compress=True)
        assert (await qemu_img.info(base, "qcow2", in_use=True)).virtual_size == 16 * MIB
        with pytest.raises(QemuImgFailed):
            await qemu_img.resize(layer, "qcow2", MIB)
    asyncio.run(work())


@needs_qemu_img
def test_cve_2026_24708_a_raw_disk_with_a_header_in_it_stays_raw(tmp_path):
    """Row 6, OSSA-2026-002: a guest wrote a qcow2 header with a backing file over its raw disk: no command may believe it."""
    disk, copy = tmp_path / "disk", tmp_path / "copy"
    disk.write_bytes(images.qcow2(backing=b"/etc/passwd"))

    async def work():
        assert (await qemu_img.info(str(disk), "raw")).format == "raw"
        await qemu_img.resize(str(disk), "raw", 2 * MIB)
        await qemu_img.convert(str(disk), "raw", str(copy), "raw")
    asyncio.run(work())
    assert disk.stat().st_size == 2 * MIB
    assert copy.read_bytes() == disk.read_bytes()


@needs_qemu_img
def test_a_file_that_grows_too_large_is_removed(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"x" * 4 * MIB)
    with pytest.raises(QemuImgFailed) as raised:
        asyncio.run(qemu_img.convert(str(source), "raw", str(target), "qcow2", limits=Limits(file_size_mb=1)))
    assert raised.value.detail
    assert not target.exists()


@needs_qemu_img
def test_a_failure_keeps_a_file_that_was_there_before(tmp_path):
    target = tmp_path / "target"
    target.write_bytes(b"x")
    with pytest.raises(QemuImgFailed):
        asyncio.run(qemu_img.convert(str(tmp_path / "absent"), "raw", str(target), "qcow2"))
    assert target.exists()


@pytest.mark.parametrize("path", ["nbd://host/x", "json:{}", "image", "", "/a\0b"])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(ValueError, match="absolute"):
        asyncio.run(qemu_img.info(path, "raw"))


def test_a_format_is_never_left_to_the_tool():
    for format in ("", "auto", "nbd", "host_device"):
        with pytest.raises(ValueError, match="disk format"):
            asyncio.run(qemu_img.info("/x", format))
    with pytest.raises(ValueError, match="backing"):
        asyncio.run(qemu_img.create("/x", "qcow2", backing="/y"))
    with pytest.raises(ValueError, match="size"):
        asyncio.run(qemu_img.create("/x", "qcow2"))


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A stand-in for the tool that misbehaves as told."""
    def make(script):
        path = tmp_path / "bin" / "qemu-img"
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n" + script)
        path.chmod(path.stat().st_mode | stat.S_IEXEC)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
        return tmp_path
    return make


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("script", ["sleep 60 & echo $! > {dir}/pids; echo $$ >> {dir}/pids; wait", "echo $$ > {dir}/pids; exec yes"])
def test_a_tool_that_hangs_or_babbles_is_ended_with_its_children(fake, tmp_path, script):
    fake(script.format(dir=tmp_path))
    with pytest.raises(QemuImgFailed) as raised:
        asyncio.run(qemu_img.info("/x", "raw", limits=Limits(timeout_s=1)))
    assert raised.value.detail
    for pid in (tmp_path / "pids").read_text().split():
        assert not alive(int(pid)) or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


def test_a_cancelled_call_leaves_no_child_and_no_file(fake, tmp_path):
    fake(f"echo $$ > {tmp_path}/pid; touch {tmp_path}/target; touch {tmp_path}/ready; sleep 60")

    async def work():
        call = asyncio.create_task(qemu_img.create(str(tmp_path / "target"), "raw", MIB))
        async with asyncio.timeout(10):
            while not (tmp_path / "ready").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    asyncio.run(work())
    assert not alive(int((tmp_path / "pid").read_text()))
    assert not (tmp_path / "target").exists()


def test_ossa_2016_012_the_child_has_limits(fake):
    fake("""printf '{"format":"%s-%s-%s","virtual-size":0}' "$(ulimit -v)" "$(ulimit -t)" "$(ulimit -c)" """)
    told = asyncio.run(qemu_img.info("/x", "raw", limits=Limits(address_space_mb=512, cpu_s=7)))
    assert told.format == f"{512 << 10}-7-0"


def test_nonsense_from_the_tool_is_a_failure(fake):
    fake("echo nonsense")
    with pytest.raises(QemuImgFailed):
        asyncio.run(qemu_img.info("/x", "raw"))


def test_a_missing_tool_is_said_to_be_missing(monkeypatch, tmp_path):
    os.symlink(shutil.which("prlimit"), tmp_path / "prlimit")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(QemuImgMissing):
        asyncio.run(qemu_img.info("/x", "raw"))
    (tmp_path / "prlimit").unlink()
    with pytest.raises(QemuImgMissing):
        asyncio.run(qemu_img.info("/x", "raw"))


@needs_qemu_img
def test_what_is_called_safe_is_no_more_than_it_says_to_qemu(tmp_path):
    """Headers with a few wrong bytes: where QEMU opens what we call safe, it sees no other file and no larger disk."""
    chance, opened = random.Random(7), 0
    path = tmp_path / "image"
    for _ in range(120):
        name = chance.choice(["qcow2", "vmdk", "vhd", "vdi", "ploop"])
        data = bytearray(images.GOOD[name])
        for _ in range(2):
            data[chance.randrange(chance.choice([120, 1500]))] = chance.choice([0, 1, 2, 255])
        path.write_bytes(data)
        found = inspect(path)
        if found.safe and found.format in DRIVERS:
            with contextlib.suppress(QemuImgFailed):
                told = asyncio.run(qemu_img.info(str(path), found.format))
                opened += 1
                assert told.backing_filename is None
                assert told.virtual_size <= found.virtual_size + 511
    assert opened > 20
