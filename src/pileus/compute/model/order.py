"""What a user orders: the API's request for new servers, after its syntax was checked and before anything was looked up."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.compute.model.local_disks import LocalDisks


class WantedNetwork(msgspec.Struct, frozen=True, kw_only=True):
    network_id: str | None = None
    port_id: str | None = None
    fixed_ip: str | None = None
    tag: str | None = None


class ServerOrder(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    flavor_id: str
    image_id: str
    networks: tuple[WantedNetwork, ...] | str | None = None       # or "auto" or "none"
    key_name: str | None = None
    metadata: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    description: str | None = None
    hostname: str | None = None
    user_data: str | None = None
    config_drive: bool = False
    security_groups: tuple[str, ...] = ("default",)
    availability_zone: str | None = None
    force_host: str | None = None
    force_node: str | None = None
    wanted_host: str | None = None                                 # must pass every filter too
    wanted_node: str | None = None                                 # likewise, by its hypervisor's name
    scheduler_hints: dict = {}
    min_count: int = 1
    max_count: int = 1
    disk_config: str = "MANUAL"
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    admin_pass: str | None = None
    files: dict[str, bytes] = {}                                   # personality
    trusted_image_certificates: list[str] | None = None
    local_disks: LocalDisks = LocalDisks()


class RebuildOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a server is to be rebuilt with. `changes` are columns of its row: only those that the user named."""

    image_id: str
    admin_pass: str | None = None
    files: dict[str, bytes] = {}
    key_name: str | msgspec.UnsetType | None = msgspec.UNSET       # None: without a key from now on
    changes: dict = {}


class EvacuationOrder(msgspec.Struct, frozen=True, kw_only=True):
    """How a server is to leave a host that is down."""

    host: str | None
    forced: bool                            # to the host, whatever the scheduler says of it
    admin_pass: str | None                  # None: what is on its disk stays as it is
    shared: bool                            # its disk is in reach of the other hosts
    stop: bool                              # it is off there, whatever it was
