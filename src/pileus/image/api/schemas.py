"""JSON schemas of what the API shows, made from the same definitions that requests are held to."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.core.http import Request, Route
from pileus.image.api.bodies import ATTRIBUTES, MEMBER_STATUS

READ_ONLY: dict[str, Any] = {
    "status": str, "size": int | None, "virtual_size": int | None, "checksum": str | None, "os_hash_algo": str | None,
    "os_hash_value": str | None, "created_at": str, "updated_at": str, "self": str, "file": str, "schema": str,
}
DESCRIPTIONS = {
    "id": "An identifier for the image", "name": "Descriptive name for the image", "status": "Status of the image",
    "visibility": "Scope of image accessibility", "owner": "Owner of the image", "disk_format": "Format of the disk",
    "container_format": "Format of the container", "min_disk": "Amount of disk space (in GB) required to boot image.",
    "min_ram": "Amount of ram (in MB) required to boot image.", "protected": "If true, image will not be deletable.",
    "os_hidden": "If true, image will not appear in default image list response.", "tags": "List of strings related to the image",
    "size": "Size of image file in bytes", "virtual_size": "Virtual size of image in bytes",
    "checksum": "md5 hash of image contents.", "os_hash_algo": "Algorithm to calculate the os_hash_value", "os_hash_value": "Hexdigest of the image contents",
    "created_at": "Date and time of image registration", "updated_at": "Date and time of the last image modification",
    "self": "An image self url", "file": "An image file url", "schema": "An image schema url",
}
MEMBER: dict[str, Any] = {
    "created_at": str, "image_id": str, "member_id": str, "schema": str, "status": MEMBER_STATUS, "updated_at": str,
}


async def show_image_schema(req: Request) -> dict[str, Any]:
    return image_schema()


async def show_images_schema(req: Request) -> dict[str, Any]:
    return _collection("images", image_schema()) | {"links": _links(first="first", next="next", describedby="schema")}


async def show_member_schema(req: Request) -> dict[str, Any]:
    return member_schema()


async def show_members_schema(req: Request) -> dict[str, Any]:
    return _collection("members", member_schema()) | {"links": _links(describedby="schema")}


ROUTES = [
    Route("GET", "/v2/schemas/image", show_image_schema, policy="image_schemas"),
    Route("GET", "/v2/schemas/images", show_images_schema, policy="image_schemas"),
    Route("GET", "/v2/schemas/member", show_member_schema, policy="image_schemas"),
    Route("GET", "/v2/schemas/members", show_members_schema, policy="image_schemas"),
]


def image_schema() -> dict[str, Any]:
    properties = {name: _property(kind) | {"description": DESCRIPTIONS[name]} for name, kind in ATTRIBUTES.items()}
    for name, kind in READ_ONLY.items():
        properties[name] = _property(kind) | {"description": DESCRIPTIONS[name], "readOnly": True}
    return {"name": "image", "properties": properties, "additionalProperties": {"type": "string"},
            "links": _links(self="self", enclosure="file", describedby="schema")}


def member_schema() -> dict[str, Any]:
    return {"name": "member", "properties": {name: _property(kind) for name, kind in MEMBER.items()}}


def _collection(name: str, item: dict[str, Any]) -> dict[str, Any]:
    properties = {name: {"type": "array", "items": item}, "schema": {"type": "string"}}
    if name == "images":
        properties |= {"first": {"type": "string"}, "next": {"type": "string"}}
    return {"name": name, "properties": properties}


def _links(**attributes: str) -> list[dict[str, str]]:
    """Relations with the attributes that their links are in."""
    return [{"rel": rel, "href": "{" + attribute + "}"} for rel, attribute in attributes.items()]


def _property(kind: Any) -> dict[str, Any]:
    """The schema of a type, in the dialect of Glance: several types are a list, and choices name theirs."""
    schema = msgspec.json.schema(kind)
    if "anyOf" in schema:
        parts = schema["anyOf"]
        merged = {key: value for part in parts for key, value in part.items()}
        schema = merged | {"type": ["null", next(p["type"] for p in parts if p.get("type") != "null")]}
    if "enum" in schema:
        nullable = None in schema["enum"]
        schema = schema | {"type": ["null", "string"] if nullable else "string"}
    return schema
