"""/v2.0/{networks, subnets, …}/{id}/tags"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec

from pileus.core.context import Context
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


class Tags:
    """The same seven operations for a kind of resource."""

    def __init__(self, kind: Kind):
        self.kind = kind

    def of(self, req: Request, ids: dict[str, str]) -> tuple[Context, Any, str]:
        """Who asks, where such resources are kept, and which one it is."""
        return req.who, getattr(req.services.network.stores, self.kind.store), ids[self.kind.id]

    async def target(self, req: Request, **ids: str) -> dict[str, Any]:
        return await self.kind.target(req, ids[self.kind.id])

    async def list(self, req: Request, **ids: str):
        return {"tags": [*req.found.tags]}

    async def replace(self, req: Request, body: TagsBody, **ids: str):
        return {"tags": [*await req.services.network.tags.replace(*self.of(req, ids), body.tags)]}

    async def add_all(self, req: Request, body: TagsBody, **ids: str):
        return {"tags": [*await req.services.network.tags.add(*self.of(req, ids), body.tags)]}

    async def clear(self, req: Request, **ids: str):
        await req.services.network.tags.remove(*self.of(req, ids))

    async def show(self, req: Request, tag: str, **ids: str):
        if tag not in req.found.tags:
            raise errors.TagNotFound(tag=tag)

    async def add(self, req: Request, tag: str, **ids: str):
        if len(tag) > 255:
            raise Invalid(f"Invalid input for tag. Reason: '{tag[:20]}…' exceeds maximum length of 255.")
        await req.services.network.tags.add(*self.of(req, ids), [tag])
        return Reply(201)

    async def remove(self, req: Request, tag: str, **ids: str):
        await req.services.network.tags.remove(*self.of(req, ids), tag)

    def routes(self) -> Iterator[Route]:
        every = f"/v2.0/{self.kind.path}/{{{self.kind.id}}}/tags"
        one = every + "/{tag}"
        read, write, remove = (f"{verb}_{self.kind.rule}:tags" for verb in ("get", "update", "delete"))
        yield Route("GET", every, self.list, policy=read, target=self.target)
        yield Route("PUT", every, self.replace, policy=write, target=self.target, body=TagsBody)
        yield Route("POST", every, self.add_all, policy=write, target=self.target, body=TagsBody, ok=201)
        yield Route("DELETE", every, self.clear, policy=remove, target=self.target, ok=204)
        yield Route("GET", one, self.show, policy=read, target=self.target, ok=204)
        yield Route("PUT", one, self.add, policy=write, target=self.target, ok=201)
        yield Route("DELETE", one, self.remove, policy=remove, target=self.target, ok=204)


ROUTES = [route for kind in KINDS for route in Tags(kind).routes()]
