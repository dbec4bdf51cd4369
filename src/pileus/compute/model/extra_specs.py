"""Extra specs of flavors that have a meaning: which values they take.

A name without a namespace, or in a namespace that is not ours, is free. In ours, only the names below exist.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from pileus.compute.errors import ExtraSpecInvalid

_CPUS = r"\^?\d+((-\d+)?(,\^?\d+(-\d+)?)?)*"
_TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})
_BOOLEAN = _TRUE | {"0", "f", "false", "off", "n", "no"}
_GROUP = r"([a-zA-Z0-9_-]{1,64})?"

#: What the ComputeCapabilitiesFilter of Nova may be asked about a host.
_FACTS = (
    "id",
    "uuid",
    "service_id",
    "host",
    "vcpus",
    "memory_mb",
    "local_gb",
    "vcpus_used",
    "memory_mb_used",
    "local_gb_used",
    "hypervisor_type",
    "hypervisor_version",
    "hypervisor_hostname",
    "free_ram_mb",
    "free_disk_gb",
    "current_workload",
    "running_vms",
    "disk_available_least",
    "host_ip",
    "mapped",
    "cpu_allocation_ratio",
    "ram_allocation_ratio",
    "disk_allocation_ratio",
    "total_usable_ram_mb",
    "total_usable_disk_gb",
    "disk_mb_used",
    "free_disk_mb",
    "vcpus_total",
    "num_instances",
    "num_io_ops",
    "failed_builds",
    "aggregates",
    "cell_uuid",
    "updated",
)
_NESTED = (
    "cpu_info",
    "metrics",
    "stats",
    "numa_topology",
    "supported_hv_specs",
    "pci_device_pools",
    "nodename",
    "pci_stats",
    "supported_instances",
    "limits",
    "instances",
)


class Whole(msgspec.Struct, frozen=True):
    """A whole number within bounds."""

    low: int | None = None
    high: int | None = None


class OneOf(msgspec.Struct, frozen=True):
    values: tuple[str, ...]


class Like(msgspec.Struct, frozen=True):
    pattern: str


class YesNo(msgspec.Struct, frozen=True):
    """Any spelling of a boolean."""


class Anything(msgspec.Struct, frozen=True):
    """Any text; scheduler filters read their own operators in it."""


Kind = Whole | OneOf | Like | YesNo | Anything

#: Names (regular expressions, matched whole) → values.
KNOWN: dict[str, Kind] = {
    "accel:device_profile": Anything(),
    "aggregate_instance_extra_specs:.+": Anything(),
    f"capabilities:({'|'.join(_FACTS)})": Anything(),
    rf"capabilities:({'|'.join(_NESTED)})(:\w+)*": Anything(),
    "group_policy": OneOf(("none", "isolate")),
    "hide_hypervisor_id": YesNo(),
    "hw:(boot_menu|cpu_realtime|ephemeral_encryption|hide_hypervisor_id|locked_memory|mem_encryption|pmu|vif_multiqueue_enabled|"
    "virtio_packed_ring)": YesNo(),
    "hw:cpu_(sockets|cores|threads|max_sockets|max_cores|max_threads)": Whole(1),
    "hw:cpu_(realtime|dedicated)_mask": Like(_CPUS),
    "hw:cpu_policy": OneOf(("dedicated", "shared", "mixed")),
    "hw:cpu_thread_policy": OneOf(("prefer", "isolate", "require")),
    "hw:emulator_threads_policy": OneOf(("isolate", "share")),
    "hw:ephemeral_encryption_format": OneOf(("plain", "luks", "luksv2")),
    "hw:mem_encryption_model": OneOf(("amd-sev", "amd-sev-es", "amd-sev-snp", "intel-tdx")),
    "hw:mem_page_size": Like(r"(large|small|any|\d+([kKMGT]i?)?(b|bit|B)?)"),
    "hw:numa_nodes": Whole(1),
    r"hw:numa_cpus\.\d+": Like(_CPUS),
    r"hw:numa_mem\.\d+": Whole(1),
    "hw:pci_numa_affinity_policy": OneOf(("required", "preferred", "legacy", "socket")),
    "hw:pmem": Like(r"([a-zA-Z0-9_]+(,)?)+"),
    "hw:redirected_usb_ports": Whole(0, 15),
    "hw:serial_port_count": Whole(0),
    "hw:sound_model": OneOf(("sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "virtio")),
    "hw:tpm_model": OneOf(("tpm-tis", "tpm-crb")),
    "hw:tpm_secret_security": OneOf(("user", "host", "deployment")),
    "hw:tpm_version": OneOf(("1.2", "2.0")),
    "hw:usb_model": OneOf(("none", "nec-xhci", "qemu-xhci")),
    "hw:viommu_model": OneOf(("intel", "smmuv3", "virtio", "auto")),
    "hw:watchdog_action": OneOf(("none", "pause", "poweroff", "reset", "disabled")),
    "hw_rng:allowed": YesNo(),
    "hw_rng:rate_(bytes|period)": Whole(0),
    "hw_video:ram_max_mb": Whole(0),
    "os:secure_boot": OneOf(("disabled", "required")),
    "pci_passthrough:alias": Like(r"[^:]+:\d+(?:\s*,\s*[^:]+:\d+)*"),
    "quota:cpu_(shares|period)": Whole(0),
    "quota:cpu_quota": Whole(),
    "quota:(cpu|memory|disk_io|vif)_(limit|shares_share)": Whole(0),
    "quota:(cpu|memory|disk_io|vif)_reservation": Whole(),
    "quota:(cpu|memory|disk_io|vif)_shares_level": OneOf(("custom", "high", "normal", "low")),
    "quota:disk_(read|write|total)_(bytes|iops)_sec": Whole(0),
    "quota:vif_(inbound|outbound)_(average|peak|burst)": Whole(0),
    f"resources{_GROUP}:[A-Z0-9_]+": Whole(),
    f"trait{_GROUP}:[A-Z0-9_]+": OneOf(("required", "forbidden")),
}
_SPACES = re.compile(
    rf"accel|aggregate_instance_extra_specs|capabilities|hw|hw_rng|hw_video|os|pci_passthrough|quota|resources{_GROUP}|trait{_GROUP}"
)
_NAMES: tuple[tuple[re.Pattern[str], Kind], ...] = tuple((re.compile(name), kind) for name, kind in KNOWN.items())


def check(name: str, value: str) -> None:
    """Raise ExtraSpecInvalid when a name of ours does not exist, or does not take the value."""
    kind = next((kind for pattern, kind in _NAMES if pattern.fullmatch(name)), None)
    if kind is None:
        if ":" in name and _SPACES.fullmatch(name.partition(":")[0]):
            raise ExtraSpecInvalid(why=f"extra spec '{name}' does not appear to be a valid extra spec.")
        return
    for why in faults(kind, value):
        raise ExtraSpecInvalid(why=why)


def is_true(value: str) -> bool:
    """A boolean in any of its spellings; what is none of them is false."""
    return value.strip().lower() in _TRUE


def faults(kind: Kind, value: str) -> Iterator[str]:
    """What is wrong with a value, if anything."""
    match kind:
        case Whole(low=low, high=high):
            if re.fullmatch(r"\s*[+-]?\d+\s*", value) is None:
                yield f"'{value}' is not a valid integer value."
            elif low is not None and int(value) < low:
                yield f"'{value}' is less than the min value of '{low}'."
            elif high is not None and int(value) > high:
                yield f"'{value}' is greater than the max value of '{high}'."
        case OneOf(values=values) if value not in values:
            yield f"'{value}' is not one of: {', '.join(values)}."
        case Like(pattern=pattern) if re.fullmatch(pattern, value) is None:
            yield f"'{value}' is not of the format '{pattern}'."
        case YesNo() if value.strip().lower() not in _BOOLEAN:
            yield f"'{value}' is not a valid boolean-like value."
