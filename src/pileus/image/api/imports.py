"""Importing images: bytes are staged or downloaded; and the tasks that say how that goes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.core.clock import iso
from pileus.core.http import Request, Route
from pileus.image.api.data import binary
from pileus.image.api.info import STORES
from pileus.image.api.targets import of_image
from pileus.image.errors import StoreUnknown
from pileus.image.model import Task


class Method(msgspec.Struct):
    name: str
    uri: str | None = None


class ImportOrder(msgspec.Struct):
    method: Method
    stores: list[str] | None = None
    all_stores: bool = False
    all_stores_must_succeed: bool = True


async def stage(req: Request, image_id: str) -> None:
    binary(req)
    images = req.services.image
    await images.stage(await images.get(image_id, req.who.scope), req.stream, req.falcon.content_length)


async def import_image(req: Request, image_id: str, body: ImportOrder) -> None:
    known = [store["id"] for store in STORES]
    for store in body.stores or []:
        if store not in known:
            raise StoreUnknown(store=store)
    images = req.services.image
    asked = {"method": {name: value for name, value in msgspec.structs.asdict(body.method).items() if value is not None},
             "stores": body.stores or known, "all_stores": body.all_stores, "all_stores_must_succeed": body.all_stores_must_succeed}
    image = await images.get(image_id, req.who.scope)
    await images.imports.begin(msgspec.structs.replace(req.who, request_id=req.id), image, body.method.name, asked, uri=body.method.uri)


async def list_image_tasks(req: Request, image_id: str) -> dict[str, Any]:
    return {"tasks": [task_view(task) for task in await req.services.image.imports.tasks.of_image(image_id)]}


async def list_tasks(req: Request) -> dict[str, Any]:
    hidden = ("input", "result", "message")
    found = [task_view(task) for task in await req.services.image.imports.tasks.all()]
    return {"tasks": [{name: value for name, value in task.items() if name not in hidden} for task in found],
            "first": "/v2/tasks", "schema": "/v2/schemas/tasks"}


async def show_task(req: Request, task_id: str) -> dict[str, Any]:
    return task_view(await req.services.image.imports.get_task(task_id))


ROUTES = [
    Route("PUT", "/v2/images/{image_id}/stage", stage, policy="upload_image", target=of_image, stream=True, ok=204),
    Route("POST", "/v2/images/{image_id}/import", import_image, policy="modify_image", target=of_image, body=ImportOrder, ok=202),
    Route("GET", "/v2/images/{image_id}/tasks", list_image_tasks, policy="get_task", target=of_image),
    Route("GET", "/v2/tasks", list_tasks, policy="tasks_api_access"),
    Route("GET", "/v2/tasks/{task_id}", show_task, policy="tasks_api_access"),
]


def task_view(task: Task) -> dict[str, Any]:
    view = {name: getattr(task, name) for name in ("id", "type", "status", "owner", "user_id", "request_id", "image_id", "input",
                                                   "result", "message")}
    return view | {"created_at": iso(task.created_at), "updated_at": iso(task.updated_at), "expires_at": iso(task.expires_at),
                   "self": f"/v2/tasks/{task.id}", "schema": "/v2/schemas/task"}
