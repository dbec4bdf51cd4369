"""What is asked of the scheduler, as one value. Pure data; the API and the sagas fill it in."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The server group the new server joins, with how many of its members each host has already."""

    policy: str                                     # affinity | anti-affinity | soft-affinity | soft-anti-affinity
    max_server_per_host: int = 1                    # the rule of anti-affinity, from microversion 2.64
    hosts: dict[str, int] = {}

    def joined(self, host: str) -> Group:
        """The group after one more member went to `host`."""
        return msgspec.structs.replace(self, hosts={**self.hosts, host: self.hosts.get(host, 0) + 1})


class ServerRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of server, wanted `num_instances` times."""

    vcpus: int
    memory_mb: int
    disk_gib: int = 0                               # root, ephemeral and swap together
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

    def traits(self) -> tuple[frozenset[str], frozenset[str]]:
        """Required and forbidden traits, those of the flavor (`trait:X=required`) and of the image included."""
        required, forbidden = set(self.required_traits), set(self.forbidden_traits)
        for specs in (self.extra_specs, self.image_properties):
            for key, value in specs.items():
                if key.startswith("trait:") and value in ("required", "forbidden"):
                    (required if value == "required" else forbidden).add(key[6:])
        return frozenset(required), frozenset(forbidden)
