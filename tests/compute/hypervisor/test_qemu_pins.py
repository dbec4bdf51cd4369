"""Dedicated processors: who gets which, and real threads that run there."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import HypervisorFailed, Power
from pileus.compute.hypervisor.qemu.cells import host_cells
from pileus.compute.hypervisor.qemu.layout import Record
from pileus.compute.hypervisor.qemu.pins import Pins
from pileus.compute.hypervisor.topology import Cell
from tests.compute.hypervisor.qemu_host import started
from tests.compute.hypervisor.tiny_guest import make_spec

CELL = Cell(id=0, cpus=tuple(range(8)), siblings=((0, 4), (1, 5), (2, 6), (3, 7)), memory_mb=1024)


def spec(n: int, own: str, **properties: str):
    return Record(spec=make_spec(Path("/images"), n, properties={"hw_cpu_dedicated": own, **properties}))


def test_guests_get_neighbours_and_never_the_same_processor():
    pins = Pins((CELL,), dedicated=[1, 2, 5, 6])
    first = pins.take(spec(1, "0,1"))
    assert set(first) == {0, 1} and set(first.values()) in ({1, 5}, {2, 6}), "both threads of one core"
    assert pins.take(spec(1, "0,1")) == first, "what it has it keeps"
    second = pins.take(spec(2, "0"))
    assert not set(second.values()) & set(first.values())
    with pytest.raises(HypervisorFailed):
        pins.take(spec(3, "0,1"))
    pins.release(spec(1, "").spec.id)
    assert len(pins.take(spec(3, "0,1"))) == 2
    assert pins.shared == {0, 3, 4, 7}


def test_who_wants_to_be_alone_leaves_the_other_thread_empty():
    pins = Pins((CELL,), dedicated=[1, 2, 5, 6])
    pins.take(spec(1, "0", hw_cpu_thread_policy="isolate"))
    assert pins.taken() in ({1, 5}, {2, 6})
    pins.take(spec(2, "0"))
    with pytest.raises(HypervisorFailed):
        pins.take(spec(3, "0", hw_cpu_thread_policy="isolate"))
    pins.take(spec(4, "0"))


def test_without_dedicated_processors_nobody_gets_one_and_others_are_free():
    for pins in (Pins((CELL,)), Pins((), dedicated=[1])):
        assert pins.take(spec(1, "")) == {} and pins.taken() == set()
        with pytest.raises(HypervisorFailed):
            pins.take(spec(2, "0"))


def test_a_guest_that_is_resized_gets_what_it_needs_now():
    pins = Pins((CELL,), dedicated=[1, 2])
    pins.take(spec(1, "0"))
    assert set(pins.take(spec(1, "0,1"))) == {0, 1}
    assert pins.take(spec(1, "")) == {} and pins.taken() == set()


def threads(pid: int) -> list[set[int]]:
    return [os.sched_getaffinity(int(task)) for task in os.listdir(f"/proc/{pid}/task")]


@pytest.mark.qemu
@pytest.mark.realtime
@pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU")
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2 or not host_cells(1), reason="needs two processors in one NUMA cell")
async def test_real_cpus_run_on_their_processor_and_the_rest_elsewhere(home, state):
    async with started(state, cpu_dedicated=[1]) as qemu:
        own = make_spec(home, 1, properties={"hw_cpu_dedicated": "1"})
        first = await qemu.spawn(replace(own, vcpus=2))
        second = await qemu.spawn(make_spec(home, 2))
        assert threads(first.pid).count({1}) == 1 and all(1 not in place for place in threads(second.pid))
        (cell,) = (await qemu.inventory()).cells
        assert cell.pinned == (1,) and cell.cpus_used == 2
        with pytest.raises(HypervisorFailed) as failed:
            await qemu.spawn(make_spec(home, 3, properties={"hw_cpu_dedicated": "0"}))
        assert "0 are free" in failed.value.detail
        await qemu.power(own.id, Power.SHUTDOWN)
        assert (await qemu.inventory()).cells[0].pinned == (1,), "also while it is off"
        await qemu.power(own.id, Power.RUNNING)
    async with started(state, cpu_dedicated=[1]) as qemu:
        assert (await qemu.inventory()).cells[0].pinned == (1,), "also for the next agent"
        await qemu.destroy(own.id)
        assert (await qemu.inventory()).cells[0].pinned == ()
