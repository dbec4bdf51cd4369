"""Each weigher by example: which of three hosts it puts first."""

# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from pileus.compute.hypervisor.topology import PciPool
from pileus.compute.scheduler.request import Group, ServerRequest
from pileus.compute.scheduler.snapshot import Host, Hosts, Limits
from pileus.compute.scheduler.weighers import DEFAULT_WEIGHERS, WEIGHERS, normalize, weights

THREE = (
    Host(id="a", host="a", vcpus=8, memory_mb=4096, disk_gib=100, num_io_ops=3, failed_builds=1, num_instances=9,
         pci=(PciPool(vendor_id="8086", product_id="1", count=4),), metrics={"load": 2.0}),
    Host(id="b", host="b", vcpus=16, memory_mb=2048, disk_gib=200, num_io_ops=2, hypervisor_version=7002000,
         metrics={"load": 3.0}, properties={"os_distro=debian": 1}),
    Host(id="c", host="c", vcpus=4, memory_mb=1024, disk_gib=300, num_io_ops=1, failed_builds=2,
         pci=(PciPool(vendor_id="8086", product_id="1", count=2),), properties={"os_distro=debian": 2, "os_distro=arch": 9}),
)


def order(weighers, aggregates=(), **asked):
    hosts = Hosts(Limits(metrics_weights={"load": 1.0}))
    for host in THREE:
        hosts.put(host)
    for at, (metadata, names) in enumerate(aggregates):
        hosts.put_aggregate(str(at), metadata, names)
    rows = np.flatnonzero(hosts.present)
    found = weights(hosts, ServerRequest(vcpus=1, memory_mb=1, **asked), rows, [(WEIGHERS[name], by) for name, by in weighers.items()])
    return "".join(sorted("abc", key=lambda name: -found["abc".index(name)]))


@pytest.mark.parametrize(("weighers", "asked", "expected"), [
    ({"RAMWeigher": 1.0}, {}, "abc"),
    ({"RAMWeigher": -1.0}, {}, "cba"),
    ({"CPUWeigher": 1.0}, {}, "bac"),
    ({"DiskWeigher": 1.0}, {}, "cba"),
    ({"IoOpsWeigher": -1.0}, {}, "cba"),
    ({"NumInstancesWeigher": 1.0}, {}, "abc"),
    ({"BuildFailureWeigher": 1e6}, {}, "bac"),
    ({"HypervisorVersionWeigher": 1.0}, {}, "bac"),
    ({"ServerGroupSoftAffinityWeigher": 1.0}, {"group": Group(policy="soft-affinity", hosts={"c": 2, "b": 1})}, "cba"),
    ({"ServerGroupSoftAntiAffinityWeigher": 1.0}, {"group": Group(policy="soft-anti-affinity", hosts={"a": 2, "c": 1})}, "bca"),
    ({"PCIWeigher": 1.0}, {}, "bca"),
    ({"MetricsWeigher": 1.0}, {}, "bac"),
    ({"ImagePropertiesWeigher": 1.0}, {"image_properties": {"os_distro": "debian"}}, "cba"),
    ({"CrossCellWeigher": 1.0}, {}, "abc"),
    ({"ServerGroupSoftAffinityWeigher": 1.0}, {"group": Group(policy="affinity", hosts={"c": 2})}, "abc"),
    (DEFAULT_WEIGHERS, {}, "bac"),
])
def test_weigher(weighers, asked, expected):
    assert order(weighers, **asked) == expected


def test_an_aggregate_changes_the_multiplier_for_its_hosts():
    assert order({"RAMWeigher": 1.0}, [({"ram_weight_multiplier": "-1.0"}, ["a"])]) == "bca"
    assert order({"RAMWeigher": 1.0}, [({"ram_weight_multiplier": "nonsense"}, ["a"])]) == "abc"


def test_scale():
    assert normalize(np.array([2, 4, 6]), from_zero=False).tolist() == [0, 0.5, 1]
    assert normalize(np.array([2, 4, 8]), from_zero=True).tolist() == [0.25, 0.5, 1]
    assert normalize(np.array([5, 5]), from_zero=False).tolist() == [0, 0]
    assert normalize(np.array([0, 0]), from_zero=True).tolist() == [0, 0]
    assert normalize(np.array([]), from_zero=True).tolist() == []


def test_every_weigher_has_its_own_option():
    assert len({weigher.option for weigher in WEIGHERS.values()}) == len(WEIGHERS)
