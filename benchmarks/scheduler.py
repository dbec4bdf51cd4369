"""How long one scheduling decision takes: `python -m benchmarks.scheduler [hosts]`.

Default filters and weighers over a cloud of 10,000 hosts in three zones, half full, with 40 aggregates and 60 traits.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
import statistics
import sys
import time

from pileus.compute.scheduler.rank import rank
from pileus.compute.scheduler.request import Group, ServerRequest
from pileus.compute.scheduler.snapshot import Host, Hosts

REQUESTS = {
    "plain": ServerRequest(vcpus=2, memory_mb=4096, disk_gib=40),
    "busy": ServerRequest(
        vcpus=2, memory_mb=4096, disk_gib=40, availability_zone="az1", required_traits=frozenset({"TRAIT_1"}),
        extra_specs={"capabilities:hypervisor_type": "s== QEMU", "capabilities:cpu_info:vendor": "<or> AMD <or> Intel"},
        image_properties={"hw_architecture": "x86_64", "img_hv_type": "qemu"},
        group=Group(policy="anti-affinity", hosts={f"host{at}": 1 for at in range(20)})),
    "10 servers": ServerRequest(vcpus=2, memory_mb=4096, disk_gib=40, num_instances=10),
}


def cloud(count: int, seed: int = 1) -> Hosts:
    chance, hosts = random.Random(seed), Hosts()
    for at in range(count):
        hosts.put(Host(
            id=f"provider-{at}", host=f"host{at}", vcpus=64, vcpus_used=chance.randrange(256), memory_mb=262144,
            memory_mb_used=1024 * chance.randrange(256), memory_mb_reserved=512,
            disk_gib=4000, disk_gib_used=chance.randrange(4000),
            up=chance.random() > 0.01, enabled=chance.random() > 0.01, hypervisor_version=7002000 + 1000 * chance.randrange(3),
            capabilities={"cpu_info": {"vendor": chance.choice(["AMD", "Intel", "ARM"])}},
            traits=frozenset(f"TRAIT_{chance.randrange(60)}" for _ in range(20))))
    names = [f"host{at}" for at in range(count)]
    for at in range(40):
        metadata = {"availability_zone": f"az{at}"} if at < 3 else {"rack": str(at)}
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
    one = next(iter(hosts))
    print(f"{'update':12} {median_ms(lambda: hosts.put(one), 500):7.3f} ms median for one host")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
