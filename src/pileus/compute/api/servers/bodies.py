"""What clients send about servers. Fields that came or went at a microversion say so in their annotation."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from pileus.core.http import since, until

#: Printable, at least one character that is no blank. Control characters and lone surrogates are refused.
Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f\ud800-\udfff]*$")]
Description = Annotated[str, Meta(max_length=255, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
Key = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9\-_:. ]{1,255}$")]
Value = Annotated[str, Meta(max_length=255)]
Metadata = dict[Key, Value]
Tag = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[^,/]*$")]
DiskConfig = Literal["AUTO", "MANUAL"]
#: Since 2.94 it may have a domain; before, see `changes/servers.py`.
Hostname = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9\-._]*\Z")]
Count = int | Annotated[str, Meta(pattern=r"^[0-9]+$")]
Flag = bool | str


class Closed(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A body that takes no fields but its own."""


class NetworkWanted(Closed):
    uuid: str | None = None
    port: str | None = None
    fixed_ip: str | None = None
    tag: Annotated[str | None, since(2, 32)] = None


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
    image: str | None = msgspec.field(name="imageRef", default=None)
    networks: list[NetworkWanted] | Literal["auto", "none"] | None = None
    key_name: Name | None = None
    metadata: Metadata = {}
    personality: Annotated[list[File], until(2, 56)] = []
    user_data: Annotated[str, Meta(max_length=65535)] | None = None
    config_drive: Flag | None = None
    security_groups: list[GroupWanted] | None = None
    availability_zone: Name | None = None
    min_count: Count | None = None
    max_count: Count | None = None
    return_reservation_id: Flag = False
    block_device_mapping: list[dict[str, Any]] = []
    block_device_mapping_v2: list[BlockDevice] = []
    admin_pass: str | None = msgspec.field(name="adminPass", default=None)
    access_ip_v4: str | None = msgspec.field(name="accessIPv4", default=None)
    access_ip_v6: str | None = msgspec.field(name="accessIPv6", default=None)
    disk_config: DiskConfig = msgspec.field(name="OS-DCF:diskConfig", default="MANUAL")
    description: Annotated[Description | None, since(2, 19)] = None
    tags: Annotated[Annotated[list[Tag], Meta(max_length=50)], since(2, 52)] = []
    trusted_image_certificates: Annotated[Annotated[list[str], Meta(max_length=50)] | None, since(2, 63)] = None
    host: Annotated[str | None, since(2, 74)] = None
    hypervisor_hostname: Annotated[str | None, since(2, 74)] = None
    hostname: Annotated[Hostname | None, since(2, 90)] = None


ServerId = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$")]


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
    name: Name | msgspec.UnsetType = msgspec.UNSET
    access_ip_v4: str | msgspec.UnsetType | None = msgspec.field(name="accessIPv4", default=msgspec.UNSET)
    access_ip_v6: str | msgspec.UnsetType | None = msgspec.field(name="accessIPv6", default=msgspec.UNSET)
    disk_config: DiskConfig | msgspec.UnsetType = msgspec.field(name="OS-DCF:diskConfig", default=msgspec.UNSET)
    description: Annotated[Description | msgspec.UnsetType | None, since(2, 19)] = msgspec.UNSET
    hostname: Annotated[Hostname | msgspec.UnsetType, since(2, 90)] = msgspec.UNSET
    pinned_zone: Annotated[Name | msgspec.UnsetType | None, since(2, 104)] = msgspec.field(
        name="pinned_availability_zone", default=msgspec.UNSET)


class ServerUpdate(Closed):
    server: ServerChange


class MetadataBody(Closed):
    metadata: Metadata


class MetaItem(Closed):
    meta: Metadata


class TagsBody(Closed):
    tags: Annotated[list[Tag], Meta(max_length=50)]


class InterfaceNew(Closed):
    net_id: str | None = None
    port_id: str | None = None
    fixed_ips: list[dict[str, str]] | None = None
    tag: Annotated[str | None, since(2, 49)] = None


class InterfaceAttach(Closed):
    interface: InterfaceNew | None = msgspec.field(name="interfaceAttachment", default=None)
