"""Options of the compute service."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Ratio = Annotated[float, Meta(gt=0)]


class QuotaDefaults(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[compute.quota]: what a project may have unless told otherwise; -1 is without limit."""

    instances: int = 10                     # servers
    cores: int = 20                         # virtual CPUs of all servers
    ram: int = 50 * 1024                    # MiB of memory of all servers
    key_pairs: int = 100                    # key pairs of one user
    server_groups: int = 10                 # server groups
    server_group_members: int = 10          # servers in one group
    metadata_items: int = 128               # metadata items of one server


class ComputeConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[compute]"""

    hypervisor: Literal["qemu", "simulated"] = "qemu"        # driver of this process's compute agent
    hosts: int = 1                          # number of simulated hosts in this process
    host_vcpus: int = 16                    # virtual CPUs of a simulated host
    host_memory_mb: int = 64 * 1024         # memory of a simulated host, MiB
    host_disk_gib: int = 1000               # disk of a simulated host, GiB
    cpu_allocation_ratio: Ratio = 16.0      # virtual CPUs per real one
    ram_allocation_ratio: Ratio = 1.0       # promised memory per real one
    disk_allocation_ratio: Ratio = 1.0      # promised disk per real one
    reserved_host_memory_mb: int = 512      # memory kept back from guests, MiB
    reserved_host_disk_gib: int = 0         # disk kept back from guests, GiB
    report_interval_s: float = 60           # how often a host audits and reports its inventory
    service_down_s: float = 180             # a host that has not reported for so long is down
    power_sync_interval_s: float = 600      # how often power states are compared with the hypervisor's
    filters: list[str] = []                 # scheduler filters by Nova's names; empty: the defaults
    weighers: dict[str, float] = {}         # weigher → multiplier; those not named keep their default
    max_attempts: int = 3                   # hosts that are tried for one server
    default_availability_zone: str = "nova" # zone of hosts that are in no aggregate with one
    spawn_concurrency: int = 8              # guests that one host starts at the same time
    quota: QuotaDefaults = msgspec.field(default_factory=QuotaDefaults)     # what a project may have unless told otherwise
