"""Which hosts are better: a weigher is a vector, made comparable by `normalize`, times a multiplier.

Names, meaning and default multipliers are Nova's; metadata of an aggregate may replace a multiplier for its hosts.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from pileus.compute.scheduler import aggregates
from pileus.compute.scheduler.request import ServerRequest
from pileus.compute.scheduler.snapshot import Hosts


class Weigher(msgspec.Struct, frozen=True):
    weighs: Callable[[Hosts, ServerRequest], np.ndarray]
    multiplier: float                               # when the configuration says nothing else
    option: str                                     # its name in the metadata of aggregates
    from_zero: bool = False                         # the scale starts at 0 and not at the smallest host
    sign: int = 1                                   # -1 where more is worse and Nova's multiplier is positive all the same


def ram(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    return hosts.memory_mb - hosts.memory_mb_reserved - hosts.memory_mb_used


def cpu(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    return hosts.vcpus * hosts.cpu_allocation_ratio - hosts.vcpus_used


def disk(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    return hosts.disk_gib - hosts.disk_gib_reserved - hosts.disk_gib_used


def io_ops(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    return hosts.num_io_ops


def num_instances(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    return hosts.num_instances


def build_failure(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    return hosts.failed_builds


def hypervisor_version(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    return hosts.hypervisor_version


def soft_affinity(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    return _members(hosts, request, "soft-affinity")


def soft_anti_affinity(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    return -_members(hosts, request, "soft-anti-affinity")


def pci(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    """Fewer free devices are better: those who need none keep away from them, those who need some do not scatter them."""
    free = np.zeros(len(hosts.rows), np.int64)
    for row in hosts.with_pci:
        free[row] = sum(pool.count for pool in hosts.at(row).pci)
    return 100 - np.minimum(free, 99)


def metrics(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    """The configured metrics, each in its share; a host that lacks one has a weight of its own."""
    limits, total = hosts.limits, np.zeros(len(hosts.rows))
    for name, share in limits.metrics_weights.items():
        total = total + share * hosts.metrics.get(name, np.nan)
    return np.where(np.isnan(total), limits.metrics_weight_of_unavailable, total)


def image_properties(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    """How often the servers of a host have what the image of this one has."""
    shares, total = hosts.limits.image_properties_weights, np.zeros(len(hosts.rows))
    for name, value in request.image_properties.items():
        if (share := shares.get(name, 0.0) if shares else 1.0) and (column := hosts.properties.get(f"{name}={value}")) is not None:
            total += share * column
    return total


def cross_cell(hosts: Hosts, request: ServerRequest) -> np.ndarray:
    """All hosts are in one cell: nothing tells them apart. The name is here for configurations that have it."""
    return np.zeros(len(hosts.rows))


#: Every weigher by its Nova name.
WEIGHERS: dict[str, Weigher] = {
    "BuildFailureWeigher": Weigher(build_failure, 1_000_000.0, "build_failure_weight_multiplier", sign=-1),
    "CPUWeigher": Weigher(cpu, 1.0, "cpu_weight_multiplier", from_zero=True),
    "CrossCellWeigher": Weigher(cross_cell, 1_000_000.0, "cross_cell_move_weight_multiplier"),
    "DiskWeigher": Weigher(disk, 1.0, "disk_weight_multiplier", from_zero=True),
    "HypervisorVersionWeigher": Weigher(hypervisor_version, 1.0, "hypervisor_version_weight_multiplier"),
    "ImagePropertiesWeigher": Weigher(image_properties, 0.0, "image_props_weight_multiplier"),
    "IoOpsWeigher": Weigher(io_ops, -1.0, "io_ops_weight_multiplier", from_zero=True),
    "MetricsWeigher": Weigher(metrics, 1.0, "metrics_weight_multiplier"),
    "NumInstancesWeigher": Weigher(num_instances, 0.0, "num_instances_weight_multiplier"),
    "PCIWeigher": Weigher(pci, 1.0, "pci_weight_multiplier"),
    "RAMWeigher": Weigher(ram, 1.0, "ram_weight_multiplier", from_zero=True),
    "ServerGroupSoftAffinityWeigher": Weigher(soft_affinity, 1.0, "soft_affinity_weight_multiplier"),
    "ServerGroupSoftAntiAffinityWeigher": Weigher(soft_anti_affinity, 1.0, "soft_anti_affinity_weight_multiplier"),
}

DEFAULT_WEIGHERS: dict[str, float] = {name: weigher.multiplier for name, weigher in WEIGHERS.items()}


def weights(hosts: Hosts, request: ServerRequest, rows: np.ndarray, weighers: Sequence[tuple[Weigher, float]]) -> np.ndarray:
    """The sum of all weighers for these rows. Only they take part in the scale, as only they passed the filters."""
    total = np.zeros(len(rows))
    for weigher, configured in weighers:
        if (part := weight(hosts, request, rows, weigher, configured)) is not None:
            total += part
    return total


def weight(hosts: Hosts, request: ServerRequest, rows: np.ndarray, weigher: Weigher, configured: float) -> np.ndarray | None:
    """What one weigher adds for these rows; None when it changes nothing."""
    multiplier = multiplier_of(hosts, weigher, configured, rows)
    return None if multiplier is None else multiplier * normalize(weigher.weighs(hosts, request)[rows], weigher.from_zero)


def normalize(values: np.ndarray, from_zero: bool) -> np.ndarray:
    """Values on a scale from 0 to 1. All 0 when there is nothing to tell them apart."""
    if not len(values):
        return np.zeros(0)
    low, high = (0.0 if from_zero else float(values.min())), float(values.max())
    return (values - low) / (high - low) if high != low else np.zeros(len(values))


def multiplier_of(hosts: Hosts, weigher: Weigher, configured: float, rows: np.ndarray) -> np.ndarray | float | None:
    """One number, or one per row where aggregates say otherwise; None when the weigher would change nothing."""
    if any(weigher.option in aggregate.metadata for aggregate in hosts.aggregates.values()):
        return aggregates.least(hosts, weigher.option, configured)[rows] * weigher.sign
    return configured * weigher.sign if configured else None


def _members(hosts: Hosts, request: ServerRequest, policy: str) -> np.ndarray:
    members = np.zeros(len(hosts.rows), np.int64)
    if request.group is not None and request.group.policy == policy:
        for host, count in request.group.hosts.items():
            members[list(hosts.by_host.get(host, ()))] = count
    return members
