"""NUMA cells against a reference that tries every arrangement, and what flavors and images may ask for."""

# SPDX-License-Identifier: Apache-2.0
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.compute.errors import NumaInvalid
from pileus.compute.hypervisor.topology import Cell, Pages, PciPool
from pileus.compute.model.numa import GuestCell, cpu_set, guest_cells
from pileus.compute.scheduler.filters import FILTERS
from pileus.compute.scheduler.request import PciDevice, PciRequest, ServerRequest
from pileus.compute.scheduler.snapshot import Host, Hosts

MB2 = 2048


@st.composite
def host_cells(draw):
    found, at = [], 0
    for id in range(draw(st.integers(0, 3))):
        cores = draw(st.integers(0, 3))
        threads = list(range(at, at + 2 * cores))
        at += 2 * cores
        pinned = draw(st.frozensets(st.sampled_from(threads))) if threads else frozenset()
        found.append(Cell(
            id=id, cpus=tuple(range(100, 100 + draw(st.integers(0, 2)))), cpus_used=draw(st.integers(0, 6)), dedicated=tuple(threads),
            pinned=tuple(sorted(pinned)), siblings=tuple(zip(threads[::2], threads[1::2], strict=True)),
            memory_mb=1024, memory_used_mb=draw(st.sampled_from([0, 512, 1000])),
            pages=(Pages(size_kib=MB2, total=256, used=draw(st.sampled_from([0, 200]))),) if draw(st.booleans()) else ()))
    return tuple(found)


GUEST = st.lists(st.builds(
    lambda cpus, own, memory, threads, pages: GuestCell(
        id=0, cpus=tuple(range(cpus)), dedicated=frozenset(range(min(own, cpus))), memory_mb=memory, threads=threads, pages=pages),
    st.integers(1, 4), st.integers(0, 4), st.sampled_from([128, 300, 512]), st.sampled_from(["prefer", "isolate", "require"]),
    st.sampled_from(["small", "large", "any", MB2, 4, 1048576])), min_size=1, max_size=3).map(tuple)


def room(cell: Cell, guest: GuestCell) -> bool:
    """Whether this cell could hold that one, told thread by thread."""
    free = set(cell.dedicated) - set(cell.pinned)
    own, shared = len(guest.dedicated), len(guest.cpus) - len(guest.dedicated)
    if not cell.cpus and not cell.dedicated:
        return False
    if own:
        whole = [core for core in cell.siblings if set(core) <= free]
        have = {"prefer": len(free), "isolate": len(whole), "require": 2 * len(whole)}[guest.threads]
        if have < own:
            return False
    if shared and (len(cell.cpus) < shared or cell.cpus_used + shared > 4 * len(cell.cpus)):
        return False
    plain = cell.memory_used_mb + guest.memory_mb <= cell.memory_mb
    huge = any((p.total - p.used) * p.size_kib >= guest.memory_mb * 1024 and guest.memory_mb * 1024 % p.size_kib == 0
               and guest.pages in ("any", "large", p.size_kib) for p in cell.pages)
    return {"small": plain, 4: plain, "any": plain or huge}.get(guest.pages, huge)


@settings(max_examples=400)
@given(st.lists(host_cells(), min_size=1, max_size=4), GUEST)
def test_a_host_fits_when_some_arrangement_does(clouds, guest):
    hosts = Hosts()
    for at, cells in enumerate(clouds):
        hosts.put(Host(id=str(at), host=str(at), vcpus=8, memory_mb=8192, cells=cells))
    request = ServerRequest(vcpus=1, memory_mb=1, cells=guest)
    mask = FILTERS["NUMATopologyFilter"].keeps(hosts, request) & hosts.present
    expected = [any(all(room(c, g) for c, g in zip(chosen, guest, strict=True)) for chosen in permutations(cells, len(guest)))
                for cells in clouds]
    assert mask[[hosts.row_of[str(at)] for at in range(len(clouds))]].tolist() == expected


@given(st.lists(host_cells(), min_size=1, max_size=4))
def test_a_host_that_goes_leaves_its_row_empty(clouds):
    hosts = Hosts()
    for cells in clouds:
        hosts.put(Host(id="a", host="a", vcpus=8, memory_mb=8192, cells=cells))
    hosts.remove("a")
    assert hosts.cells.hosts == 0
    assert not any(np.any(column) for column in (*hosts.cells.facts.values(), *hosts.cells.pages.values()))


def test_several_servers_of_one_request_share_the_cells():
    import random

    from pileus.compute.scheduler.rank import rank

    hosts = Hosts()
    hosts.put(Host(id="a", host="a", vcpus=8, memory_mb=8192, pcpus=8, cells=(
        Cell(id=0, dedicated=(0, 1, 2, 3), memory_mb=4096), Cell(id=1, dedicated=(4, 5, 6, 7), memory_mb=4096))))
    cells = guest_cells(3, 1024, {"hw:cpu_policy": "dedicated"}, {})
    request = ServerRequest(vcpus=0, pcpus=3, memory_mb=1024, cells=cells, num_instances=3)
    ranking = rank(hosts, request, chance=random.Random(1))
    assert len(ranking.chosen) == 2
    assert hosts.at(0).cells[0].pinned == ()


def asked(**specs):
    return {f"hw:{key.replace('__', '.')}": value for key, value in specs.items()}


def test_cells_of_a_guest():
    assert guest_cells(4, 1024, {}, {}) == ()
    two = guest_cells(4, 1024, asked(numa_nodes="2"), {})
    assert [(c.cpus, c.memory_mb, c.dedicated) for c in two] == [((0, 1), 512, frozenset()), ((2, 3), 512, frozenset())]
    uneven = guest_cells(4, 1024, asked(numa_nodes="2", numa_cpus__0="0", numa_cpus__1="1-3", numa_mem__0="256", numa_mem__1="768"), {})
    assert [(c.cpus, c.memory_mb) for c in uneven] == [((0,), 256), ((1, 2, 3), 768)]
    mixed, = guest_cells(4, 1024, asked(cpu_policy="mixed", cpu_dedicated_mask="^0,0-2"), {})
    assert mixed.dedicated == {1, 2}
    huge, = guest_cells(1, 1024, asked(mem_page_size="large"), {"hw_mem_page_size": "2MB"})
    assert huge.pages == 2048
    assert guest_cells(2, 64, asked(cpu_policy="dedicated"), {"hw_cpu_thread_policy": "isolate"})[0].threads == "isolate"


@pytest.mark.parametrize(("specs", "properties"), [
    (asked(numa_nodes="3"), {}), (asked(numa_nodes="9"), {}), (asked(numa_nodes="0"), {}), (asked(numa_nodes="x"), {}),
    (asked(numa_nodes="2", numa_cpus__0="0-3"), {}), (asked(numa_nodes="2", numa_mem__0="1", numa_mem__1="1"), {}),
    (asked(numa_nodes="2", numa_cpus__0="0-1", numa_cpus__1="1-3"), {}), (asked(cpu_policy="own"), {}),
    (asked(cpu_policy="mixed"), {}), (asked(cpu_policy="dedicated", cpu_dedicated_mask="0"), {}),
    (asked(cpu_policy="mixed", cpu_dedicated_mask="0-3"), {}), (asked(cpu_policy="mixed", cpu_dedicated_mask="4"), {}),
    (asked(cpu_policy="shared"), {"hw_cpu_policy": "dedicated"}), ({}, {"hw_mem_page_size": "large"}),
    (asked(mem_page_size="many"), {}), (asked(mem_page_size="0"), {}),
    (asked(cpu_thread_policy="isolate", numa_nodes="1"), {}), (asked(numa_nodes="2", numa_cpus__0="3-1", numa_cpus__1="0"), {}),
])
def test_wishes_that_make_no_sense_are_refused(specs, properties):
    with pytest.raises(NumaInvalid):
        guest_cells(4, 1024, specs, properties)


def test_cpu_sets():
    assert cpu_set("0-3,^2, 6", range(8)) == [0, 1, 3, 6]


def pci_hosts(pools, *wanted):
    hosts = Hosts()
    hosts.put(Host(id="a", host="a", vcpus=1, memory_mb=1, pci=pools))
    hosts.put(Host(id="b", host="b", vcpus=1, memory_mb=1))
    mask = FILTERS["PciPassthroughFilter"].keeps(hosts, ServerRequest(vcpus=1, memory_mb=1, pci=wanted))
    return "".join(host.host for row, host in enumerate(hosts.rows) if host and mask[row])


def test_pci_devices_are_counted_together():
    pools = (PciPool(vendor_id="1", product_id="1", count=2), PciPool(vendor_id="1", product_id="2", count=1, dev_type="type-VF"))
    gpu, any_of_1 = PciDevice(vendor_id="1", product_id="1"), PciDevice(vendor_id="1")
    assert pci_hosts(pools) == "ab"
    assert pci_hosts(pools, PciRequest(count=2, devices=(gpu,))) == "a"
    assert pci_hosts(pools, PciRequest(count=3, devices=(gpu,))) == ""
    assert pci_hosts(pools, PciRequest(count=3, devices=(any_of_1,))) == "a"
    assert pci_hosts(pools, PciRequest(count=2, devices=(gpu,)), PciRequest(count=2, devices=(any_of_1,))) == ""
    assert pci_hosts(pools, PciRequest(count=1, devices=(PciDevice(device_type="type-VF"),))) == "a"
