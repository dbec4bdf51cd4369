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


class PciAlias(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a name in `pci_passthrough:alias` of a flavor stands for: devices that match all that is given."""

    vendor_id: str | None = None            # four hexadecimal digits, such as 8086
    product_id: str | None = None           # likewise
    device_type: Literal["type-PCI", "type-PF", "type-VF"] | None = None    # a whole device, or a part of one


class SchedulerConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[compute.scheduler]: what some filters and weighers are told, under Nova's names."""

    max_io_ops_per_host: int = 8            # IoOpsFilter: servers being built, resized or snapshotted on one host
    max_instances_per_host: int = 50        # NumInstancesFilter: servers on one host
    isolated_hosts: list[str] = []          # IsolatedHostsFilter: hosts for isolated images
    isolated_images: list[str] = []         # IsolatedHostsFilter: ids of images that go to isolated hosts
    restrict_isolated_hosts_to_isolated_images: bool = True     # IsolatedHostsFilter: nothing else goes to isolated hosts
    aggregate_image_properties_isolation_namespace: str = ""    # AggregateImagePropertiesIsolation: how the keys begin that count
    aggregate_image_properties_isolation_separator: str = "."   # AggregateImagePropertiesIsolation: what is behind the namespace
    metrics_weights: dict[str, float] = {}  # MetricsWeigher: metric → its share
    metrics_required: bool = True           # MetricsFilter: a host has to report all of them
    metrics_weight_of_unavailable: float = -10_000.0            # MetricsWeigher: of a host that does not
    image_properties_weights: dict[str, float] = {}             # ImagePropertiesWeigher: property → its share; empty: all alike
    pci_aliases: dict[str, list[PciAlias]] = {}                 # name → kinds of devices that it stands for


class ComputeConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """[compute]"""

    hypervisor: Literal["qemu", "simulated"] = "qemu"        # driver of this process's compute agent
    hosts: int = 1                          # number of hosts in this process: simulated ones, or parts of this machine
    host_vcpus: int = 16                    # virtual CPUs of a simulated host
    host_memory_mb: int = 64 * 1024         # memory of a simulated host, MiB
    host_disk_gib: int = 1000               # disk of a simulated host, GiB
    host_delays: dict[str, float] = {}      # how long a simulated host takes: method of the driver, such as `snapshot` → seconds
    cpu_allocation_ratio: Ratio | None = None   # virtual CPUs per real one; not given: as it is in placement's inventory
    ram_allocation_ratio: Ratio | None = None   # promised memory per real one; likewise
    disk_allocation_ratio: Ratio | None = None  # promised disk per real one; likewise
    initial_cpu_allocation_ratio: Ratio = 16.0  # of a host that placement does not know yet
    initial_ram_allocation_ratio: Ratio = 1.0   # likewise
    initial_disk_allocation_ratio: Ratio = 1.0  # likewise
    cpu_shared_set: str = ""                # processors that guests share, such as "0-3,^2"; empty: all that are not dedicated
    cpu_dedicated_set: str = ""             # processors for guests that get them for themselves
    reserved_host_cpus: int = 0             # shared CPUs kept back from guests
    reserved_host_memory_mb: int = 512      # memory kept back from guests, MiB
    reserved_host_disk_gib: int = 0         # disk kept back from guests, GiB
    report_interval_s: float = 60           # how often a host audits and reports its inventory
    service_down_s: float = 180             # a host that has not reported for so long is down
    build_timeout_s: float = 0              # servers that are being built for so long become ERROR; 0: never
    filters: list[str] = []                 # scheduler filters by Nova's names; empty: the defaults
    weighers: dict[str, float] = {}         # weigher → multiplier; those not named keep their default
    max_attempts: int = 3                   # hosts that are tried for one server
    default_availability_zone: str = "nova" # zone of hosts that are in no aggregate with one
    spawn_concurrency: int = 8              # guests that one host starts at the same time
    usage_audit_period: Literal["hour", "day", "month", "year"] = "month"       # for which usage is audited once it ended
    scheduler: SchedulerConfig = msgspec.field(default_factory=SchedulerConfig)     # what filters and weighers are told
    console_token_ttl_s: float = 600        # how long a console's link can be opened
    console_origins: list[str] = []         # web pages (https://host) of others that may show consoles in them
    vendordata_file: str = ""               # JSON object that guests find in vendor_data.json
    config_drive_format: Literal["iso9660", "vfat"] = "iso9660"      # what config drives are
    allow_resize_to_same_host: bool = True  # whether a resized server may stay where it is
    resize_confirm_window_s: float = 0      # resizes that have waited so long are confirmed; 0: never
    unified_limits: bool = False            # whether identity keeps the limits of projects (registered limits and limits)
    reclaim_interval_s: float = 0           # how long a deleted server can be restored; 0: it is gone at once
    shelved_offload_time_s: float = 0       # how long a shelved server keeps its host; 0: not at all, negative: for good
    quota: QuotaDefaults = msgspec.field(default_factory=QuotaDefaults)     # what a project may have unless told otherwise
