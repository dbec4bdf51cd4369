"""How long one scheduling decision takes: `python -m benchmarks.scheduler [hosts]`.

Over a cloud of 10,000 hosts in three zones, half full, with 40 aggregates, 60 traits, and NUMA cells that are each taken to
another degree: the default filters and weighers, then every filter there is, each with something to say.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
import statistics
import sys
import time

from pileus.compute.hypervisor.topology import Cell, Pages, PciPool
from pileus.compute.model.numa import guest_cells
from pileus.compute.scheduler.filters import FILTERS
from pileus.compute.scheduler.rank import rank
from pileus.compute.scheduler.request import Group, PciDevice, PciRequest, ServerRequest
from pileus.compute.scheduler.snapshot import Host, Hosts, Limits

REQUESTS = {
    "plain": ServerRequest(vcpus=2, memory_mb=4096, disk_gib=40),
    "busy": ServerRequest(
        vcpus=2, memory_mb=4096, disk_gib=40, availability_zone="az1", required_traits=frozenset({"TRAIT_1"}),
        extra_specs={"capabilities:hypervisor_type": "s== QEMU", "capabilities:cpu_info:vendor": "<or> AMD <or> Intel"},
        image_properties={"hw_architecture": "x86_64", "img_hv_type": "qemu"},
        group=Group(policy="anti-affinity", hosts={f"host{at}": 1 for at in range(20)})),
    "10 servers": ServerRequest(vcpus=2, memory_mb=4096, disk_gib=40, num_instances=10),
}
#: Something for every filter.
ALL = ServerRequest(
    vcpus=2, pcpus=4, memory_mb=4096, disk_gib=40, availability_zone="az1", required_traits=frozenset({"TRAIT_1"}), project_id="p1",
    flavor_name="m1", image_id="image", different_host=("server1",), build_near_host_ip="10.0.0.1", cidr="/8",
    extra_specs={"capabilities:hypervisor_type": "s== QEMU", "capabilities:cpu_info:vendor": "<or> AMD <or> Intel",
                 "aggregate_instance_extra_specs:ssd": "true"},
    image_properties={"hw_architecture": "x86_64", "img_hv_type": "qemu", "os_distro": "debian"},
    group=Group(policy="anti-affinity", hosts={f"host{at}": 1 for at in range(20)}), query='[">=", "$free_ram_mb", 1024]',
    cells=guest_cells(4, 4096, {"hw:numa_nodes": "2", "hw:cpu_policy": "dedicated", "hw:mem_page_size": "large"}, {}),
    pci=(PciRequest(count=1, devices=(PciDevice(vendor_id="10de"),)),))


def cells(chance: random.Random) -> tuple[Cell, ...]:
    return tuple(Cell(
        id=n, cpus=tuple(range(64 * n, 64 * n + 32)), cpus_used=chance.randrange(64), dedicated=tuple(range(64 * n + 32, 64 * n + 64)),
        pinned=tuple(range(64 * n + 32, 64 * n + 32 + chance.randrange(32))), memory_mb=131072, memory_used_mb=chance.randrange(131072),
        siblings=tuple((64 * n + 32 + 2 * core, 64 * n + 33 + 2 * core) for core in range(16)),
        pages=(Pages(size_kib=2048, total=16384, used=chance.randrange(16384)),)) for n in range(2))


def cloud(count: int, seed: int = 1) -> Hosts:
    limits = Limits(isolated_hosts=frozenset({"host1"}), isolated_images=frozenset({"special"}), metrics_weights={"load": -1.0})
    chance, hosts = random.Random(seed), Hosts(limits)
    for at in range(count):
        hosts.put(Host(
            id=f"provider-{at}", host=f"host{at}", vcpus=64, vcpus_used=chance.randrange(256), memory_mb=262144,
            memory_mb_used=1024 * chance.randrange(256), memory_mb_reserved=512,
            disk_gib=4000, disk_gib_used=chance.randrange(4000),
            up=chance.random() > 0.01, enabled=chance.random() > 0.01, hypervisor_version=7002000 + 1000 * chance.randrange(3),
            capabilities={"cpu_info": {"vendor": chance.choice(["AMD", "Intel", "ARM"])}},
            pcpus=64, pcpus_used=chance.randrange(64), cells=cells(chance), metrics={"load": chance.random()},
            host_ip=f"10.{at >> 8 & 255}.{at & 255}.1", servers=frozenset({f"server{at}"}),
            pci=(PciPool(vendor_id="10de", product_id="1", count=chance.randrange(3)),) if at % 10 == 0 else (),
            traits=frozenset(f"TRAIT_{chance.randrange(60)}" for _ in range(20))))
    names = [f"host{at}" for at in range(count)]
    for at in range(40):
        metadata = {"availability_zone": f"az{at}"} if at < 3 else {"rack": str(at), "ssd": "true", "os_distro": "debian"}
        hosts.put_aggregate(str(at), metadata, names[at::3] if at < 3 else names[at::40])
    return hosts


def median_ms(work, rounds: int = 60) -> float:
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return 1000 * statistics.median(times)


def main(count: int = 10_000) -> None:
    begin = time.perf_counter()
    hosts, chance = cloud(count), random.Random(7)
    print(f"{count} hosts, snapshot built in {time.perf_counter() - begin:.2f} s")
    for name, request in REQUESTS.items():
        placed = len(rank(hosts, request, chance=chance).chosen)
        print(f"{name:12} {median_ms(lambda request=request: rank(hosts, request, chance=chance)):7.2f} ms median, {placed} placed")
    ranking = rank(hosts, ALL, chance=chance, filters=tuple(FILTERS))
    took = median_ms(lambda: rank(hosts, ALL, chance=chance, filters=tuple(FILTERS)))
    print(f"{'all filters':12} {took:7.2f} ms median, {len(ranking.removed)} of {len(FILTERS)} removed hosts, {len(ranking.chosen)} placed")
    one = next(iter(hosts))
    print(f"{'update':12} {median_ms(lambda: hosts.put(one), 500):7.3f} ms median for one host")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
