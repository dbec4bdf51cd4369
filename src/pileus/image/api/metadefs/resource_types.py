"""Resource types, and which of them a namespace is for."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Reply, Request, Route
from pileus.image.api.metadefs.common import NAMESPACE, known, of_namespace, parsed, place, times
from pileus.image.metadefs import definitions as defs
from pileus.image.metadefs.model import Association

TYPES = NAMESPACE + "/resource_types"


async def list_resource_types(req: Request) -> dict[str, Any]:
    found = await req.services.image.metadefs.resource_types()
    return {"resource_types": [{"name": one.name} | times(one) for one in found]}


async def list_associations(req: Request, namespace: str) -> dict[str, Any]:
    found = await req.services.image.metadefs.associations.all(req.who, namespace)
    return {"resource_type_associations": [association_view(one) for one in found]}


async def associate(req: Request, namespace: str, body: dict[str, Any]) -> Reply:
    wanted = parsed(defs.Association, body, "resource_type_association")
    [made] = await req.services.image.metadefs.associate(req.who, namespace, [wanted])
    return Reply(201, association_view(made), {"location": req.url("/image" + place(namespace, "resource_types", made.name))})


async def dissociate(req: Request, namespace: str, name: str) -> None:
    await req.services.image.metadefs.associations.remove(req.who, namespace, name)


ROUTES = [
    Route("GET", "/v2/metadefs/resource_types", list_resource_types, policy="list_metadef_resource_types"),
    Route("GET", TYPES, list_associations, policy="get_metadef_resource_type", target=of_namespace),
    Route("POST", TYPES, associate, policy="add_metadef_resource_type_association", target=of_namespace, body=dict[str, Any], ok=201),
    Route("DELETE", TYPES + "/{name}", dissociate, policy="remove_metadef_resource_type_association", target=of_namespace, ok=204),
]


def association_view(found: Association) -> dict[str, Any]:
    return known(name=found.name, prefix=found.prefix, properties_target=found.properties_target) | times(found)
