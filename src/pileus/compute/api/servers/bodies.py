"""What clients send about servers. Fields that came or went at a microversion say so in their annotation."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.compute.api.fields import UUID_PATTERN, Flag, HostName, Name
from pileus.core.http import since, until

Description = Annotated[str, Meta(max_length=255, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
Key = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9\-_:. ]{1,255}$")]
Value = Annotated[str, Meta(max_length=255)]
Metadata = dict[Key, Value]
Tag = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[^,/]*$")]
DiskConfig = Literal["AUTO", "MANUAL"]
#: Since 2.94 it may have a domain; before, see `changes/servers.py`.
Hostname = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9\-._]*\Z")]
Certificates = Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(min_length=1, max_length=50)]
Count = int | Annotated[str, Meta(pattern=r"^[0-9]+$")]


class Closed(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A body that takes no fields but its own."""


class NetworkWanted(Closed):
    uuid: str | None = None
    port: str | None = None
    fixed_ip: str | None = None
    tag: Annotated[Tag | UnsetType, since(2, 32)] = UNSET


class GroupWanted(Closed):
    name: Name


class File(Closed):
    path: Annotated[str, Meta(max_length=255)]
    contents: str


class BlockDevice(msgspec.Struct, kw_only=True):
    """A block device mapping. Volumes come with block storage: of these, only the image's own local disk is taken."""

    source_type: Literal["image", "blank", "volume", "snapshot"] = "volume"
    destination_type: Literal["local", "volume"] | None = None
    uuid: str | None = None
    boot_index: int | str | None = None
    delete_on_termination: Flag | None = None
    volume_size: int | str | None = None
    guest_format: str | None = None
    device_name: str | None = None
    disk_bus: str | None = None
    device_type: str | None = None
    no_device: Flag | None = None
    tag: str | None = None
    volume_type: str | None = None


class ServerNew(Closed):
    name: Name
    flavor: str | int = msgspec.field(name="flavorRef")
    image: str = msgspec.field(name="imageRef", default="")
    networks: list[NetworkWanted] | Literal["auto", "none"] | None = None
    key_name: Name | UnsetType = UNSET
    metadata: Metadata = {}
    personality: Annotated[list[File], until(2, 56)] = []
    user_data: Annotated[str, Meta(max_length=65535)] | UnsetType = UNSET
    config_drive: Flag = False
    security_groups: list[GroupWanted] = []
    availability_zone: Name | UnsetType = UNSET
    min_count: Count | UnsetType = UNSET
    max_count: Count | UnsetType = UNSET
    return_reservation_id: Flag = False
    block_device_mapping: list[dict[str, Any]] = []
    block_device_mapping_v2: list[BlockDevice] = []
    admin_pass: str = msgspec.field(name="adminPass", default="")
    access_ip_v4: str | UnsetType = msgspec.field(name="accessIPv4", default=UNSET)
    access_ip_v6: str | UnsetType = msgspec.field(name="accessIPv6", default=UNSET)
    disk_config: DiskConfig = msgspec.field(name="OS-DCF:diskConfig", default="MANUAL")
    description: Annotated[Description | None, since(2, 19)] = None
    tags: Annotated[Annotated[list[Tag], Meta(max_length=50)], since(2, 52)] = []
    trusted_image_certificates: Annotated[Certificates | None, since(2, 63)] = None
    host: Annotated[HostName | UnsetType, since(2, 74)] = UNSET
    hypervisor_hostname: Annotated[HostName | UnsetType, since(2, 74)] = UNSET
    hostname: Annotated[Hostname | UnsetType, since(2, 90)] = UNSET


ServerId = Annotated[str, Meta(pattern=UUID_PATTERN)]


class Hints(msgspec.Struct, kw_only=True):
    """Scheduler hints; operators' own filters may take others, so unknown ones are let through."""

    group: str | None = None
    same_host: ServerId | Annotated[list[ServerId], Meta(max_length=128)] | None = None
    different_host: ServerId | Annotated[list[ServerId], Meta(max_length=128)] | None = None
    build_near_host_ip: Annotated[str, Meta(pattern=r"^[0-9a-fA-F.:]{2,45}$")] | None = None
    cidr: Annotated[str, Meta(pattern=r"^/[0-9a-fA-F.:]{1,45}$")] | None = None
    query: str | dict[str, Any] | None = None
    target_cell: str | None = None
    different_cell: list[str] | None = None


class ServerCreate(Closed):
    server: ServerNew
    hints: dict[str, Any] = msgspec.field(name="os:scheduler_hints", default_factory=dict)
    old_hints: dict[str, Any] = msgspec.field(name="OS-SCH-HNT:scheduler_hints", default_factory=dict)


class ServerChange(Closed):
    name: Name | UnsetType = UNSET
    access_ip_v4: str | UnsetType = msgspec.field(name="accessIPv4", default=UNSET)
    access_ip_v6: str | UnsetType = msgspec.field(name="accessIPv6", default=UNSET)
    disk_config: DiskConfig | UnsetType = msgspec.field(name="OS-DCF:diskConfig", default=UNSET)
    description: Annotated[Description | UnsetType | None, since(2, 19)] = UNSET
    hostname: Annotated[Hostname | UnsetType, since(2, 90)] = UNSET
    pinned_zone: Annotated[Name | UnsetType | None, since(2, 104)] = msgspec.field(
        name="pinned_availability_zone", default=UNSET)


class ServerUpdate(Closed):
    server: ServerChange


class MetadataBody(Closed):
    metadata: Metadata


class MetaItem(Closed):
    meta: Metadata


class TagsBody(Closed):
    tags: Annotated[list[Tag], Meta(max_length=50)]


class InterfaceNew(Closed):
    net_id: str | UnsetType = UNSET
    port_id: ServerId | UnsetType = UNSET
    fixed_ips: list[dict[str, str]] | UnsetType = UNSET
    tag: Annotated[Tag | UnsetType, since(2, 49)] = UNSET


class InterfaceAttach(Closed):
    interface: InterfaceNew = msgspec.field(name="interfaceAttachment", default_factory=InterfaceNew)
