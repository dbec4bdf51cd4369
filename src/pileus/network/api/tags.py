"""/v2.0/{networks, subnets, …}/{id}/tags"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.network import errors
from pileus.network.api import floatingips, networks, ports, routers, security_groups, subnetpools, subnets
from pileus.network.model.fields import Tag

Target = Callable[..., Awaitable[dict[str, Any]]]


class TagsBody(msgspec.Struct, forbid_unknown_fields=True):
    tags: list[Tag]


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of resource that can be tagged: its path, the path parameter of its id, its rules' name, its store, its target."""

    path: str
    id: str
    rule: str
    store: str
    target: Target


KINDS = [
    Kind(path="networks", id="network_id", rule="network", store="networks", target=networks.target),
    Kind(path="subnets", id="subnet_id", rule="subnet", store="subnets", target=subnets.target),
    Kind(path="subnetpools", id="subnetpool_id", rule="subnetpool", store="subnetpools", target=subnetpools.target),
    Kind(path="ports", id="port_id", rule="port", store="ports", target=ports.target),
    Kind(path="routers", id="router_id", rule="router", store="routers", target=routers.target),
    Kind(path="floatingips", id="floatingip_id", rule="floatingip", store="floating_ips", target=floatingips.target),
    Kind(path="security-groups", id="security_group_id", rule="security_group", store="groups", target=security_groups.target),
]


def routes(kind: Kind) -> list[Route]:
    """The same seven operations for a kind of resource."""

    def of(req: Request, ids: dict[str, str]) -> tuple[Any, Any, str]:
        network = req.services.network
        return network.tags, getattr(network.stores, kind.store), ids[kind.id]

    async def list_tags(req: Request, **ids: str):
        return {"tags": list(req.found.tags)}

    async def replace_tags(req: Request, body: TagsBody, **ids: str):
        tags, store, id = of(req, ids)
        return {"tags": list(await tags.replace(req.who, store, id, body.tags))}

    async def add_tags(req: Request, body: TagsBody, **ids: str):
        tags, store, id = of(req, ids)
        return {"tags": list(await tags.add(req.who, store, id, body.tags))}

    async def clear_tags(req: Request, **ids: str):
        tags, store, id = of(req, ids)
        await tags.remove(req.who, store, id)

    async def show_tag(req: Request, tag: str, **ids: str):
        if tag not in req.found.tags:
            raise errors.TagNotFound(tag=tag)

    async def add_tag(req: Request, tag: str, **ids: str):
        if len(tag) > 255:
            raise Invalid(f"Invalid input for tag. Reason: '{tag[:20]}…' exceeds maximum length of 255.")
        tags, store, id = of(req, ids)
        await tags.add(req.who, store, id, [tag])
        return Reply(201)

    async def delete_tag(req: Request, tag: str, **ids: str):
        tags, store, id = of(req, ids)
        await tags.remove(req.who, store, id, tag)

    all_of, one = f"/v2.0/{kind.path}/{{{kind.id}}}/tags", f"/v2.0/{kind.path}/{{{kind.id}}}/tags/{{tag}}"
    read, write, remove = (f"{verb}_{kind.rule}:tags" for verb in ("get", "update", "delete"))

    async def target(req: Request, **ids: str) -> dict[str, Any]:
        return await kind.target(req, ids[kind.id])

    return [
        Route("GET", all_of, list_tags, policy=read, target=target),
        Route("PUT", all_of, replace_tags, policy=write, target=target, body=TagsBody),
        Route("POST", all_of, add_tags, policy=write, target=target, body=TagsBody, ok=201),
        Route("DELETE", all_of, clear_tags, policy=remove, target=target, ok=204),
        Route("GET", one, show_tag, policy=read, target=target, ok=204),
        Route("PUT", one, add_tag, policy=write, target=target, ok=201),
        Route("DELETE", one, delete_tag, policy=remove, target=target, ok=204),
    ]


ROUTES = [route for kind in KINDS for route in routes(kind)]
