"""Tags of a namespace."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Reply, Request, Route
from pileus.core.http.request import TRUE
from pileus.image.api.metadefs.common import NAMESPACE, base, kept, of_namespace, order, paged, parsed, place, times
from pileus.image.metadefs import definitions as defs
from pileus.image.metadefs.model import Namespace, Tag

TAGS = NAMESPACE + "/tags"


async def list_tags(req: Request, namespace: str) -> dict[str, Any]:
    asked = order(req, "name", (), None)
    found = await req.services.image.metadefs.tags.page(req.who, namespace, asked)
    return paged(req, "tags", [{"name": one.name} for one in found], asked, "name")


async def set_tags(req: Request, namespace: str, body: dict[str, Any]) -> Reply:
    """These tags instead of all others; with the header `X-Openstack-Append` beside them."""
    names = list(dict.fromkeys(tag.name for tag in parsed(defs.Tags, body, "tags").tags))
    instead = (req.header("x-openstack-append") or "").lower() not in TRUE

    def make(ns: Namespace) -> list[Tag]:
        return [Tag(**base(req, ns.id), name=name) for name in names]

    await req.services.image.metadefs.tags.add(req.who, namespace, make, instead=instead)
    return Reply(201, {"tags": [{"name": name} for name in names]}, {"location": req.url("/image" + place(namespace, "tags"))})


async def create_tag(req: Request, namespace: str, name: str, body: dict[str, Any] | None) -> Reply:
    wanted = parsed(defs.Tag, (body or {}) | {"name": name}, "tag")
    [made] = await req.services.image.metadefs.tags.add(req.who, namespace, lambda ns: [Tag(**base(req, ns.id), name=wanted.name)])
    return Reply(201, tag_view(made), {"location": req.url("/image" + place(namespace, "tags", name))})


async def show_tag(req: Request, namespace: str, name: str) -> dict[str, Any]:
    return tag_view(await req.services.image.metadefs.tags.get(req.who, namespace, name))


async def update_tag(req: Request, namespace: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
    wanted = parsed(defs.Tag, body, "tag")
    return tag_view(await req.services.image.metadefs.tags.replace(req.who, namespace, name,
                                                                   lambda old: Tag(**kept(req, old), name=wanted.name)))


async def delete_tag(req: Request, namespace: str, name: str) -> None:
    await req.services.image.metadefs.tags.remove(req.who, namespace, name)


async def delete_tags(req: Request, namespace: str) -> None:
    await req.services.image.metadefs.tags.remove(req.who, namespace)


ROUTES = [
    Route("GET", TAGS, list_tags, policy="get_metadef_tags", target=of_namespace),
    Route("POST", TAGS, set_tags, policy="add_metadef_tags", target=of_namespace, body=dict[str, Any], ok=201),
    Route("DELETE", TAGS, delete_tags, policy="delete_metadef_tags", target=of_namespace, ok=204),
    Route("GET", TAGS + "/{name}", show_tag, policy="get_metadef_tag", target=of_namespace),
    Route("POST", TAGS + "/{name}", create_tag, policy="add_metadef_tag", target=of_namespace, body=dict[str, Any] | None,
          optional_body=True, ok=201),
    Route("PUT", TAGS + "/{name}", update_tag, policy="modify_metadef_tag", target=of_namespace, body=dict[str, Any]),
    Route("DELETE", TAGS + "/{name}", delete_tag, policy="delete_metadef_tag", target=of_namespace, ok=204),
]


def tag_view(tag: Tag) -> dict[str, Any]:
    return {"name": tag.name} | times(tag)
