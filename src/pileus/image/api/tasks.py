"""Tasks: what administrators see of imports, and how they order one that makes its image."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlencode

import msgspec

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.image.api.bodies import Id
from pileus.image.api.images import new_image
from pileus.image.api.imports import ImportOrder, order
from pileus.image.api.query import DEFAULT_LIMIT, MOST
from pileus.image.api.views import task_stub, task_view
from pileus.image.model import IMPORT, TASK_STATUSES, TASK_TYPES, Task, WantedTasks

SORT_KEYS = ("created_at", "updated_at", "expires_at", "id", "type", "status")
FILTERS = {"status": TASK_STATUSES, "type": TASK_TYPES, "owner": None}


class TaskCreate(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["import", "api_image_import"]
    input: dict[str, Any]


class FromAddress(msgspec.Struct):
    """What a task of type import needs."""

    import_from: str
    image_properties: dict[str, Any]
    import_from_format: str | None = None


class IntoImage(msgspec.Struct):
    """What a task of type api_image_import needs."""

    image_id: Id
    import_req: ImportOrder


async def create_task(req: Request, body: TaskCreate) -> Reply:
    made = await (_import_from(req, body.input) if body.type == IMPORT else _import_into(req, body.input))
    return Reply(201, task_view(made), {"location": req.url(f"/image/v2/tasks/{made.id}")})


async def list_tasks(req: Request) -> dict[str, Any]:
    asked = wanted(req)
    found = await req.services.image.tasks.page(asked, req.query.get("marker"))
    query = [pair for pair in req.query.pairs if pair[0] != "marker"]
    page = {"tasks": [task_stub(task) for task in found], "first": _link(query), "schema": "/v2/schemas/tasks"}
    if found and len(found) == asked.limit:
        page["next"] = _link([*query, ("marker", found[-1].id)])
    return page


async def show_task(req: Request, task_id: str) -> dict[str, Any]:
    return task_view(await req.services.image.tasks.get(task_id))


ROUTES = [
    Route("POST", "/v2/tasks", create_task, policy="tasks_api_access", body=TaskCreate, ok=201),
    Route("GET", "/v2/tasks", list_tasks, policy="tasks_api_access"),
    Route("GET", "/v2/tasks/{task_id}", show_task, policy="tasks_api_access"),
]


def wanted(req: Request) -> WantedTasks:
    """What a list is asked for, without its marker. Raises Invalid."""
    query, limit = req.query, req.query.integer("limit")
    key, direction = query.get("sort_key") or "created_at", query.get("sort_dir") or "desc"
    if key not in SORT_KEYS:
        raise Invalid(f"Invalid sort key: {key}. It must be one of the following: {', '.join(SORT_KEYS)}.")
    if direction not in ("asc", "desc"):
        raise Invalid(f"Invalid sort direction: {direction}")
    equal = tuple((name, value) for name, value in query.pairs if name in FILTERS)
    for name, value in equal:
        allowed = FILTERS[name]
        if allowed is not None and value not in allowed:
            raise Invalid(f"Invalid {name} value: {value}")
    sort = ((key, direction == "desc"), *([("id", direction == "desc")] if key != "id" else []))
    return WantedTasks(equal=equal, sort=sort, limit=DEFAULT_LIMIT if limit is None else min(limit, MOST))


async def _import_from(req: Request, given: dict[str, Any]) -> Task:
    asked = _converted(given, FromAddress)
    formats = {"disk_format": asked.import_from_format, "container_format": "bare"}
    image = new_image(req, formats | asked.image_properties)
    return await req.services.image.tasks.import_from(_who(req), image, asked.import_from, given)


async def _import_into(req: Request, given: dict[str, Any]) -> Task:
    asked, images = _converted(given, IntoImage), req.services.image
    images.imports.check(asked.import_req.method.name)
    task = await images.imports.begin(_who(req), await images.get(asked.image_id, req.who.scope), order(asked.import_req, None))
    if task is None:
        raise Invalid("All stores have the image already.")
    return task


def _who(req: Request) -> Any:
    return msgspec.structs.replace(req.who, request_id=req.id)


def _converted(given: dict[str, Any], kind: type) -> Any:
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as problem:
        raise Invalid(f"The input of the task is not what its type needs: {problem}") from problem


def _link(query: list[tuple[str, str]]) -> str:
    return "/v2/tasks" + ("?" + urlencode(query) if query else "")
