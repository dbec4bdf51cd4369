"""Changes of an image's attributes: a JSON patch, applied. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any, Literal

import msgspec

from pileus.image.errors import AttributeReadOnly, AttributeReserved, FormatsFixed, PropertyMissing
from pileus.image.model import QUEUED, Image

READ_ONLY = frozenset({
    "id", "status", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value", "created_at", "updated_at", "direct_url", "self",
    "file", "schema", "stores",
})
#: Bytes come through uploads only: a caller who could name or take away their place could read this host's files
#: (OSSA-2015-002) or put other bytes under an active image (OSSA-2016-006).
RESERVED = frozenset({"location", "locations", "deleted", "deleted_at"})
RESERVED_PREFIX = "os_glance_"
WRITABLE = frozenset({
    "name", "visibility", "owner", "disk_format", "container_format", "min_disk", "min_ram", "protected", "os_hidden", "tags",
})
FORMATS = frozenset({"disk_format", "container_format"})


class Change(msgspec.Struct, frozen=True):
    """One operation of a patch on a whole attribute."""

    op: Literal["add", "replace", "remove"]
    name: str
    value: Any = None


def refuse_reserved(name: str) -> None:
    """Raise when an attribute is not the caller's to set."""
    if name in READ_ONLY:
        raise AttributeReadOnly(name=name)
    if name in RESERVED or name.startswith(RESERVED_PREFIX):
        raise AttributeReserved(name=name)


def apply(image: Image, changes: list[Change]) -> dict[str, Any]:
    """The fields that change, with their new values. Raises when one of the changes is not possible; then none is made."""
    fields: dict[str, Any] = {}
    properties = dict(image.properties)
    for change in changes:
        refuse_reserved(change.name)
        if change.name in WRITABLE:
            if change.op == "remove":
                raise AttributeReadOnly(f"Property {change.name} may not be removed.", name=change.name)
            if change.name in FORMATS and image.status != QUEUED:
                raise FormatsFixed(name=change.name)
            fields[change.name] = change.value
        elif change.op != "add" and change.name not in properties:
            raise PropertyMissing(name=change.name)
        elif change.op == "remove":
            del properties[change.name]
        else:
            properties[change.name] = change.value
    if properties != image.properties:
        fields["properties"] = properties
    return fields
