"""The records of metadata definitions."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

import msgspec


class Namespace(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of definitions. A private one exists for its owner only."""

    id: str
    namespace: str
    display_name: str | None = None
    description: str | None = None
    visibility: str = "private"
    protected: bool = False
    owner: str | None = None
    created_at: datetime
    updated_at: datetime


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What every part of a namespace has; its name is its own among its kind in the namespace."""

    namespace_id: str
    name: str
    created_at: datetime
    updated_at: datetime


AnItem = TypeVar("AnItem", bound=Item)


class Property(Item, frozen=True, kw_only=True):
    """A property; `definition` is its JSON schema."""

    definition: dict[str, Any]


class Object(Item, frozen=True, kw_only=True):
    """Properties that belong together."""

    description: str | None = None
    required: list[str] = []
    properties: dict[str, dict[str, Any]] = {}


class Tag(Item, frozen=True, kw_only=True):
    """A word that resources may be tagged with."""


class Association(Item, frozen=True, kw_only=True):
    """A resource type that a namespace is for. Property names get `prefix` there; `properties_target` says which of its metadata."""

    prefix: str | None = None
    properties_target: str | None = None


class ResourceType(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of resource that some namespace is, or was, for."""

    name: str
    created_at: datetime
    updated_at: datetime


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """All there is in a namespace."""

    associations: list[Association]
    properties: list[Property]
    objects: list[Object]
    tags: list[Tag]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """In which order a list comes and which part of it: `after` is the last name of the page before."""

    key: str = "created_at"
    descending: bool = True
    limit: int | None = None
    after: str | None = None
