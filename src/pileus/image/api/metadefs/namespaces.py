"""Namespaces of metadata definitions."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.image.api.metadefs.common import DEFAULT_LIMIT, NAMESPACE, NAMESPACES, known, of_namespace, order, paged, parsed, place, times
from pileus.image.api.metadefs.objects import object_view
from pileus.image.api.metadefs.resource_types import association_view
from pileus.image.metadefs import definitions as defs
from pileus.image.metadefs.model import Content, Namespace

SORT_KEYS = ("display_name", "visibility", "owner")
VISIBILITIES = ("public", "private")


async def list_namespaces(req: Request) -> dict[str, Any]:
    metadefs, asked = req.services.image.metadefs, order(req, "namespace", SORT_KEYS, DEFAULT_LIMIT)
    visibility = req.query.get("visibility")
    if visibility not in (None, *VISIBILITIES):
        raise Invalid(f"Invalid visibility value: {visibility}. It must be one of: {', '.join(VISIBILITIES)}.")
    wanted = [name for value in req.query.all("resource_types") for name in value.split(",") if name]
    found = await metadefs.page(req.who, asked, visibility=visibility, types=wanted)
    types = await metadefs.types_of(found)
    shown = [namespace_view(one) | {"resource_type_associations": [association_view(it) for it in types[one.id]]} for one in found]
    return paged(req, "namespaces", shown, asked, "namespace")


async def create_namespace(req: Request, body: dict[str, Any]) -> Reply:
    metadefs = req.services.image.metadefs
    made = await metadefs.create(req.who, parsed(defs.Namespace, body, "namespace"))
    return Reply(201, full_view(made, await metadefs.content(made)), {"location": req.url("/image" + place(made.namespace))})


async def show_namespace(req: Request, namespace: str) -> dict[str, Any]:
    metadefs = req.services.image.metadefs
    found = await metadefs.get(namespace, req.who.scope)
    return full_view(found, await metadefs.content(found), req.query.get("resource_type"))


async def update_namespace(req: Request, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
    return namespace_view(await req.services.image.metadefs.update(req.who, namespace, parsed(defs.NamespaceUpdate, body, "namespace")))


async def delete_namespace(req: Request, namespace: str) -> None:
    await req.services.image.metadefs.delete(req.who, namespace)


ROUTES = [
    Route("GET", NAMESPACES, list_namespaces, policy="get_metadef_namespaces"),
    Route("POST", NAMESPACES, create_namespace, policy="add_metadef_namespace", body=dict[str, Any], ok=201),
    Route("GET", NAMESPACE, show_namespace, policy="get_metadef_namespace", target=of_namespace),
    Route("PUT", NAMESPACE, update_namespace, policy="modify_metadef_namespace", target=of_namespace, body=dict[str, Any]),
    Route("DELETE", NAMESPACE, delete_namespace, policy="delete_metadef_namespace", target=of_namespace, ok=204),
]


def namespace_view(namespace: Namespace) -> dict[str, Any]:
    return {
        **known(namespace=namespace.namespace, display_name=namespace.display_name, description=namespace.description,
                visibility=namespace.visibility, protected=namespace.protected, owner=namespace.owner),
        **times(namespace), "self": place(namespace.namespace), "schema": "/v2/schemas/metadefs/namespace",
    }


def full_view(namespace: Namespace, content: Content, resource_type: str | None = None) -> dict[str, Any]:
    """With all that is in it: for a resource type, properties have the names they have there."""
    prefix = next((one.prefix or "" for one in content.associations if one.name == resource_type), "")
    return namespace_view(namespace) | {
        "resource_type_associations": [association_view(one) for one in content.associations],
        "properties": {prefix + one.name: one.definition for one in content.properties},
        "objects": [object_view(namespace.namespace, one, prefix) for one in content.objects],
        "tags": [{"name": one.name} for one in content.tags],
    }
