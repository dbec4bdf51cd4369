"""Huge pages: how many a host has, and a real guest whose memory is made of them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import HypervisorFailed, Power
from pileus.compute.hypervisor.qemu.pages import HUGEPAGES, count, kept
from pileus.compute.hypervisor.qemu.pins import Pins
from pileus.compute.hypervisor.topology import Cell, Pages
from tests.compute.hypervisor.qemu_host import started
from tests.compute.hypervisor.tiny_guest import make_spec


def spec(wanted: str, memory_mb: int = 16):
    return replace(make_spec(Path("/images"), 1, properties={"hw_pages": wanted} if wanted else {}), memory_mb=memory_mb)


def test_what_a_host_keeps(tmp_path):
    for size, total, free in ((2048, 8, 5), (1048576, 0, 0)):
        folder = tmp_path / f"hugepages-{size}kB"
        folder.mkdir()
        (folder / "nr_hugepages").write_text(f"{total}\n")
        (folder / "free_hugepages").write_text(f"{free}\n")
    assert kept(tmp_path) == {2048: (8, 5)}
    assert kept(tmp_path / "nowhere") == {}
    assert count({2048: (8, 8)}, [(2048, 6), (0, 100)]) == (Pages(size_kib=2048, total=8, used=3),), "also of guests that are off"
    assert count({2048: (8, 1)}, [(2048, 6)]) == (Pages(size_kib=2048, total=8, used=7),), "others took some"


def test_which_size_a_guest_gets():
    here, pins = {0: {2048: (8, 8), 1048576: (2, 1)}}, Pins((Cell(id=0, cpus=(0, 1), memory_mb=4096),))

    def choose(spec):
        size, nodes = pins.settle(spec, here)
        assert nodes == (), "there is but one cell"
        return size

    assert choose(spec("")) == 0
    assert choose(spec("2048")) == choose(spec("large")) == choose(spec("any")) == 2048
    assert choose(spec("large", 1024)) == 1048576
    assert choose(spec("any", 2048)) == 0
    for wanted, memory_mb in (("2048", 17), ("2048", 18), ("large", 2048), ("1048576", 16), ("512", 16)):
        with pytest.raises(HypervisorFailed):
            choose(spec(wanted, memory_mb))


@pytest.fixture
def two_mb_pages():
    """Enough for one tiny guest and a half."""
    file = HUGEPAGES / "hugepages-2048kB" / "nr_hugepages"
    before = file.read_text()
    file.write_text("12")
    try:
        if int(file.read_text()) != 12:
            pytest.skip("this host has no memory to spare for huge pages")
        yield
    finally:
        file.write_text(before)


@pytest.mark.qemu
@pytest.mark.root
@pytest.mark.realtime
@pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU")
@pytest.mark.skipif(os.geteuid() != 0 or not (HUGEPAGES / "hugepages-2048kB").exists(), reason="keeps huge pages")
async def test_a_guest_of_huge_pages(home, state, two_mb_pages):
    wanted = {"hw_pages": "2048"}
    async with started(state) as qemu:
        (cell,) = (await qemu.inventory()).cells
        assert cell.pages == (Pages(size_kib=2048, total=12, used=0),)
        guest = make_spec(home, 1, properties=wanted)
        assert (await qemu.spawn(guest)).power is Power.RUNNING
        assert kept()[2048][1] == 4, "its memory is made of them"
        with pytest.raises(HypervisorFailed) as failed:
            await qemu.spawn(make_spec(home, 2, properties=wanted))
        assert "huge pages" in str(failed.value)
        await qemu.power(guest.id, Power.SUSPENDED)
        assert (await qemu.power(guest.id, Power.RUNNING)).power is Power.RUNNING
        await qemu.power(guest.id, Power.SHUTDOWN)
        (cell,) = (await qemu.inventory()).cells
        assert kept()[2048][1] == 12 and cell.pages[0].used == 8 and cell.memory_used_mb == 0, "its pages wait for it"
        await qemu.resize(replace(guest, properties={}))
        await qemu.power(guest.id, Power.RUNNING)
        assert (await qemu.inventory()).cells[0].pages[0].used == 0
        await qemu.destroy(guest.id)
