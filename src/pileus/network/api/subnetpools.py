"""/v2.0/subnetpools"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Request, Route
from pileus.network.api.common import guard, listed, made, orders, revision, selected, standard, wanted
from pileus.network.model import SubnetPool, SubnetPoolCreate, SubnetPoolUpdate


class SubnetPoolsCreate(msgspec.Struct, forbid_unknown_fields=True):
    subnetpool: SubnetPoolCreate | UnsetType = UNSET
    subnetpools: list[SubnetPoolCreate] | UnsetType = UNSET


class SubnetPoolChange(msgspec.Struct, forbid_unknown_fields=True):
    subnetpool: SubnetPoolUpdate


async def target(req: Request, subnetpool_id: str) -> dict[str, Any]:
    req.found = await req.services.network.subnetpools.get(req.who, subnetpool_id)
    return _target(req.found)


async def list_subnetpools(req: Request):
    asked = wanted(req)
    return listed(req, "subnetpools", await req.services.network.subnetpools.list(req.who, asked), show, asked)


async def create_subnetpools(req: Request, body: SubnetPoolsCreate):
    wishes, many = orders(body, "subnetpool", "subnetpools")
    for order in wishes:
        guard(req, "create_subnetpool", order, {"project_id": req.who.project_id})
    return made(req, "subnetpool", "subnetpools", await req.services.network.subnetpools.create_all(req.who, wishes), many, show)


async def show_subnetpool(req: Request, subnetpool_id: str):
    return {"subnetpool": selected(req, show(req, req.found))}


async def update_subnetpool(req: Request, subnetpool_id: str, body: SubnetPoolChange):
    guard(req, "update_subnetpool", body.subnetpool, _target(req.found))
    pool = await req.services.network.subnetpools.update(req.who, subnetpool_id, body.subnetpool, revision=revision(req))
    return {"subnetpool": show(req, pool)}


async def delete_subnetpool(req: Request, subnetpool_id: str):
    await req.services.network.subnetpools.delete(req.who, subnetpool_id, revision=revision(req))


def show(req: Request, pool: SubnetPool) -> dict[str, Any]:
    return standard(pool) | {
        "ip_version": pool.ip_version,
        "prefixes": list(pool.prefixes),
        "min_prefixlen": pool.min_prefixlen,
        "max_prefixlen": pool.max_prefixlen,
        "default_prefixlen": pool.default_prefixlen,
        "default_quota": pool.default_quota,
        "shared": pool.shared,
        "is_default": pool.is_default,
        "address_scope_id": pool.address_scope_id,
    }


def _target(pool: SubnetPool) -> dict[str, Any]:
    return {"project_id": pool.project_id, "shared": pool.shared}


ROUTES = [
    Route("GET", "/v2.0/subnetpools", list_subnetpools, policy="get_subnetpool"),
    Route("POST", "/v2.0/subnetpools", create_subnetpools, policy="create_subnetpool", body=SubnetPoolsCreate, ok=201),
    Route("GET", "/v2.0/subnetpools/{subnetpool_id}", show_subnetpool, policy="get_subnetpool", target=target),
    Route(
        "PUT",
        "/v2.0/subnetpools/{subnetpool_id}",
        update_subnetpool,
        policy="update_subnetpool",
        target=target,
        body=SubnetPoolChange,
    ),
    Route("DELETE", "/v2.0/subnetpools/{subnetpool_id}", delete_subnetpool, policy="delete_subnetpool", target=target, ok=204),
]
