"""Registered limits: the defaults of resources."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.core.http import Request, Route
from pileus.identity.api.bodies import Description, Name, RegionId, given
from pileus.identity.api.views import filters, links, listing
from pileus.identity.model import RegisteredLimit

Amount = Annotated[int, Meta(ge=-1, le=0x7FFFFFFF)]


class NewRegisteredLimit(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    service_id: str
    resource_name: Name
    default_limit: Amount
    region_id: RegionId | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET


class NewRegisteredLimits(msgspec.Struct):
    registered_limits: Annotated[list[NewRegisteredLimit], Meta(min_length=1)]


class RegisteredLimitFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    service_id: str | UnsetType = UNSET
    resource_name: Name | UnsetType = UNSET
    default_limit: Amount | UnsetType = UNSET
    region_id: RegionId | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET


class RegisteredLimitBody(msgspec.Struct):
    registered_limit: RegisteredLimitFields


async def list_registered_limits(req: Request) -> dict[str, Any]:
    found = await req.services.identity.limits.list_registered(filters(req, ("service_id", "region_id", "resource_name")))
    return listing(req, "registered_limits", [show_registered_limit(req, x) for x in found])


async def create_registered_limits(req: Request, body: NewRegisteredLimits) -> dict[str, Any]:
    made = await req.services.identity.limits.create_registered([given(x) for x in body.registered_limits])
    return {"registered_limits": [show_registered_limit(req, x) for x in made]}


async def get_registered_limit(req: Request, registered_limit_id: str) -> dict[str, Any]:
    found = await req.services.identity.limits.get_registered(registered_limit_id)
    return {"registered_limit": show_registered_limit(req, found)}


async def update_registered_limit(req: Request, registered_limit_id: str, body: RegisteredLimitBody) -> dict[str, Any]:
    changed = await req.services.identity.limits.update_registered(registered_limit_id, given(body.registered_limit))
    return {"registered_limit": show_registered_limit(req, changed)}


async def delete_registered_limit(req: Request, registered_limit_id: str) -> None:
    await req.services.identity.limits.delete_registered(registered_limit_id)


def show_registered_limit(req: Request, x: RegisteredLimit) -> dict[str, Any]:
    return {
        "id": x.id,
        "service_id": x.service_id,
        "region_id": x.region_id,
        "resource_name": x.resource_name,
        "default_limit": x.default_limit,
        "description": x.description,
        "links": links(req, "registered_limits", x.id),
    }


_ALL, _ONE = "/v3/registered_limits", "/v3/registered_limits/{registered_limit_id}"
ROUTES = [
    Route("GET", _ALL, list_registered_limits, policy="identity:list_registered_limits"),
    Route("POST", _ALL, create_registered_limits, policy="identity:create_registered_limits", body=NewRegisteredLimits, ok=201),
    Route("GET", _ONE, get_registered_limit, policy="identity:get_registered_limit"),
    Route("PATCH", _ONE, update_registered_limit, policy="identity:update_registered_limit", body=RegisteredLimitBody),
    Route("DELETE", _ONE, delete_registered_limit, policy="identity:delete_registered_limit", ok=204),
]
