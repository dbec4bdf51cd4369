"""Which hosts are better: a weigher is a vector, made comparable by `normalise`, times a multiplier.

Names, meaning and default multipliers are Nova's; metadata of an aggregate may replace a multiplier for its hosts.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Mapping

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


#: Every weigher by its Nova name.
WEIGHERS: dict[str, Weigher] = {
    "BuildFailureWeigher": Weigher(build_failure, 1_000_000.0, "build_failure_weight_multiplier", sign=-1),
    "CPUWeigher": Weigher(cpu, 1.0, "cpu_weight_multiplier", from_zero=True),
    "DiskWeigher": Weigher(disk, 1.0, "disk_weight_multiplier", from_zero=True),
    "HypervisorVersionWeigher": Weigher(hypervisor_version, 1.0, "hypervisor_version_weight_multiplier"),
    "IoOpsWeigher": Weigher(io_ops, -1.0, "io_ops_weight_multiplier", from_zero=True),
    "NumInstancesWeigher": Weigher(num_instances, 0.0, "num_instances_weight_multiplier"),
    "RAMWeigher": Weigher(ram, 1.0, "ram_weight_multiplier", from_zero=True),
    "ServerGroupSoftAffinityWeigher": Weigher(soft_affinity, 1.0, "soft_affinity_weight_multiplier"),
    "ServerGroupSoftAntiAffinityWeigher": Weigher(soft_anti_affinity, 1.0, "soft_anti_affinity_weight_multiplier"),
}

DEFAULT_WEIGHERS: dict[str, float] = {name: weigher.multiplier for name, weigher in WEIGHERS.items()}


def weights(hosts: Hosts, request: ServerRequest, rows: np.ndarray, weighers: Mapping[str, float]) -> np.ndarray:
    """The sum of all weighers for these rows. Only they take part in the scale, as only they passed the filters."""
    total = np.zeros(len(rows))
    for name, configured in weighers.items():
        weigher = WEIGHERS[name]
        multiplier = multiplier_of(hosts, weigher, configured, rows)
        if multiplier is not None:
            total += multiplier * normalise(weigher.weighs(hosts, request)[rows], weigher.from_zero)
    return total


def normalise(values: np.ndarray, from_zero: bool) -> np.ndarray:
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
