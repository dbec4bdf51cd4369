"""Images and members as Glance shows them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.clock import iso
from pileus.image.backends.stores import Stores
from pileus.image.config import ImageConfig
from pileus.image.model import DEACTIVATED, QUEUED, Image, Member, Task
from pileus.image.service.locations import Location


def image_view(image: Image, stores: Stores) -> dict[str, Any]:
    path = f"/v2/images/{image.id}"
    return {
        **image.properties,
        # A queued image has none but those where its data were looked for in vain.
        **({"stores": ",".join(stores.ordered(image.stores))} if image.has_data or (image.places and image.status == QUEUED) else {}),
        **_importing(image),
        "id": image.id,
        "name": image.name,
        "status": image.status,
        "visibility": image.visibility,
        "owner": image.owner,
        "protected": image.protected,
        "os_hidden": image.os_hidden,
        "disk_format": image.disk_format,
        "container_format": image.container_format,
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "size": image.size,
        "virtual_size": image.virtual_size,
        "checksum": image.checksum,
        "os_hash_algo": image.os_hash_algo,
        "os_hash_value": image.os_hash_value,
        "tags": image.tags,
        "created_at": iso(image.created_at),
        "updated_at": iso(image.updated_at),
        "self": path,
        "file": path + "/file",
        "schema": "/v2/schemas/image",
    }


def located_view(image: Image, locations: list[Location], config: ImageConfig, is_admin: bool) -> dict[str, Any]:
    """What an operator has shown of where the bytes are. Of a deactivated image others are told nothing."""
    if image.status == DEACTIVATED and not is_admin:
        locations = []
    return ({"locations": locations} if config.show_multiple_locations else {}) \
        | ({"direct_url": locations[0].url} if config.show_image_direct_url and locations else {})


def _importing(image: Image) -> dict[str, Any]:
    """What clients watch while an image is imported; without an import there is nothing to see."""
    if image.failed is None:
        return {}
    return {"os_glance_importing_to_stores": ",".join(image.coming), "os_glance_failed_import": ",".join(image.failed)}


def member_view(member: Member) -> dict[str, Any]:
    return {"image_id": member.image_id, "member_id": member.member_id, "status": member.status, "schema": "/v2/schemas/member",
            "created_at": iso(member.created_at), "updated_at": iso(member.updated_at)}


def task_view(task: Task) -> dict[str, Any]:
    own = ("user_id", "request_id", "image_id", "input", "result", "message")
    return task_stub(task) | {name: getattr(task, name) for name in own}


def task_stub(task: Task) -> dict[str, Any]:
    """A task as lists show it."""
    view = {name: getattr(task, name) for name in ("id", "type", "status", "owner")}
    return view | {"created_at": iso(task.created_at), "updated_at": iso(task.updated_at), "expires_at": iso(task.expires_at),
                   "self": f"/v2/tasks/{task.id}", "schema": "/v2/schemas/task"}
