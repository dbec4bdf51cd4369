"""Which hosts may: a filter is a function from (hosts, request) to a mask over the rows.

Names and meaning are Nova's. A filter with nothing to say returns `hosts.present` itself, so masks are only read, never
written. `moves` marks those whose answer may change when one server of the same request was placed; all others are asked
once however many servers are wanted.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ipaddress
from collections.abc import Callable

import msgspec
import numpy as np

from pileus.compute.scheduler import aggregates, json_query, pci
from pileus.compute.scheduler.operators import satisfies, version_satisfies
from pileus.compute.scheduler.request import ServerRequest
from pileus.compute.scheduler.snapshot import Hosts, Profile, address, capacity
from pileus.core.errors import Invalid

Mask = np.ndarray


class Filter(msgspec.Struct, frozen=True):
    keeps: Callable[[Hosts, ServerRequest], Mask]
    moves: bool = False


def availability_zone(hosts: Hosts, request: ServerRequest) -> Mask:
    """The zone is metadata of an aggregate; a host in none that names one is in the default zone."""
    if request.availability_zone is None:
        return hosts.present
    return aggregates.in_zone(hosts, request.availability_zone)


def compute(hosts: Hosts, request: ServerRequest) -> Mask:
    """The service is enabled and was heard of lately."""
    return hosts.enabled & hosts.up


def compute_capabilities(hosts: Hosts, request: ServerRequest) -> Mask:
    """Extra specs `capabilities:…`, and those without a scope that name something hosts have."""
    mask = hosts.present
    for key, wanted in request.extra_specs.items():
        scope, scoped, path = key.partition(":")
        if scoped and scope == "capabilities":
            mask = mask & _capability(hosts, path.split(":"), wanted)
        elif not scoped and key in json_query.NAMES:
            mask = mask & _capability(hosts, [key], wanted)
    return mask


def image_properties(hosts: Hosts, request: ServerRequest) -> Mask:
    """The architecture, hypervisor and machine mode the image was made for."""
    properties = request.image_properties
    arch = canonical_arch(properties.get("hw_architecture") or properties.get("architecture") or "")
    kind = (properties.get("img_hv_type") or properties.get("hypervisor_type") or "").lower()
    mode = (properties.get("hw_vm_mode") or properties.get("vm_mode") or "").lower()
    version = properties.get("img_hv_requested_version") or properties.get("hypervisor_version_requires") or ""
    if not (arch or kind or mode or version):
        return hosts.present

    def runs(profile: Profile) -> bool:
        return (not version or version_satisfies(profile.hypervisor_version, version)) and any(
            arch in ("", canonical_arch(has[0])) and kind in ("", has[1].lower()) and mode in ("", has[2].lower())
            for has in supported(profile))
    return by_profile(hosts, runs)


def core(hosts: Hosts, request: ServerRequest) -> Mask:
    """Shared CPUs, which may be promised several times, and those of one's own, which may not."""
    room = _room(hosts.vcpus, hosts.vcpus_reserved, hosts.vcpus_used, hosts.cpu_allocation_ratio, request.vcpus)
    return room & (hosts.pcpus_used + request.pcpus <= hosts.pcpus) if request.pcpus else room


def ram(hosts: Hosts, request: ServerRequest) -> Mask:
    return _room(hosts.memory_mb, hosts.memory_mb_reserved, hosts.memory_mb_used, hosts.ram_allocation_ratio, request.memory_mb)


def disk(hosts: Hosts, request: ServerRequest) -> Mask:
    return _room(hosts.disk_gib, hosts.disk_gib_reserved, hosts.disk_gib_used, hosts.disk_allocation_ratio, request.disk_gib)


def aggregate_core(hosts: Hosts, request: ServerRequest) -> Mask:
    ratio = aggregates.least(hosts, "cpu_allocation_ratio", hosts.cpu_allocation_ratio)
    return _room(hosts.vcpus, hosts.vcpus_reserved, hosts.vcpus_used, ratio, request.vcpus)


def aggregate_ram(hosts: Hosts, request: ServerRequest) -> Mask:
    ratio = aggregates.least(hosts, "ram_allocation_ratio", hosts.ram_allocation_ratio)
    return _room(hosts.memory_mb, hosts.memory_mb_reserved, hosts.memory_mb_used, ratio, request.memory_mb)


def aggregate_disk(hosts: Hosts, request: ServerRequest) -> Mask:
    ratio = aggregates.least(hosts, "disk_allocation_ratio", hosts.disk_allocation_ratio)
    return _room(hosts.disk_gib, hosts.disk_gib_reserved, hosts.disk_gib_used, ratio, request.disk_gib)


def same_host(hosts: Hosts, request: ServerRequest) -> Mask:
    """Where any of the named servers is."""
    if not request.same_host:
        return hosts.present
    return hosts.mask_of_rows([hosts.by_server[server] for server in request.same_host if server in hosts.by_server])


def different_host(hosts: Hosts, request: ServerRequest) -> Mask:
    """Where none of the named servers is."""
    if not request.different_host:
        return hosts.present
    return ~hosts.mask_of_rows([hosts.by_server[server] for server in request.different_host if server in hosts.by_server])


def group_affinity(hosts: Hosts, request: ServerRequest) -> Mask:
    """Where the group is; anywhere while it has no members."""
    group = request.group
    if group is None or group.policy != "affinity" or not any(group.hosts.values()):
        return hosts.present
    return hosts.mask_of_hosts([host for host, members in group.hosts.items() if members])


def group_anti_affinity(hosts: Hosts, request: ServerRequest) -> Mask:
    group = request.group
    if group is None or group.policy != "anti-affinity":
        return hosts.present
    return ~hosts.mask_of_hosts([host for host, members in group.hosts.items() if members >= group.max_server_per_host])


def all_hosts(hosts: Hosts, request: ServerRequest) -> Mask:
    return hosts.present


def isolated_hosts(hosts: Hosts, request: ServerRequest) -> Mask:
    """Isolated images go to isolated hosts, and (when restricted) nothing else does."""
    limits = hosts.limits
    isolated, restrict = hosts.mask_of_hosts(limits.isolated_hosts), limits.restrict_isolated_hosts_to_isolated_images
    if request.image_id in limits.isolated_images:
        return isolated
    return ~isolated if restrict else hosts.present


def cidr_affinity(hosts: Hosts, request: ServerRequest) -> Mask:
    """Hosts whose own address is in the same network as the given one."""
    if request.build_near_host_ip is None:
        return hosts.present
    near = request.build_near_host_ip
    if address(near)[0] == 0:
        # The hint may also name a host, as upstream's documentation has it.
        rows = hosts.by_host.get(near, ())
        near = next((hosts.at(row).host_ip for row in rows), near)
    try:
        network = ipaddress.ip_network(f"{near}/{request.cidr.lstrip('/')}", strict=False)
    except ValueError as error:
        raise Invalid(f"The hint build_near_host_ip with cidr is not a network: {error}") from error
    version, high, low = address(str(network.network_address))
    mask_high, mask_low = divmod(int(network.netmask), 1 << 64)
    return ((hosts.ip_version == version) & (hosts.ip_high & np.uint64(mask_high) == np.uint64(high))
            & (hosts.ip_low & np.uint64(mask_low) == np.uint64(low)))


def num_instances(hosts: Hosts, request: ServerRequest) -> Mask:
    return hosts.num_instances < hosts.limits.max_instances_per_host


def io_ops(hosts: Hosts, request: ServerRequest) -> Mask:
    return hosts.num_io_ops < hosts.limits.max_io_ops_per_host


def aggregate_num_instances(hosts: Hosts, request: ServerRequest) -> Mask:
    return hosts.num_instances < aggregates.least(hosts, "max_instances_per_host", hosts.limits.max_instances_per_host)


def aggregate_io_ops(hosts: Hosts, request: ServerRequest) -> Mask:
    return hosts.num_io_ops < aggregates.least(hosts, "max_io_ops_per_host", hosts.limits.max_io_ops_per_host)


def metrics(hosts: Hosts, request: ServerRequest) -> Mask:
    """Hosts that report every metric that weighs, when that is required."""
    limits, mask = hosts.limits, hosts.present
    if not limits.metrics_required:
        return mask
    for name in limits.metrics_weights:
        mask = mask & (~np.isnan(hosts.metrics[name]) if name in hosts.metrics else hosts.nowhere())
    return mask


def numa_topology(hosts: Hosts, request: ServerRequest) -> Mask:
    """NUMA cells, processors of its own and pages of a size, when the guest is particular about them."""
    if not request.cells:
        return hosts.present
    return hosts.cells.fits(len(hosts.rows), request.cells, hosts.cpu_allocation_ratio, hosts.ram_allocation_ratio)


#: Every filter by its Nova name.
FILTERS: dict[str, Filter] = {
    "AggregateCoreFilter": Filter(aggregate_core, moves=True),
    "AggregateDiskFilter": Filter(aggregate_disk, moves=True),
    "AggregateImagePropertiesIsolation": Filter(aggregates.image_properties_isolation),
    "AggregateInstanceExtraSpecsFilter": Filter(aggregates.instance_extra_specs),
    "AggregateIoOpsFilter": Filter(aggregate_io_ops, moves=True),
    "AggregateMultiTenancyIsolation": Filter(aggregates.multi_tenancy_isolation),
    "AggregateNumInstancesFilter": Filter(aggregate_num_instances, moves=True),
    "AggregateRamFilter": Filter(aggregate_ram, moves=True),
    "AggregateTypeAffinityFilter": Filter(aggregates.type_affinity),
    "AllHostsFilter": Filter(all_hosts),
    "AvailabilityZoneFilter": Filter(availability_zone),
    "ComputeCapabilitiesFilter": Filter(compute_capabilities, moves=True),
    "ComputeFilter": Filter(compute),
    "CoreFilter": Filter(core, moves=True),
    "DifferentHostFilter": Filter(different_host),
    "DiskFilter": Filter(disk, moves=True),
    "ImagePropertiesFilter": Filter(image_properties),
    "IoOpsFilter": Filter(io_ops, moves=True),
    "IsolatedHostsFilter": Filter(isolated_hosts),
    "JsonFilter": Filter(json_query.query, moves=True),
    "MetricsFilter": Filter(metrics),
    "NUMATopologyFilter": Filter(numa_topology, moves=True),
    "NumInstancesFilter": Filter(num_instances, moves=True),
    "PciPassthroughFilter": Filter(pci.passthrough),
    "RamFilter": Filter(ram, moves=True),
    "SameHostFilter": Filter(same_host),
    "ServerGroupAffinityFilter": Filter(group_affinity, moves=True),
    "ServerGroupAntiAffinityFilter": Filter(group_anti_affinity, moves=True),
    "SimpleCIDRAffinityFilter": Filter(cidr_affinity),
}

DEFAULT_FILTERS = (
    "AvailabilityZoneFilter", "ComputeFilter", "ComputeCapabilitiesFilter", "ImagePropertiesFilter", "CoreFilter", "RamFilter",
    "DiskFilter", "SameHostFilter", "DifferentHostFilter", "ServerGroupAffinityFilter", "ServerGroupAntiAffinityFilter",
    "NUMATopologyFilter", "PciPassthroughFilter",
)


def supported(profile: Profile) -> tuple[tuple[str, str, str], ...]:
    """What a host says it runs, or what its hypervisor implies: KVM also runs what asks for QEMU."""
    kind = profile.hypervisor_type.lower()
    return profile.supported or tuple((profile.cpu_arch, name, "hvm") for name in {kind, "qemu" if kind == "kvm" else kind})


def canonical_arch(name: str) -> str:
    return {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}.get(name.lower(), name.lower())


def by_profile(hosts: Hosts, holds: Callable[[Profile], bool]) -> Mask:
    """A mask from a question that only the profile answers."""
    answers = np.array([profile is not None and holds(profile) for profile in hosts.profiles.items], np.bool_)
    return answers[hosts.profile] & hosts.present if len(answers) else hosts.present


def _capability(hosts: Hosts, path: list[str], wanted: str) -> Mask:
    if len(path) == 1 and path[0] in json_query.NAMES:
        values = json_query.column(hosts, path[0]).tolist()
        known = {value: value is not None and satisfies(str(value), wanted) for value in set(values)}
        return np.array([known[value] for value in values], np.bool_)

    def meets(profile: Profile) -> bool:
        value = json_query.inside(profile.capabilities, path)
        return value is not None and satisfies(str(value), wanted)
    return by_profile(hosts, meets)


def _room(total: np.ndarray, reserved: np.ndarray, used: np.ndarray, ratio: np.ndarray, wanted: int) -> Mask:
    """A server may overcommit a host together with others, never alone."""
    return (used + wanted <= capacity(total, reserved, ratio)) & (wanted <= total - reserved)
