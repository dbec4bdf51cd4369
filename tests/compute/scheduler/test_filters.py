"""Each filter by example, over the same four hosts; names and meaning are Nova's."""

# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from pileus.compute.scheduler.filters import FILTERS
from pileus.compute.scheduler.request import Group, ServerRequest
from pileus.compute.scheduler.snapshot import Host, Hosts, Limits
from pileus.core.errors import Invalid


def make(name, **facts):
    return Host(**{"id": f"id-{name}", "host": name, "vcpus": 8, "memory_mb": 8192, "disk_gib": 100, **facts})


FOUR = (
    make("a", servers=frozenset({"s1"}), host_ip="10.0.0.1", num_instances=50, capabilities={"cpu_info": {"features": "aes avx"}}),
    make("b", servers=frozenset({"s2", "s3"}), host_ip="10.0.1.1", up=False, num_io_ops=8, hypervisor_type="KVM"),
    make("c", enabled=False, host_ip="fd00::1", vcpus_used=31, memory_mb_used=8000, disk_gib_used=90, cpu_arch="aarch64"),
    make("d", host_ip="", vcpus=2, memory_mb=1024, disk_gib=10, cpu_allocation_ratio=16.0, hypervisor_version=7002000),
)
AGGREGATES = {
    "1": ({"availability_zone": "east", "ssd": "true", "cpu_allocation_ratio": "1.0", "filter_tenant_id": "p1, p2"}, ["a", "b"]),
    "2": ({"instance_type": "m1,m2", "os_distro": "debian", "max_io_ops_per_host": "9",
           "max_instances_per_host": "60"}, ["b", "c"]),
}


def kept(name, limits=None, **asked):
    hosts = Hosts(limits)
    for id, (metadata, names) in AGGREGATES.items():
        hosts.put_aggregate(id, metadata, names)
    for host in FOUR:
        hosts.put(host)
    request = ServerRequest(**{"vcpus": 1, "memory_mb": 100, "disk_gib": 1, **asked})
    mask = FILTERS[name].keeps(hosts, request) & hosts.present
    return "".join(host.host for row, host in enumerate(hosts.rows) if host is not None and mask[row])


@pytest.mark.parametrize(("name", "asked", "expected"), [
    ("AllHostsFilter", {}, "abcd"),
    ("AvailabilityZoneFilter", {}, "abcd"),
    ("AvailabilityZoneFilter", {"availability_zone": "east"}, "ab"),
    ("AvailabilityZoneFilter", {"availability_zone": "nova"}, "cd"),
    ("AvailabilityZoneFilter", {"availability_zone": "west"}, ""),
    ("ComputeFilter", {}, "ad"),
    ("ComputeCapabilitiesFilter", {}, "abcd"),
    ("ComputeCapabilitiesFilter", {"extra_specs": {"capabilities:cpu_info:features": "<in> avx"}}, "a"),
    ("ComputeCapabilitiesFilter", {"extra_specs": {"capabilities:hypervisor_type": "s== KVM"}}, "b"),
    ("ComputeCapabilitiesFilter", {"extra_specs": {"hypervisor_type": "<or> KVM <or> Xen"}}, "b"),
    ("ComputeCapabilitiesFilter", {"extra_specs": {"capabilities:free_ram_mb": ">= 2000"}}, "ab"),
    ("ComputeCapabilitiesFilter", {"extra_specs": {"capabilities:gone": "x"}}, ""),
    ("ComputeCapabilitiesFilter", {"extra_specs": {"hw:cpu_policy": "x", "unknown": "y"}}, "abcd"),
    ("ImagePropertiesFilter", {}, "abcd"),
    ("ImagePropertiesFilter", {"image_properties": {"hw_architecture": "arm64"}}, "c"),
    ("ImagePropertiesFilter", {"image_properties": {"img_hv_type": "kvm"}}, "b"),
    ("ImagePropertiesFilter", {"image_properties": {"img_hv_type": "qemu", "hw_architecture": "x86_64"}}, "abd"),
    ("ImagePropertiesFilter", {"image_properties": {"hw_vm_mode": "xen"}}, ""),
    ("ImagePropertiesFilter", {"image_properties": {"img_hv_requested_version": ">=7.0"}}, "d"),
    ("CoreFilter", {"vcpus": 2}, "abd"),
    ("CoreFilter", {"vcpus": 3}, "ab"),
    ("RamFilter", {"memory_mb": 1024}, "abd"),
    ("RamFilter", {"memory_mb": 8192}, "ab"),
    ("DiskFilter", {"disk_gib": 10}, "abcd"),
    ("DiskFilter", {"disk_gib": 11}, "ab"),
    ("AggregateCoreFilter", {"vcpus": 8}, "ab"),
    ("AggregateCoreFilter", {"vcpus": 1}, "abcd"),
    ("AggregateRamFilter", {"memory_mb": 1024}, "abd"),
    ("AggregateDiskFilter", {"disk_gib": 11}, "ab"),
    ("SameHostFilter", {}, "abcd"),
    ("SameHostFilter", {"same_host": ("s1", "s2")}, "ab"),
    ("SameHostFilter", {"same_host": ("gone",)}, ""),
    ("DifferentHostFilter", {"different_host": ("s1", "gone")}, "bcd"),
    ("ServerGroupAffinityFilter", {"group": Group(policy="affinity")}, "abcd"),
    ("ServerGroupAffinityFilter", {"group": Group(policy="affinity", hosts={"b": 1})}, "b"),
    ("ServerGroupAffinityFilter", {"group": Group(policy="soft-affinity", hosts={"b": 1})}, "abcd"),
    ("ServerGroupAntiAffinityFilter", {"group": Group(policy="anti-affinity", hosts={"b": 1})}, "acd"),
    ("ServerGroupAntiAffinityFilter",
     {"group": Group(policy="anti-affinity", max_server_per_host=2, hosts={"a": 2, "b": 1})}, "bcd"),
    ("ServerGroupAntiAffinityFilter", {"group": Group(policy="affinity", hosts={"b": 1})}, "abcd"),
    ("SimpleCIDRAffinityFilter", {}, "abcd"),
    ("SimpleCIDRAffinityFilter", {"build_near_host_ip": "10.0.0.9"}, "a"),
    ("SimpleCIDRAffinityFilter", {"build_near_host_ip": "10.0.0.9", "cidr": "/16"}, "ab"),
    ("SimpleCIDRAffinityFilter", {"build_near_host_ip": "fd00::9", "cidr": "64"}, "c"),
    ("SimpleCIDRAffinityFilter", {"build_near_host_ip": "b"}, "b"),
    ("NumInstancesFilter", {}, "bcd"),
    ("AggregateNumInstancesFilter", {}, "bcd"),
    ("IoOpsFilter", {}, "acd"),
    ("AggregateIoOpsFilter", {}, "abcd"),
    ("AggregateInstanceExtraSpecsFilter", {"extra_specs": {"aggregate_instance_extra_specs:ssd": "true"}}, "ab"),
    ("AggregateInstanceExtraSpecsFilter", {"extra_specs": {"ssd": "s!= true"}}, ""),
    ("AggregateInstanceExtraSpecsFilter", {"extra_specs": {"hw:x": "y"}}, "abcd"),
    ("AggregateMultiTenancyIsolation", {"project_id": "p2"}, "abcd"),
    ("AggregateMultiTenancyIsolation", {"project_id": "p3"}, "cd"),
    ("AggregateTypeAffinityFilter", {"flavor_name": "m2"}, "abcd"),
    ("AggregateTypeAffinityFilter", {"flavor_name": "m3"}, "ad"),
    ("AggregateImagePropertiesIsolation", {"image_properties": {"os_distro": "debian"}}, "abcd"),
    ("AggregateImagePropertiesIsolation", {"image_properties": {"os_distro": "arch", "other": "x"}}, "ad"),
    ("IsolatedHostsFilter", {}, "abcd"),
    ("JsonFilter", {}, "abcd"),
    ("JsonFilter", {"query": json.dumps([">=", "$free_ram_mb", 1024])}, "abd"),
    ("JsonFilter", {"query": json.dumps(["and", [">=", "$free_ram_mb", 1024], ["<", "$vcpus_total", 8]])}, "d"),
    ("JsonFilter", {"query": json.dumps(["or", ["=", "$host", "a"], ["=", "$hypervisor_type", "KVM"]])}, "ab"),
    ("JsonFilter", {"query": json.dumps(["not", ["=", "$hypervisor_hostname", "a"]])}, "bcd"),
    ("JsonFilter", {"query": json.dumps(["in", "$host", "a", "d"])}, "ad"),
    ("JsonFilter", {"query": json.dumps(["=", "$capabilities.cpu_info.features", "aes avx"])}, "a"),
    ("JsonFilter", {"query": json.dumps([">", "$host", 5])}, ""),
    ("JsonFilter", {"query": json.dumps(["=", "$free_ram_mb"])}, ""),
    ("JsonFilter", {"query": json.dumps([])}, "abcd"),
    ("JsonFilter", {"query": json.dumps(["and"])}, "abcd"),
    ("JsonFilter", {"query": json.dumps(["<", 1, 2])}, "abcd"),
])
def test_filter(name, asked, expected):
    assert kept(name, **asked) == expected


@pytest.mark.parametrize(("image", "restrict", "expected"), [
    ("iso", True, "ab"), ("plain", True, "cd"), ("iso", False, "ab"), ("plain", False, "abcd"),
])
def test_isolated_hosts(image, restrict, expected):
    limits = Limits(isolated_hosts=frozenset("ab"), isolated_images=frozenset({"iso"}),
                    restrict_isolated_hosts_to_isolated_images=restrict)
    assert kept("IsolatedHostsFilter", limits, image_id=image) == expected


def test_image_property_isolation_can_have_a_namespace():
    limits = Limits(aggregate_image_properties_isolation_namespace="os", aggregate_image_properties_isolation_separator="_")
    assert kept("AggregateImagePropertiesIsolation", limits, image_properties={"os_distro": "arch"}) == "ad"
    assert kept("AggregateImagePropertiesIsolation", limits, image_properties={"ssd": "false"}) == "abcd"


@pytest.mark.parametrize("query", [
    "{", "5", '["fly", 1, 2]', '{"a": 1}', '[["="]]', '["=", ["not", 1], 2]', json.dumps(["or", *range(300)]),
    "[\"not\"," * 40 + "1" + "]" * 40, "[" * 5000 + "]" * 5000, '["=", "' + "x" * 20_000 + '", 1]', '["=", null, 1]',
])
def test_ossa_2012_009_a_query_is_bounded_and_its_faults_are_the_users(query):
    with pytest.raises(Invalid):
        kept("JsonFilter", query=query)


@pytest.mark.parametrize(("ip", "cidr"), [("10.0.0.1", "/99"), ("not an address", "/24"), ("10.0.0.1", "x")])
def test_a_network_that_is_none_is_the_users_fault(ip, cidr):
    with pytest.raises(Invalid):
        kept("SimpleCIDRAffinityFilter", build_near_host_ip=ip, cidr=cidr)


def test_every_filter_takes_an_empty_cloud():
    for one in FILTERS.values():
        request = ServerRequest(vcpus=1, memory_mb=1, availability_zone="x", same_host=("s",), different_host=("s",),
                                extra_specs={"capabilities:a": "b", "hypervisor_type": "x"}, query='["=", "$host", "a"]',
                                image_properties={"hw_architecture": "x"}, build_near_host_ip="10.0.0.1")
        assert one.keeps(Hosts(), request).tolist() == []
