"""Importing images: bytes are staged or downloaded; and the tasks that say how that goes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from typing import Any

import msgspec

from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.image.api.bodies import ID
from pileus.image.api.data import STORE, announced, binary
from pileus.image.api.targets import of_image, target
from pileus.image.api.views import task_view
from pileus.image.model import RemoteImage
from pileus.image.service.imports import COPY, REMOTE, Order

UUID = re.compile(ID)
#: Glance shows the tasks of an image as its database has them.
NEVER_DELETED = {"deleted": False, "deleted_at": None}


class Method(msgspec.Struct):
    name: str
    uri: str | None = None
    glance_region: str | None = None
    glance_image_id: str | None = None
    glance_service_interface: str | None = None


class ImportOrder(msgspec.Struct):
    method: Method
    stores: list[str] | None = None
    all_stores: bool = False
    all_stores_must_succeed: bool = True


async def stage(req: Request, image_id: str) -> None:
    binary(req)
    images = req.services.image
    await images.stage(await images.get(image_id, req.who.scope), req.stream, announced(req), store=req.header(STORE))


async def import_image(req: Request, image_id: str, body: ImportOrder) -> None:
    images = req.services.image
    images.imports.check(body.method.name)
    image = await images.get(image_id, req.who.scope)
    req.enforce("copy_image" if body.method.name == COPY else "modify_image", target(req.who, image))
    await images.imports.begin(msgspec.structs.replace(req.who, request_id=req.id), image, order(body, req.header(STORE)))


async def remove_from_store(req: Request, store_id: str, image_id: str) -> None:
    await req.services.image.copies.remove(req.who, image_id, store_id)


async def list_image_tasks(req: Request, image_id: str) -> dict[str, Any]:
    return {"tasks": [task_view(task) | NEVER_DELETED for task in await req.services.image.imports.tasks.of_image(image_id)]}


ROUTES = [
    Route("PUT", "/v2/images/{image_id}/stage", stage, policy="upload_image", target=of_image, stream=True, ok=204),
    Route("POST", "/v2/images/{image_id}/import", import_image, policy="get_image", target=of_image, body=ImportOrder, ok=202),
    Route("DELETE", "/v2/stores/{store_id}/{image_id}", remove_from_store, policy="delete_image_location", target=of_image, ok=204),
    Route("GET", "/v2/images/{image_id}/tasks", list_image_tasks, policy="get_task", target=of_image),
]


def order(body: ImportOrder, header: str | None) -> Order:
    """What a body asks for. Raises Invalid when it does not say that in one way."""
    method = {name: value for name, value in msgspec.structs.asdict(body.method).items() if value is not None}
    chosen = _stores(body, header)
    asked = {"method": method, "stores": chosen, "all_stores": body.all_stores, "all_stores_must_succeed": body.all_stores_must_succeed}
    return Order(method=body.method.name, asked=asked, uri=body.method.uri, remote=_remote(body.method), stores=chosen,
                 all_stores=body.all_stores, must_succeed=body.all_stores_must_succeed)


def _stores(body: ImportOrder, header: str | None) -> list[str]:
    """The stores that an order names, in one of the three ways to do it. Raises Invalid for two."""
    ways = [name for name, given in (("stores", body.stores), ("all_stores", body.all_stores), (STORE, header)) if given]
    if len(ways) > 1:
        raise Invalid(f"{ways[0]} and {ways[1]} cannot be combined.")
    return body.stores or ([header] if header else [])


def _remote(method: Method) -> RemoteImage | None:
    """The other cloud's image that an order names. Raises Invalid when its method needs one."""
    if method.name != REMOTE:
        return None
    if method.glance_region is None or method.glance_image_id is None:
        raise Invalid("'glance_region' and 'glance_image_id' need to be set for the import method glance-download.")
    if not UUID.fullmatch(method.glance_image_id):
        raise Invalid(f"Remote image id does not look like a UUID: {method.glance_image_id}")
    return RemoteImage(region=method.glance_region, interface=method.glance_service_interface or "public", image_id=method.glance_image_id)
