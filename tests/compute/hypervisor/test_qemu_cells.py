"""Hosts with several NUMA cells: what is read of them, where guests are put, and a real guest with two cells."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from pileus.compute.hypervisor.base import HypervisorFailed, Power
from pileus.compute.hypervisor.qemu.cells import host_cells, numbers, parts_of
from pileus.compute.hypervisor.qemu.command import command
from pileus.compute.hypervisor.qemu.layout import Folder, Record
from pileus.compute.hypervisor.qemu.pages import kept_in
from pileus.compute.hypervisor.qemu.pins import Pins
from pileus.compute.hypervisor.qemu.probe import Abilities
from pileus.compute.hypervisor.topology import Cell, Pages
from tests.compute.hypervisor.qemu_host import started
from tests.compute.hypervisor.tiny_guest import make_spec

GIB = 1024 * 1024
HOST = Abilities(binary="/usr/bin/qemu", version=(7, 2, 0), sandbox=True)


def host(root: Path, nodes: dict[int, tuple[str, int]], huge: dict[int, tuple[int, int]] | None = None) -> Path:
    """The kernel's files for nodes (CPU list, MiB), two threads a core, and pages of 2 MiB (total, free)."""
    for number, (cpus, memory_mb) in nodes.items():
        folder = root / "node" / f"node{number}"
        folder.mkdir(parents=True)
        (folder / "cpulist").write_text(f"{cpus}\n")
        (folder / "meminfo").write_text(f"Node {number} MemTotal:       {memory_mb * 1024} kB\nNode {number} MemFree:  1 kB\n")
        total, free = (huge or {}).get(number, (0, 0))
        pages = folder / "hugepages" / "hugepages-2048kB"
        pages.mkdir(parents=True)
        (pages / "nr_hugepages").write_text(f"{total}\n")
        (pages / "free_hugepages").write_text(f"{free}\n")
        for cpu in numbers(cpus):
            topology = root / "cpu" / f"cpu{cpu}" / "topology"
            topology.mkdir(parents=True)
            (topology / "thread_siblings_list").write_text(f"{cpu - cpu % 2}-{cpu - cpu % 2 + 1}\n")
    (root / "node" / "online").write_text("0-1\n")
    return root


def guest(n: int, cells: str, own: str = "", **fields):
    memory = sum(int(cell.partition(":")[2]) for cell in cells.split(";"))
    vcpus = sum(len(cell.partition(":")[0].split(",")) for cell in cells.split(";"))
    properties = {"hw_numa": cells, "hw_cpu_dedicated": own, **fields}
    return replace(make_spec(Path("/images"), n, properties={k: v for k, v in properties.items() if v}), vcpus=vcpus, memory_mb=memory)


def seated(pins: Pins, spec, kept=None) -> tuple[Record, dict[int, int]]:
    size, nodes = pins.settle(spec, kept or {})
    record = Record(spec=spec, page_kib=size, nodes=nodes)
    return record, pins.take(record)


def test_what_the_kernel_says_of_a_host(tmp_path):
    system = host(tmp_path, {0: ("0-3", 1000), 1: ("4-5,6-7", 2000)}, {1: (8, 5)})
    cells = host_cells(3000, system, range(8))
    assert cells == (Cell(id=0, cpus=(0, 1, 2, 3), siblings=((0, 1), (2, 3)), memory_mb=1000),
                     Cell(id=1, cpus=(4, 5, 6, 7), siblings=((4, 5), (6, 7)), memory_mb=2000))
    assert kept_in(cells, system) == {0: {}, 1: {2048: (8, 5)}}
    assert host_cells(3000, system, [0, 1, 5]) == (), "a part of a host is not planned"
    assert [cell.cpus for cell in host_cells(3000, tmp_path / "nowhere", range(2))] == [(0, 1)]
    assert host_cells(1, host(tmp_path / "b", {0: ("0-1", 5), 1: ("", 7)}), range(2))[1] == Cell(id=1, memory_mb=7), "memory alone"


CELLS = (Cell(id=0, cpus=(0, 1, 2, 3), siblings=((0, 1), (2, 3)), memory_mb=1000),
         Cell(id=1, cpus=(4, 5, 6, 7), siblings=((4, 5), (6, 7)), memory_mb=2000))


def test_each_cell_of_a_guest_has_one_of_the_host():
    pins = Pins(CELLS, dedicated=[1, 2, 3, 5, 6, 7])
    record, cpus = seated(pins, guest(1, "0,1:600;2,3:600", "0,2"))
    assert sorted(record.nodes) == [0, 1]
    near = {0: {1, 2, 3}, 1: {5, 6, 7}}
    for own, node in zip((0, 2), record.nodes, strict=True):
        assert cpus[own] in near[node]
    shared = {0: {0}, 1: {4}}
    assert pins.places(record, cpus) == {0: {cpus[0]}, 2: {cpus[2]}, 1: shared[record.nodes[0]], 3: shared[record.nodes[1]]}
    with pytest.raises(HypervisorFailed):
        seated(pins, guest(2, "0:10;1:10;2:10"))
    with pytest.raises(HypervisorFailed):
        seated(pins, guest(3, "0,1,2,3:10", "0,1,2,3"))


def test_a_guest_goes_where_there_is_room_and_the_host_counts_it_there():
    pins = Pins(CELLS)
    first, _ = seated(pins, guest(1, "0,1:1500"))
    second, _ = seated(pins, guest(2, "0,1:900"))
    assert (first.nodes, second.nodes) == ((1,), (0,))
    loose = Record(spec=make_spec(Path("/images"), 3))
    near, far = pins.inventory([first, second, loose], {})
    assert (near.cpus_used, near.memory_used_mb, far.cpus_used, far.memory_used_mb) == (3, 908, 3, 1508), "what is nowhere is everywhere"
    third, _ = seated(pins, guest(4, "0,1:1800"))
    assert third.nodes == (1,), "memory may be promised twice"


def test_huge_pages_are_those_of_the_cell():
    pins, kept = Pins(CELLS), {0: {2048: (300, 300)}, 1: {2048: (300, 100)}}
    record, _ = seated(pins, guest(1, "0:400;1:200", hw_pages="large"), kept)
    assert record.page_kib == 2048 and record.nodes == (0, 1)
    with pytest.raises(HypervisorFailed):
        pins.settle(guest(2, "0:400;1:400", hw_pages="large"), kept)
    near, far = pins.inventory([record], kept)
    assert near.pages == (Pages(size_kib=2048, total=300, used=200),) and far.pages == (Pages(size_kib=2048, total=300, used=200),)
    assert near.memory_mb == 400 and near.memory_used_mb == 0


def values(argv: list[str], option: str) -> list[str]:
    return [value for name, value in itertools.pairwise(argv) if name == option]


def argv(spec, **fields) -> list[str]:
    return command(Record(spec=spec, **fields), Folder(Path("/state/guests/g")), HOST)


def memories(args: list[str]) -> list[str]:
    return [value for value in values(args, "-object") if value.startswith("memory-")]


def test_the_guest_is_told_its_cells_and_each_is_bound_to_one_of_the_host():
    two = guest(1, "0,2:512;1:256")
    bound = argv(two, nodes=(1, 0))
    assert memories(bound) == ["memory-backend-ram,id=ram0,size=512M,host-nodes=1,policy=bind",
                               "memory-backend-ram,id=ram1,size=256M,host-nodes=0,policy=bind"]
    assert values(bound, "-numa") == ["node,nodeid=0,cpus=0,cpus=2,memdev=ram0", "node,nodeid=1,cpus=1,memdev=ram1"]
    huge = argv(two, nodes=(1, 0), page_kib=2048)
    assert memories(huge)[0] == "memory-backend-memfd,id=ram0,size=512M,hugetlb=on,hugetlbsize=2048K,prealloc=on,host-nodes=1,policy=bind"
    one = guest(2, "0,1:64")
    assert memories(argv(one)) == ["memory-backend-ram,id=ram,size=64M"], "a host with one cell binds nothing"
    assert memories(argv(one, nodes=(1,))) == ["memory-backend-ram,id=ram,size=64M,host-nodes=1,policy=bind"]
    assert not values(argv(one), "-numa") and "memory-backend=ram" in values(argv(one), "-machine")
    assert not memories(argv(make_spec(Path("/images"), 3)))
    assert [part.memory_mb for part in parts_of(two)] == [512, 256]


@pytest.mark.qemu
@pytest.mark.realtime
@pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU")
async def test_a_real_guest_with_two_cells(home, state):
    """On a host that is said to have one cell with everything, so that it runs on any."""
    spec = replace(make_spec(home, 1, properties={"hw_numa": "0:16;1:16"}), vcpus=2, memory_mb=32)
    async with started(state) as qemu:
        assert (await qemu.spawn(spec)).power is Power.RUNNING
        await qemu.power(spec.id, Power.SUSPENDED)
        assert (await qemu.power(spec.id, Power.RUNNING)).power is Power.RUNNING
        await qemu.destroy(spec.id)
