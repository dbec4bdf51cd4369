"""JSON schemas of what the API shows, made from the same definitions that requests are held to."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import msgspec

from pileus.core.http import Request, Route
from pileus.image.api.bodies import ATTRIBUTES, Id, MemberStatus

READ_ONLY: dict[str, Any] = {
    "status": str, "size": int | None, "virtual_size": int | None, "checksum": str | None, "os_hash_algo": str | None,
    "os_hash_value": str | None, "created_at": str, "updated_at": str, "self": str, "file": str, "schema": str,
    "stores": str,
}
DESCRIPTIONS = {
    "locations": "Addresses of the data, with what is said of them",
    "direct_url": "First address of the data",
    "id": "An identifier for the image",
    "name": "Descriptive name for the image",
    "status": "Status of the image",
    "visibility": "Scope of image accessibility",
    "owner": "Owner of the image",
    "disk_format": "Format of the disk",
    "container_format": "Format of the container",
    "min_disk": "Disk space (in GB) that is needed to boot the image",
    "min_ram": "Memory (in MB) that is needed to boot the image",
    "protected": "Whether the image cannot be deleted",
    "os_hidden": "Whether lists leave the image out unless asked for it",
    "tags": "Words that the image can be found by",
    "size": "Size of the data in bytes",
    "virtual_size": "Size of the disk in the image in bytes",
    "checksum": "MD5 digest of the data",
    "os_hash_algo": "Algorithm of os_hash_value",
    "os_hash_value": "Digest of the data",
    "created_at": "When the image was registered",
    "updated_at": "When the image was last changed",
    "self": "URL of the image",
    "file": "URL of the data",
    "schema": "URL of this schema",
    "stores": "Stores that the data are in",
}
MEMBER: dict[str, Any] = {
    "created_at": str, "image_id": str, "member_id": str, "schema": str, "status": MemberStatus, "updated_at": str,
}
TASK: dict[str, Any] = {
    "id": Id, "type": Literal["import", "api_image_import", "location_import"],
    "status": Literal["pending", "processing", "success", "failure"],
    "input": dict | None, "result": dict | None, "owner": str, "message": str, "image_id": str, "request_id": str, "user_id": str,
    "expires_at": str | None, "created_at": str, "updated_at": str, "self": str, "schema": str,
}
#: What lists show of a task.
STUB = ("id", "type", "status", "owner", "expires_at", "created_at", "updated_at", "self", "schema")


async def show_image_schema(req: Request) -> dict[str, Any]:
    return image_schema(_located(req))


async def show_images_schema(req: Request) -> dict[str, Any]:
    return _collection("images", image_schema(_located(req))) | {"links": _links(first="first", next="next", describedby="schema")}


async def show_member_schema(req: Request) -> dict[str, Any]:
    return member_schema()


async def show_members_schema(req: Request) -> dict[str, Any]:
    return _collection("members", member_schema()) | {"links": _links(describedby="schema")}


async def show_task_schema(req: Request) -> dict[str, Any]:
    return task_schema("task", TASK)


async def show_tasks_schema(req: Request) -> dict[str, Any]:
    stub = task_schema("task", {name: TASK[name] for name in STUB})
    return _collection("tasks", stub) | {"links": _links(first="first", next="next", describedby="schema")}


ROUTES = [
    Route("GET", "/v2/schemas/image", show_image_schema, policy="image_schemas"),
    Route("GET", "/v2/schemas/images", show_images_schema, policy="image_schemas"),
    Route("GET", "/v2/schemas/member", show_member_schema, policy="image_schemas"),
    Route("GET", "/v2/schemas/members", show_members_schema, policy="image_schemas"),
    Route("GET", "/v2/schemas/task", show_task_schema, policy="image_schemas"),
    Route("GET", "/v2/schemas/tasks", show_tasks_schema, policy="image_schemas"),
]


def image_schema(located: Collection[str] = ()) -> dict[str, Any]:
    properties = {name: _property(kind) | {"description": DESCRIPTIONS[name]} for name, kind in ATTRIBUTES.items()}
    for name, kind in READ_ONLY.items():
        properties[name] = _property(kind) | {"description": DESCRIPTIONS[name], "readOnly": True}
    for name in located:
        properties[name] = {"type": "array" if name == "locations" else "string", "description": DESCRIPTIONS[name], "readOnly": True}
    return {"name": "image", "properties": properties, "additionalProperties": {"type": "string"},
            "links": _links(self="self", enclosure="file", describedby="schema")}


def _located(req: Request) -> list[str]:
    config = req.services.image.config
    shown = {"locations": config.show_multiple_locations, "direct_url": config.show_image_direct_url}
    return [name for name, on in shown.items() if on]


def member_schema() -> dict[str, Any]:
    return {"name": "member", "properties": {name: _property(kind) for name, kind in MEMBER.items()}}


def task_schema(name: str, of: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "properties": {name: _property(kind) for name, kind in of.items()}}


def _collection(name: str, item: dict[str, Any]) -> dict[str, Any]:
    properties = {name: {"type": "array", "items": item}, "schema": {"type": "string"}}
    if name in ("images", "tasks"):
        properties |= {"first": {"type": "string"}, "next": {"type": "string"}}
    return {"name": name, "properties": properties}


def _links(**attributes: str) -> list[dict[str, str]]:
    """Relations with the attributes that their links are in."""
    return [{"rel": rel, "href": "{" + attribute + "}"} for rel, attribute in attributes.items()]


def _property(kind: Any) -> dict[str, Any]:
    """The schema of a type, in the dialect of Glance: several types are a list, and choices name theirs."""
    schema = msgspec.json.schema(kind)
    parts = schema.pop("anyOf", [schema])
    merged = {key: value for part in parts for key, value in part.items()}
    types = {_type(part) for part in parts} | ({"null"} if None in merged.get("enum", ()) else set())
    if "enum" in merged and "null" in types:
        merged["enum"] = [None, *(choice for choice in merged["enum"] if choice is not None)]
    return merged | {"type": sorted(types) if len(types) > 1 else types.pop()}


def _type(schema: dict[str, Any]) -> str:
    return schema.get("type", "string")                 # of a choice it is not said, and all of ours are text
