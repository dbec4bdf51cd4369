"""Regions."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.identity.api.bodies import Description, RegionId, changes, parse
from pileus.identity.api.views import filters, links, listing
from pileus.identity.model import Region


class RegionFields(msgspec.Struct, kw_only=True):
    id: RegionId | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    parent_region_id: RegionId | UnsetType | None = UNSET


class RegionBody(msgspec.Struct):
    region: dict[str, Any]


async def list_regions(req: Request) -> dict[str, Any]:
    found = await req.services.identity.services.list_regions(filters(req, ("parent_region_id",)))
    return listing(req, "regions", [show_region(req, r) for r in found])


async def create_region(req: Request, body: RegionBody) -> dict[str, Any]:
    """With an id of the caller's choice, or of ours."""
    known, extra = parse(RegionFields, body.region)
    return {"region": show_region(req, await req.services.identity.services.create_region(**changes(known, extra)))}


async def put_region(req: Request, region_id: str, body: RegionBody) -> dict[str, Any]:
    known, extra = parse(RegionFields, body.region)
    if known.id not in (UNSET, region_id):
        raise Invalid("The id of the region in the path and in the body differ.")
    if len(region_id) > 255:
        raise Invalid("Invalid input for field 'id': it is longer than 255 characters.")
    return {
        "region": show_region(req, await req.services.identity.services.create_region(id=region_id, **changes(known, extra, "id")))
    }


async def get_region(req: Request, region_id: str) -> dict[str, Any]:
    return {"region": show_region(req, await req.services.identity.services.get_region(region_id))}


async def update_region(req: Request, region_id: str, body: RegionBody) -> dict[str, Any]:
    known, extra = parse(RegionFields, body.region, id=region_id)
    return {"region": show_region(req, await req.services.identity.services.update_region(region_id, changes(known, extra, "id")))}


async def delete_region(req: Request, region_id: str) -> None:
    await req.services.identity.services.delete_region(region_id)


def show_region(req: Request, r: Region) -> dict[str, Any]:
    return r.extra | {
        "id": r.id,
        "description": r.description,
        "parent_region_id": r.parent_region_id,
        "links": links(req, "regions", r.id),
    }


ROUTES = [
    Route("GET", "/v3/regions", list_regions, policy="identity:list_regions"),
    Route("POST", "/v3/regions", create_region, policy="identity:create_region", body=RegionBody, ok=201),
    Route("PUT", "/v3/regions/{region_id}", put_region, policy="identity:create_region", body=RegionBody, ok=201),
    Route("GET", "/v3/regions/{region_id}", get_region, policy="identity:get_region"),
    Route("PATCH", "/v3/regions/{region_id}", update_region, policy="identity:update_region", body=RegionBody),
    Route("DELETE", "/v3/regions/{region_id}", delete_region, policy="identity:delete_region", ok=204),
]
