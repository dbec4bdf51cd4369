"""What is asked of the scheduler, as one value. Pure data; the API and the sagas fill it in."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.hypervisor.topology import PciPool
from pileus.compute.model.numa import GuestCell


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The server group the new server joins, with how many of its members each host has already."""

    policy: str                                     # affinity | anti-affinity | soft-affinity | soft-anti-affinity
    max_server_per_host: int = 1                    # the rule of anti-affinity, from microversion 2.64
    hosts: dict[str, int] = {}

    def joined(self, host: str) -> Group:
        """The group after one more member went to `host`."""
        return msgspec.structs.replace(self, hosts={**self.hosts, host: self.hosts.get(host, 0) + 1})


class PciDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of PCI device: what an alias stands for. None is any."""

    vendor_id: str | None = None
    product_id: str | None = None
    device_type: str | None = None                  # type-PCI | type-PF | type-VF

    def matches(self, pool: PciPool) -> bool:
        return (self.vendor_id in (None, pool.vendor_id) and self.product_id in (None, pool.product_id)
                and self.device_type in (None, pool.dev_type))


class PciRequest(msgspec.Struct, frozen=True, kw_only=True):
    """So many devices, each of any of these kinds."""

    count: int
    devices: tuple[PciDevice, ...]


class ServerRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of server, wanted `num_instances` times."""

    vcpus: int
    memory_mb: int
    disk_gib: int = 0                               # root, ephemeral and swap together
    pcpus: int = 0                                  # processors for itself, beside `vcpus` shared ones
    num_instances: int = 1
    project_id: str = ""
    flavor_name: str = ""
    extra_specs: dict[str, str] = {}
    image_id: str = ""
    image_properties: dict[str, str] = {}
    availability_zone: str | None = None
    force_host: str | None = None                   # an administrator's choice: only capacity and liveness are still asked
    force_node: str | None = None
    requested_destination: str | None = None        # a host that must also pass every filter
    ignore_hosts: frozenset[str] = frozenset()      # those that said no before
    required_traits: frozenset[str] = frozenset()
    forbidden_traits: frozenset[str] = frozenset()
    group: Group | None = None
    same_host: tuple[str, ...] = ()                 # server ids: scheduler hints from here on
    different_host: tuple[str, ...] = ()
    build_near_host_ip: str | None = None
    cidr: str = "/24"
    query: str | None = None                        # JsonFilter
    cells: tuple[GuestCell, ...] = ()               # NUMA cells of the guest
    pci: tuple[PciRequest, ...] = ()
    candidates: frozenset[str] | None = None        # compute nodes that placement finds fit, when it was asked beforehand

    def traits(self) -> tuple[frozenset[str], frozenset[str]]:
        """Required and forbidden traits, those of the flavor (`trait:X=required`) and of the image included."""
        required, forbidden = set(self.required_traits), set(self.forbidden_traits)
        for specs in (self.extra_specs, self.image_properties):
            for key, value in specs.items():
                if key.startswith("trait:") and value in ("required", "forbidden"):
                    (required if value == "required" else forbidden).add(key[6:])
        return frozenset(required), frozenset(forbidden)
