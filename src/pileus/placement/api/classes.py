"""Resource classes: the standard ones, and those of operators."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.placement.api.fields import Body, shown
from pileus.placement.api.words import validating
from pileus.placement.model import CUSTOM_NAME, Named


class ClassName(Body):
    name: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^CUSTOM_[A-Z0-9_]+$")]


def location(name: str) -> str:
    return f"/placement/resource_classes/{name}"


def view(name: str) -> dict[str, Any]:
    return {"name": name, "links": [{"rel": "self", "href": location(name)}]}


async def list_classes(req: Request):
    return shown(req, {"resource_classes": [view(name) for name in await req.services.placement.all_classes()]})


async def create_class(req: Request, body: ClassName):
    await req.services.placement.create_class(body.name)
    return Reply(201, None, {"location": req.url(location(body.name))})


async def show_class(req: Request, name: str):
    found: Named | None = await req.services.placement.get_class(name)
    return shown(req, view(name), *([found.updated_at] if found else []))


async def rename_class(req: Request, name: str, body: ClassName):
    await req.services.placement.rename_class(name, body.name)
    return view(body.name)


async def put_class(req: Request, name: str):
    if len(name) > 255 or not CUSTOM_NAME.match(name):
        keyword = "maxLength" if len(name) > 255 else "pattern"
        raise Invalid("JSON does not validate: " + validating(f"{name!r} is not the name of a custom class", keyword))
    made = await req.services.placement.ensure_class(name)
    return Reply(201 if made else 204, None, {"location": req.url(location(name))})


async def delete_class(req: Request, name: str):
    await req.services.placement.delete_class(name)


C = "placement:resource_classes:"
ROUTES = [
    Route("GET", "/resource_classes", list_classes, policy=C + "list", since=(1, 2)),
    Route("POST", "/resource_classes", create_class, policy=C + "create", body=ClassName, ok=201, since=(1, 2)),
    Route("GET", "/resource_classes/{name}", show_class, policy=C + "show", since=(1, 2)),
    Route("PUT", "/resource_classes/{name}", rename_class, policy=C + "update", body=ClassName, since=(1, 2), until=(1, 6)),
    Route("PUT", "/resource_classes/{name}", put_class, policy=C + "update", ok=204, since=(1, 7)),
    Route("DELETE", "/resource_classes/{name}", delete_class, policy=C + "delete", ok=204, since=(1, 2)),
]
