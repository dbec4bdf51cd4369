"""Objects of a namespace: properties that belong together."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.core.http import Reply, Request, Route
from pileus.image.api.metadefs.common import NAMESPACE, base, kept, known, of_namespace, order, paged, parsed, place, times
from pileus.image.metadefs import definitions as defs
from pileus.image.metadefs.model import Object

OBJECTS = NAMESPACE + "/objects"


async def list_objects(req: Request, namespace: str) -> dict[str, Any]:
    asked = order(req, "name", (), None)
    found = await req.services.image.metadefs.objects.page(req.who, namespace, asked)
    return paged(req, "objects", [object_view(namespace, one) for one in found], asked, "name")


async def create_object(req: Request, namespace: str, body: dict[str, Any]) -> Reply:
    fields = msgspec.to_builtins(parsed(defs.Object, body, "object"))
    [made] = await req.services.image.metadefs.objects.add(req.who, namespace, lambda ns: [Object(**base(req, ns.id), **fields)])
    return Reply(201, object_view(namespace, made), {"location": req.url("/image" + place(namespace, "objects", made.name))})


async def show_object(req: Request, namespace: str, name: str) -> dict[str, Any]:
    return object_view(namespace, await req.services.image.metadefs.objects.get(req.who, namespace, name))


async def update_object(req: Request, namespace: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
    fields = msgspec.to_builtins(parsed(defs.Object, body, "object"))
    made = await req.services.image.metadefs.objects.replace(req.who, namespace, name, lambda old: Object(**kept(req, old), **fields))
    return object_view(namespace, made)


async def delete_object(req: Request, namespace: str, name: str) -> None:
    await req.services.image.metadefs.objects.remove(req.who, namespace, name)


async def delete_objects(req: Request, namespace: str) -> None:
    await req.services.image.metadefs.objects.remove(req.who, namespace)


ROUTES = [
    Route("GET", OBJECTS, list_objects, policy="get_metadef_objects", target=of_namespace),
    Route("POST", OBJECTS, create_object, policy="add_metadef_object", target=of_namespace, body=dict[str, Any], ok=201),
    Route("DELETE", OBJECTS, delete_objects, policy="delete_metadef_namespace", target=of_namespace, ok=204),
    Route("GET", OBJECTS + "/{name}", show_object, policy="get_metadef_object", target=of_namespace),
    Route("PUT", OBJECTS + "/{name}", update_object, policy="modify_metadef_object", target=of_namespace, body=dict[str, Any]),
    Route("DELETE", OBJECTS + "/{name}", delete_object, policy="delete_metadef_object", target=of_namespace, ok=204),
]


def object_view(namespace: str, found: Object, prefix: str = "") -> dict[str, Any]:
    return {
        **known(name=found.name, description=found.description),
        "required": [prefix + name for name in found.required],
        "properties": {prefix + name: definition for name, definition in found.properties.items()},
        **times(found), "self": place(namespace, "objects", found.name), "schema": "/v2/schemas/metadefs/object",
    }
