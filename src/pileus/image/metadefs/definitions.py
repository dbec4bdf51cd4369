"""What a definition may say, by callers of the API and in the shipped files alike. The API's schemas are made from this."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

#: Names are parts of paths.
Name = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[^/\x00]+$")]
TypeName = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[^/\x00]+$")]
Short = Annotated[str, Meta(max_length=80, pattern=r"^[^\x00]*$")]
Text = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")]
Count = Annotated[int, Meta(ge=0)]
Kind = Literal["array", "boolean", "integer", "number", "object", "string", "null"]
Visibility = Literal["public", "private"]


class Property(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The JSON schema of a property, as far as Glance takes one."""

    title: str
    type: Kind
    description: str | UnsetType = UNSET
    operators: list[str] | UnsetType = UNSET
    default: Any | UnsetType = UNSET
    readonly: bool | UnsetType = UNSET
    confidential: bool | UnsetType = UNSET
    minimum: float | int | UnsetType = UNSET
    maximum: float | int | UnsetType = UNSET
    enum: list[Any] | UnsetType = UNSET
    pattern: str | UnsetType = UNSET
    minLength: Count | UnsetType = UNSET
    maxLength: Count | UnsetType = UNSET
    items: dict[str, Any] | UnsetType = UNSET
    uniqueItems: bool | UnsetType = UNSET
    minItems: Count | UnsetType = UNSET
    maxItems: Count | UnsetType = UNSET
    additionalItems: bool | UnsetType = UNSET


class NamedProperty(Property, kw_only=True):
    """A property that says its name; inside objects and namespaces it is the key."""

    name: Name

    def definition(self) -> dict[str, Any]:
        found = msgspec.to_builtins(self)
        del found["name"]
        return found


class Object(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name
    description: Text | None = None
    required: list[Name] = []
    properties: dict[Name, Property] = {}


class Tag(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: Name


class Tags(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    tags: list[Tag]


class Association(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: TypeName
    prefix: Short | None = None
    properties_target: Short | None = None


class NamespaceUpdate(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A namespace itself. What is left out gets its default, in an update as well."""

    namespace: Name
    display_name: Short | None = None
    description: Text | None = None
    visibility: Visibility = "private"
    protected: bool = False
    owner: Annotated[str, Meta(max_length=255)] | None = None


class Namespace(NamespaceUpdate, kw_only=True):
    """A namespace with all that is in it."""

    resource_type_associations: list[Association] = []
    properties: dict[Name, Property] = {}
    objects: list[Object] = []
    tags: list[Tag] = []
