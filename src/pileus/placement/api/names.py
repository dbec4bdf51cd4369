"""Traits and resource classes: the standard ones, and those of operators (`CUSTOM_…`)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.placement.api import fields
from pileus.placement.api.fields import Body, Label


class ClassNew(Body, kw_only=True):
    name: Label


async def list_traits(req: Request):
    fields.only(req, "name", "associated")
    names = await req.services.placement.all_traits(associated=req.query.flag("associated"))
    how = req.query.get("name")
    if how is not None:
        if how.startswith("in:"):
            names &= set(how[3:].split(","))
        elif how.startswith("startswith:"):
            names = {n for n in names if n.startswith(how[11:])}
        else:
            raise Invalid("Badly formatted name parameter. Expected name query string parameter in form: ?name=[in|startswith]:[name1,name2|prefix].")
    return {"traits": sorted(names)}


async def show_trait(req: Request, name: str):
    await req.services.placement.get_trait(name)


async def put_trait(req: Request, name: str):
    made = await req.services.placement.ensure_trait(name)
    return Reply(201 if made else 204, None, {"location": req.url(f"/placement/traits/{name}")})


async def delete_trait(req: Request, name: str):
    await req.services.placement.delete_trait(name)


def _show_class(name: str) -> dict:
    return {"name": name, "links": [{"rel": "self", "href": f"/placement/resource_classes/{name}"}]}


async def list_classes(req: Request):
    return {"resource_classes": [_show_class(name) for name in await req.services.placement.all_classes()]}


async def create_class(req: Request, body: ClassNew):
    await req.services.placement.create_class(body.name)
    return Reply(201, None, {"location": req.url(f"/placement/resource_classes/{body.name}")})


async def show_class(req: Request, name: str):
    await req.services.placement.get_class(name)
    return _show_class(name)


async def rename_class(req: Request, name: str, body: ClassNew):
    await req.services.placement.rename_class(name, body.name)
    return _show_class(body.name)


async def put_class(req: Request, name: str):
    made = await req.services.placement.ensure_class(name)
    return Reply(201 if made else 204, None, {"location": req.url(f"/placement/resource_classes/{name}")})


async def delete_class(req: Request, name: str):
    await req.services.placement.delete_class(name)


T, C = "placement:traits:", "placement:resource_classes:"
ROUTES = [
    Route("GET", "/traits", list_traits, policy=T + "list", since=(1, 6)),
    Route("GET", "/traits/{name}", show_trait, policy=T + "show", ok=204, since=(1, 6)),
    Route("PUT", "/traits/{name}", put_trait, policy=T + "update", since=(1, 6)),
    Route("DELETE", "/traits/{name}", delete_trait, policy=T + "delete", ok=204, since=(1, 6)),
    Route("GET", "/resource_classes", list_classes, policy=C + "list", since=(1, 2)),
    Route("POST", "/resource_classes", create_class, policy=C + "create", body=ClassNew, since=(1, 2)),
    Route("GET", "/resource_classes/{name}", show_class, policy=C + "show", since=(1, 2)),
    Route("PUT", "/resource_classes/{name}", rename_class, policy=C + "update", body=ClassNew, since=(1, 2), until=(1, 6)),
    Route("PUT", "/resource_classes/{name}", put_class, policy=C + "update", since=(1, 7)),
    Route("DELETE", "/resource_classes/{name}", delete_class, policy=C + "delete", ok=204, since=(1, 2)),
]
