"""Conversion: only of what was inspected, only to what is allowed, and nothing stays behind."""

import shutil

import pytest
from tests.image.formats import images
from tests.image.formats.images import MIB

from pileus.cli.image import convert as command
from pileus.core.errors import Invalid
from pileus.image.formats import inspect, qemu_img
from pileus.image.plugins.conversion import TARGETS, ConvertedTooLarge, convert

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")
DATA = b"something" * 50_000 + bytes(40 * MIB)


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk.raw"
    path.write_bytes(DATA.ljust(48 * MIB, b"\0"))
    return path


@pytest.mark.realtime
@pytest.mark.parametrize("target", TARGETS)
async def test_there_and_back(disk, tmp_path, target):
    there, back, heard = tmp_path / "there", tmp_path / "back", []
    await convert(disk, "raw", there, target, most_bytes=64 * MIB, progress=heard.append)
    found = inspect(there)
    assert (found.format, found.safe) == (target, True)
    assert heard == sorted(heard) and heard[-1] == 100
    await convert(there, target, back, "raw", most_bytes=64 * MIB)
    assert back.read_bytes()[:len(DATA)] == DATA and back.stat().st_blocks * 512 < 8 * MIB


@pytest.mark.realtime
@pytest.mark.parametrize("declared, data", [
    ("qcow2", images.qcow2(backing=b"/etc/passwd")), ("qcow2", images.qcow2(incompatible=4)), ("raw", images.qcow2()),
    ("vmdk", images.vmdk(images.DESCRIPTOR.replace("monolithicSparse", "monolithicFlat"))), ("qcow2", b"raw"), ("exe", b"raw"),
])
async def test_rows_1_to_4_what_is_dangerous_never_comes_to_the_tool(tmp_path, monkeypatch, declared, data):
    async def never(*args, **options):
        raise AssertionError(args)

    monkeypatch.setattr(qemu_img, "convert", never)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)
    with pytest.raises(Invalid):
        await convert(source, declared, target, "raw", most_bytes=1 << 40)
    assert not target.exists()


@pytest.mark.realtime
async def test_rows_7_and_41_a_disk_larger_than_allowed_is_not_written(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(images.qcow2(size=1 << 40, l1_size=2048, total=1 << 20))
    with pytest.raises(ConvertedTooLarge):
        await convert(source, "qcow2", target, "raw", most_bytes=1 << 30)
    assert not target.exists()


@pytest.mark.realtime
async def test_what_grows_beyond_its_limit_leaves_nothing(disk, tmp_path):
    target = tmp_path / "target"
    disk.write_bytes(bytes(range(1, 256)) * 20_000)
    with pytest.raises(Invalid, match="cannot be converted"):
        await convert(disk, "raw", target, "qcow2", most_bytes=MIB)
    assert not target.exists()


def test_the_command(disk, tmp_path, capsys):
    there = tmp_path / "there.qcow2"
    assert command(disk, there, from_="raw", to="qcow2") == 0
    assert inspect(there).format == "qcow2" and str(there.stat().st_size) in capsys.readouterr().out
    assert command(disk, there, from_="raw", to="qcow2") == 1 and "exists" in capsys.readouterr().err
    assert command(there, tmp_path / "x", from_="raw") == 1 and "declared as raw" in capsys.readouterr().err
    assert command(there, tmp_path / "x", from_="qcow2", to="exe") == 1
    assert not (tmp_path / "x").exists()
