"""The attributes that callers set, and what each of them may be. The schemas of the API are made from this."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from pileus.core.errors import Invalid

Text = Annotated[str, Meta(max_length=255)]
ID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
Id = Annotated[str, Meta(pattern=ID, max_length=36)]
Size = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]
Value = Annotated[str, Meta(max_length=65535)]
DiskFormat = Literal["ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop", "luks", "gpt"]
ContainerFormat = Literal["ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"]
Visibility = Literal["public", "community", "shared", "private"]
MemberStatus = Literal["pending", "accepted", "rejected"]

#: Attribute → what it may be. Everything else a caller sets is a custom property, which is text.
ATTRIBUTES: dict[str, Any] = {
    "id": Id,
    "name": Text | None,
    "visibility": Visibility,
    "owner": Text | None,
    "disk_format": DiskFormat | None,
    "container_format": ContainerFormat | None,
    "min_disk": Size,
    "min_ram": Size,
    "protected": bool,
    "os_hidden": bool,
    "tags": list[Text],
}


class MemberCreate(msgspec.Struct, forbid_unknown_fields=True):
    member: Annotated[str, Meta(min_length=1, max_length=255)]


class MemberUpdate(msgspec.Struct):
    status: MemberStatus


def checked(name: str, value: Any) -> Any:
    """The value of an attribute or custom property as it is stored. Raises Invalid."""
    if not name or len(name) > 255:
        raise Invalid("The name of a property has 1 to 255 characters.")
    if isinstance(value, str) and "\0" in value:                         # which PostgreSQL has no text with
        raise Invalid(f"Provided object does not match schema 'image': {name}: NUL characters are not text")
    try:
        value = msgspec.convert(value, ATTRIBUTES.get(name, Value))
    except msgspec.ValidationError as problem:
        raise Invalid(f"Provided object does not match schema 'image': {name}: {problem}") from problem
    return list(dict.fromkeys(value)) if name == "tags" else value
