"""Properties of a namespace."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Reply, Request, Route
from pileus.image.api.metadefs.common import NAMESPACE, base, kept, of_namespace, parsed, place
from pileus.image.metadefs import definitions as defs
from pileus.image.metadefs.errors import ItemNotFound
from pileus.image.metadefs.model import Property

PROPERTIES = NAMESPACE + "/properties"


async def list_properties(req: Request, namespace: str) -> dict[str, Any]:
    found = await req.services.image.metadefs.properties.all(req.who, namespace)
    return {"properties": {one.name: one.definition for one in found}}


async def create_property(req: Request, namespace: str, body: dict[str, Any]) -> Reply:
    wanted = parsed(defs.NamedProperty, body, "property")
    [made] = await req.services.image.metadefs.properties.add(
        req.who, namespace, lambda ns: [Property(**base(req, ns.id), name=wanted.name, definition=wanted.definition())])
    return Reply(201, property_view(made), {"location": req.url("/image" + place(namespace, "properties", made.name))})


async def show_property(req: Request, namespace: str, name: str) -> dict[str, Any]:
    """With `resource_type`, the name in the path is the one that the property has there."""
    metadefs, wanted, prefix = req.services.image.metadefs, req.query.get("resource_type"), ""
    if wanted is not None:
        prefix = (await metadefs.associations.get(req.who, namespace, wanted)).prefix or ""
        if not name.startswith(prefix):
            raise ItemNotFound(what="property", name=name, namespace=namespace)
    return property_view(await metadefs.properties.get(req.who, namespace, name.removeprefix(prefix)))


async def update_property(req: Request, namespace: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
    wanted = parsed(defs.NamedProperty, body, "property")
    made = await req.services.image.metadefs.properties.replace(
        req.who, namespace, name, lambda old: Property(**kept(req, old), name=wanted.name, definition=wanted.definition()))
    return property_view(made)


async def delete_property(req: Request, namespace: str, name: str) -> None:
    await req.services.image.metadefs.properties.remove(req.who, namespace, name)


async def delete_properties(req: Request, namespace: str) -> None:
    await req.services.image.metadefs.properties.remove(req.who, namespace)


ROUTES = [
    Route("GET", PROPERTIES, list_properties, policy="get_metadef_properties", target=of_namespace),
    Route("POST", PROPERTIES, create_property, policy="add_metadef_property", target=of_namespace, body=dict[str, Any], ok=201),
    Route("DELETE", PROPERTIES, delete_properties, policy="delete_metadef_namespace", target=of_namespace, ok=204),
    Route("GET", PROPERTIES + "/{name}", show_property, policy="get_metadef_property", target=of_namespace),
    Route("PUT", PROPERTIES + "/{name}", update_property, policy="modify_metadef_property", target=of_namespace, body=dict[str, Any]),
    Route("DELETE", PROPERTIES + "/{name}", delete_property, policy="remove_metadef_property", target=of_namespace, ok=204),
]


def property_view(found: Property) -> dict[str, Any]:
    return {"name": found.name} | found.definition
