"""Limits of projects and domains."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.identity.api.bodies import Description, Id, Name, RegionId, given
from pileus.identity.api.registered_limits import Amount
from pileus.identity.api.views import filters, links, listing
from pileus.identity.model import Limit, RegisteredLimit
from pileus.identity.service.limits import LimitOrder


class NewLimit(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    service_id: str
    resource_name: Name
    resource_limit: Amount
    project_id: Id | None = None
    domain_id: Id | None = None
    region_id: RegionId | None = None
    description: Description | None = None


class NewLimits(msgspec.Struct):
    limits: Annotated[list[NewLimit], Meta(min_length=1)]


class LimitFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    resource_limit: Amount | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET


class LimitBody(msgspec.Struct):
    limit: LimitFields


async def list_limits(req: Request) -> dict[str, Any]:
    """All to administrators, services and on the system; a domain's and its projects' to the domain; otherwise a project's own."""
    limits = req.services.identity.limits
    found = await limits.matching(await _visible(req), filters(req, ("service_id", "region_id", "resource_name")))
    for key, of_domain in (("project_id", False), ("domain_id", True)):
        if key in req.query:
            found = [x for x in found if x[0].of_domain == of_domain and x[0].target_id == req.query.get(key)]
    return listing(req, "limits", [show_limit(req, *x) for x in found])


async def create_limits(req: Request, body: NewLimits) -> dict[str, Any]:
    made = await req.services.identity.limits.create([_order(x) for x in body.limits])
    return {"limits": [show_limit(req, *x) for x in made]}


async def get_limit(req: Request, limit_id: str) -> dict[str, Any]:
    return {"limit": show_limit(req, *await req.services.identity.limits.get(limit_id))}


async def update_limit(req: Request, limit_id: str, body: LimitBody) -> dict[str, Any]:
    return {"limit": show_limit(req, *await req.services.identity.limits.update(limit_id, given(body.limit)))}


async def delete_limit(req: Request, limit_id: str) -> None:
    await req.services.identity.limits.delete(limit_id)


async def show_model(req: Request) -> dict[str, Any]:
    name, description = req.services.identity.limits.model
    return {"model": {"name": name, "description": description}}


async def limit_target(req: Request, limit_id: str) -> dict[str, Any]:
    """What does not exist leaves its part out."""
    identity = req.services.identity
    limit = await identity.limits.find(limit_id)
    if limit is None:
        return {}
    if limit.of_domain:
        return {"target": {"limit": {"domain_id": limit.target_id}}}
    project = await identity.projects.get(limit.target_id)
    return {"target": {"limit": {"project_id": project.id, "project": {"domain_id": project.domain_id}}}}


async def _visible(req: Request) -> set[str] | None:
    """The projects and domains whose limits the caller sees; None: all."""
    who = req.who
    if who.system_scope or not who.roles.isdisjoint({"admin", "service"}):
        return None
    if who.domain_id is not None:
        return {who.domain_id, *await req.services.identity.projects.ids_in_domain(who.domain_id)}
    return {who.project_id} if who.project_id is not None else set()


def _order(x: NewLimit) -> LimitOrder:
    if (x.project_id is None) == (x.domain_id is None):
        raise Invalid("Expecting to find exactly one of project_id and domain_id.")
    return LimitOrder(
        service_id=x.service_id,
        region_id=x.region_id,
        resource_name=x.resource_name,
        resource_limit=x.resource_limit,
        target_id=x.project_id or x.domain_id or "",
        of_domain=x.domain_id is not None,
        description=x.description,
    )


def show_limit(req: Request, x: Limit, registered: RegisteredLimit) -> dict[str, Any]:
    return {
        "id": x.id,
        "project_id": None if x.of_domain else x.target_id,
        "domain_id": x.target_id if x.of_domain else None,
        "service_id": registered.service_id,
        "region_id": registered.region_id,
        "resource_name": registered.resource_name,
        "resource_limit": x.resource_limit,
        "description": x.description,
        "links": links(req, "limits", x.id),
    }


_ALL, _ONE = "/v3/limits", "/v3/limits/{limit_id}"
ROUTES = [
    Route("GET", "/v3/limits/model", show_model, policy="identity:get_limit_model"),
    Route("GET", _ALL, list_limits, policy="identity:list_limits"),
    Route("POST", _ALL, create_limits, policy="identity:create_limits", body=NewLimits, ok=201),
    Route("GET", _ONE, get_limit, policy="identity:get_limit", target=limit_target),
    Route("PATCH", _ONE, update_limit, policy="identity:update_limit", body=LimitBody),
    Route("DELETE", _ONE, delete_limit, policy="identity:delete_limit", ok=204),
]
