"""The hosts as columns: one NumPy array per fact, one row per compute node.

A filter then is a few array operations for all hosts at once. Rows never move: a removed host leaves a hole (`present` is
False) that the next one fills, so an update touches one row and costs microseconds at any number of hosts.

What must stay true: `Hosts` is only changed by `put`, `remove`, `put_aggregate` and `remove_aggregate`; a decision works
on `working_copy()`, which shares every column that placing a server does not change.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import hashlib
import ipaddress
import math
from collections.abc import Collection, Iterator, Mapping

import msgspec
import numpy as np

from pileus.compute.hypervisor.topology import Cell, PciPool
from pileus.compute.scheduler import numa
from pileus.compute.scheduler.request import ServerRequest


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """One compute node as the scheduler knows it. `id` is its resource provider's; `host` the service's name."""

    id: str
    host: str
    node: str = ""                                  # hypervisor_hostname; "" means the same as host
    vcpus: int
    vcpus_used: int = 0
    vcpus_reserved: int = 0
    memory_mb: int
    memory_mb_used: int = 0
    memory_mb_reserved: int = 0
    disk_gib: int = 0
    disk_gib_used: int = 0
    disk_gib_reserved: int = 0
    cpu_allocation_ratio: float = 4.0
    ram_allocation_ratio: float = 1.0
    disk_allocation_ratio: float = 1.0
    enabled: bool = True
    up: bool = True
    num_instances: int = 0
    num_io_ops: int = 0                             # guests that are being built, resized, snapshotted …
    failed_builds: int = 0
    hypervisor_type: str = "QEMU"
    hypervisor_version: int = 0                     # 7002000 for 7.2.0
    cpu_arch: str = "x86_64"
    supported: tuple[tuple[str, str, str], ...] = ()    # (architecture, hypervisor type, vm mode); () means derived
    capabilities: dict = {}                         # cpu_info and other facts for ComputeCapabilitiesFilter
    traits: frozenset[str] = frozenset()
    servers: frozenset[str] = frozenset()           # ids, for same_host and different_host
    host_ip: str = ""
    pcpus: int = 0                                  # processors for guests that get them for themselves
    pcpus_used: int = 0
    cells: tuple[Cell, ...] = ()
    pci: tuple[PciPool, ...] = ()
    metrics: dict[str, float] = {}
    properties: dict[str, int] = {}                 # "name=value" of images → servers made of such images


class Profile(msgspec.Struct, frozen=True):
    """What many hosts have in common. Filters look at each profile once and not at each host."""

    hypervisor_type: str
    hypervisor_version: int
    cpu_arch: str
    supported: tuple[tuple[str, str, str], ...]
    capabilities: dict


class Aggregate(msgspec.Struct, frozen=True):
    """A host aggregate: its members as a mask, its metadata with lists ("a,b") taken apart."""

    hosts: frozenset[str]
    metadata: dict[str, frozenset[str]]
    mask: np.ndarray


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What some filters are configured with, under Nova's option names."""

    default_availability_zone: str = "nova"
    max_io_ops_per_host: int = 8
    max_instances_per_host: int = 50
    isolated_hosts: frozenset[str] = frozenset()
    isolated_images: frozenset[str] = frozenset()
    restrict_isolated_hosts_to_isolated_images: bool = True
    aggregate_image_properties_isolation_namespace: str = ""
    aggregate_image_properties_isolation_separator: str = "."
    metrics_weights: dict[str, float] = {}          # metric → its share in the weight
    metrics_required: bool = True                   # MetricsFilter: every one of them must be there
    metrics_weight_of_unavailable: float = -10_000.0
    image_properties_weights: dict[str, float] = {} # property → its share; {}: every property counts 1


#: Columns taken from the field of `Host` with the same name.
COLUMNS = {
    "vcpus": np.int64, "vcpus_used": np.int64, "vcpus_reserved": np.int64, "pcpus": np.int64, "pcpus_used": np.int64,
    "memory_mb": np.int64, "memory_mb_used": np.int64, "memory_mb_reserved": np.int64,
    "disk_gib": np.int64, "disk_gib_used": np.int64, "disk_gib_reserved": np.int64,
    "cpu_allocation_ratio": np.float64, "ram_allocation_ratio": np.float64, "disk_allocation_ratio": np.float64,
    "enabled": np.bool_, "up": np.bool_,
    "num_instances": np.int64, "num_io_ops": np.int64, "failed_builds": np.int64, "hypervisor_version": np.int64,
}
#: Columns made from other facts.
DERIVED = {"present": np.bool_, "profile": np.int32, "luck": np.uint64,
           "ip_version": np.int8, "ip_high": np.uint64, "ip_low": np.uint64}
#: Columns that placing a server changes.
CONSUMED = ("vcpus_used", "pcpus_used", "memory_mb_used", "disk_gib_used", "num_instances", "num_io_ops")
_LOW = (1 << 64) - 1


class Hosts:
    """All hosts. Arrays are longer than the number of hosts; `present` says which rows count."""

    vcpus: np.ndarray
    vcpus_used: np.ndarray
    vcpus_reserved: np.ndarray
    pcpus: np.ndarray
    pcpus_used: np.ndarray
    memory_mb: np.ndarray
    memory_mb_used: np.ndarray
    memory_mb_reserved: np.ndarray
    disk_gib: np.ndarray
    disk_gib_used: np.ndarray
    disk_gib_reserved: np.ndarray
    cpu_allocation_ratio: np.ndarray
    ram_allocation_ratio: np.ndarray
    disk_allocation_ratio: np.ndarray
    enabled: np.ndarray
    up: np.ndarray
    num_instances: np.ndarray
    num_io_ops: np.ndarray
    failed_builds: np.ndarray
    hypervisor_version: np.ndarray
    present: np.ndarray
    profile: np.ndarray
    luck: np.ndarray                                # a fixed random number per host id, for ties
    ip_version: np.ndarray
    ip_high: np.ndarray
    ip_low: np.ndarray

    def __init__(self, limits: Limits | None = None):
        self.limits = limits or Limits()
        self.rows: list[Host | None] = []
        self.row_of: dict[str, int] = {}
        self.by_host: dict[str, set[int]] = {}
        self.by_node: dict[str, set[int]] = {}
        self.by_server: dict[str, int] = {}
        self.traits: dict[str, np.ndarray] = {}
        self.metrics: dict[str, np.ndarray] = {}        # NaN where a host does not have it
        self.properties: dict[str, np.ndarray] = {}
        self.cells = numa.Columns()
        self.with_pci: set[int] = set()
        self.aggregates: dict[str, Aggregate] = {}
        self.profiles = _Profiles()
        self._free: list[int] = []
        for name, dtype in (COLUMNS | DERIVED).items():
            setattr(self, name, np.zeros(0, dtype))

    def __len__(self) -> int:
        return len(self.row_of)

    def __iter__(self) -> Iterator[Host]:
        return (host for host in self.rows if host is not None)

    def at(self, row: int) -> Host:
        """The host in a row that is present."""
        host = self.rows[row]
        if host is None:
            raise LookupError(f"row {row} holds no host")
        return host

    def find(self, id: str) -> Host | None:
        row = self.row_of.get(id)
        return self.rows[row] if row is not None else None

    def put(self, host: Host) -> None:
        """Add the host, or replace what is known of it."""
        row = self.row_of.get(host.id)
        if row is None:
            row = self._take_row()
        else:
            self._forget(row)
        self.rows[row] = host
        self._put_extras(row, host)
        self.row_of[host.id] = row
        self.by_host.setdefault(host.host, set()).add(row)
        self.by_node.setdefault(host.node or host.host, set()).add(row)
        for name in COLUMNS:
            getattr(self, name)[row] = getattr(host, name)
        for server in host.servers:
            self.by_server[server] = row
        for trait in host.traits:
            if trait not in self.traits:
                self.traits[trait] = np.zeros(len(self.rows), np.bool_)
            self.traits[trait][row] = True
        for aggregate in self.aggregates.values():
            aggregate.mask[row] = host.host in aggregate.hosts
        self.profile[row] = self.profiles.take(host)
        self.luck[row] = int.from_bytes(hashlib.blake2b(host.id.encode(), digest_size=8).digest(), "big")
        self.ip_version[row], self.ip_high[row], self.ip_low[row] = address(host.host_ip)
        self.present[row] = True

    def count(self, id: str, server: str, takes: Mapping[str, int], sign: int) -> None:
        """A server came to the host, to be built there (+1), or is gone (-1), and so much of its columns is used or free. Nothing
        else of the host changes, so this is a small part of a `put`; an absent host is left alone."""
        if (host := self.find(id)) is None:
            return
        servers = host.servers | {server} if sign > 0 else host.servers - {server}
        changes = {name: getattr(host, name) + sign * amount for name, amount in takes.items()}
        changes |= {"num_instances": host.num_instances + sign, "num_io_ops": host.num_io_ops + max(sign, 0)}
        row = self.row_of[id]
        self.rows[row] = msgspec.structs.replace(host, servers=servers, **changes)
        for name, value in changes.items():
            getattr(self, name)[row] = value
        if sign > 0:
            self.by_server[server] = row
        elif self.by_server.get(server) == row:
            del self.by_server[server]

    def _put_extras(self, row: int, host: Host) -> None:
        """What only some hosts have; `_forget` has cleared the row."""
        self.cells.put(row, len(self.rows), host.cells, ())
        if host.pci:
            self.with_pci.add(row)
        for columns, facts, absent in ((self.metrics, host.metrics, np.nan), (self.properties, host.properties, 0.0)):
            for name, value in facts.items():
                if name not in columns:
                    columns[name] = np.full(len(self.rows), absent)
                columns[name][row] = value

    def remove(self, id: str) -> None:
        """Forget the host. An absent one is already forgotten."""
        row = self.row_of.pop(id, None)
        if row is not None:
            self._forget(row)
            self.rows[row] = None
            self.present[row] = False
            for aggregate in self.aggregates.values():
                aggregate.mask[row] = False
            self._free.append(row)

    def put_aggregate(self, id: str, metadata: Mapping[str, str], hosts: Collection[str]) -> None:
        """Add or replace an aggregate of hosts, by their service names; hosts may be known later than it is."""
        taken = {key: frozenset(part.strip() for part in value.split(",")) for key, value in metadata.items()}
        self.aggregates[id] = Aggregate(frozenset(hosts), taken, self.mask_of_hosts(hosts))

    def remove_aggregate(self, id: str) -> None:
        """Forget the aggregate. An absent one is already forgotten."""
        self.aggregates.pop(id, None)

    def working_copy(self) -> Hosts:
        """A copy whose consumption may be changed; everything else is shared and only read."""
        other = copy.copy(self)
        for name in CONSUMED:
            setattr(other, name, getattr(self, name).copy())
        return other

    def consume(self, row: int, request: ServerRequest) -> None:
        """Count one server of the request on this row. Only for a working copy."""
        self.vcpus_used[row] += request.vcpus
        self.pcpus_used[row] += request.pcpus
        if request.cells:
            self.numa_placed(row, request)
        self.memory_mb_used[row] += request.memory_mb
        self.disk_gib_used[row] += request.disk_gib
        self.num_instances[row] += 1
        self.num_io_ops[row] += 1

    def numa_placed(self, row: int, request: ServerRequest) -> None:
        """Count the cells of one server on this row. Only for a working copy, whose cells become its own."""
        had = self.at(row).cells
        host = msgspec.structs.replace(self.at(row), cells=numa.after(had, request.cells))
        self.rows, self.cells = [*self.rows], copy.deepcopy(self.cells)
        self.rows[row] = host
        self.cells.put(row, len(self.rows), host.cells, had)

    def nowhere(self) -> np.ndarray:
        return np.zeros(len(self.rows), np.bool_)

    def mask_of_rows(self, rows: Collection[int]) -> np.ndarray:
        mask = self.nowhere()
        mask[list(rows)] = True
        return mask

    def mask_of_hosts(self, names: Collection[str]) -> np.ndarray:
        return self.mask_of_rows([row for name in names for row in self.by_host.get(name, ())])

    def _take_row(self) -> int:
        if not self._free:
            have, more = len(self.rows), max(8, len(self.rows))
            for name in COLUMNS | DERIVED:
                setattr(self, name, _longer(getattr(self, name), more))
            self.traits = {trait: _longer(mask, more) for trait, mask in self.traits.items()}
            self.aggregates = {id: msgspec.structs.replace(aggregate, mask=_longer(aggregate.mask, more))
                               for id, aggregate in self.aggregates.items()}
            self.metrics = {name: _longer(column, more, np.nan) for name, column in self.metrics.items()}
            self.properties = {name: _longer(column, more) for name, column in self.properties.items()}
            self.rows = self.rows + [None] * more
            self._free = list(range(have + more - 1, have - 1, -1))
        return self._free.pop()

    def _forget(self, row: int) -> None:
        """Take the row out of everything that finds it by something else."""
        old = self.at(row)
        for index, name in ((self.by_host, old.host), (self.by_node, old.node or old.host)):
            index[name].discard(row)
            if not index[name]:
                del index[name]
        for server in old.servers:
            if self.by_server.get(server) == row:
                del self.by_server[server]
        for trait in old.traits:
            self.traits[trait][row] = False
        self.cells.put(row, len(self.rows), (), old.cells)
        self.with_pci.discard(row)
        for name in old.metrics:
            self.metrics[name][row] = np.nan
        for name in old.properties:
            self.properties[name][row] = 0
        self.profiles.drop(int(self.profile[row]))


class _Profiles:
    """Distinct profiles, counted, so that one which no host has any more makes room."""

    def __init__(self) -> None:
        self.items: list[Profile | None] = []
        self._index: dict[bytes, int] = {}
        self._keys: list[bytes] = []
        self._uses: list[int] = []
        self._free: list[int] = []

    def take(self, host: Host) -> int:
        profile = Profile(host.hypervisor_type, host.hypervisor_version, host.cpu_arch, host.supported, host.capabilities)
        key = msgspec.json.encode(profile, order="sorted")
        at = self._index.get(key)
        if at is None:
            if self._free:
                at = self._free.pop()
                self.items[at], self._keys[at], self._uses[at] = profile, key, 0
            else:
                at = len(self.items)
                self.items.append(profile)
                self._keys.append(key)
                self._uses.append(0)
            self._index[key] = at
        self._uses[at] += 1
        return at

    def drop(self, at: int) -> None:
        self._uses[at] -= 1
        if not self._uses[at]:
            del self._index[self._keys[at]]
            self.items[at] = None
            self._free.append(at)


def address(text: str) -> tuple[int, int, int]:
    """(version, high 64 bits, low 64 bits) of an address; version 0 when it is none."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return 0, 0, 0
    return found.version, int(found) >> 64, int(found) & _LOW


def _longer(column: np.ndarray, more: int, empty: float = 0) -> np.ndarray:
    return np.concatenate([column, np.full(more, empty, column.dtype)])


def capacity(total: np.ndarray, reserved: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """What may be used in all, as placement counts it."""
    return np.floor((total - reserved) * ratio)


def is_finite(text: str) -> bool:
    """Whether the text is a number a ratio or a multiplier can be."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
