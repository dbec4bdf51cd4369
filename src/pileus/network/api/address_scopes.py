"""/v2.0/address-scopes"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType, field

from pileus.core.http import Request, Route
from pileus.network.api.common import guard, listed, made, orders, selected, wanted
from pileus.network.model import AddressScope, AddressScopeCreate, AddressScopeUpdate


class AddressScopesCreate(msgspec.Struct, forbid_unknown_fields=True):
    address_scope: AddressScopeCreate | UnsetType = UNSET
    address_scopes: list[AddressScopeCreate] | UnsetType = field(default=UNSET)


class AddressScopeChange(msgspec.Struct, forbid_unknown_fields=True):
    address_scope: AddressScopeUpdate


async def target(req: Request, address_scope_id: str) -> dict[str, Any]:
    req.found = await req.services.network.address_scopes.get(req.who, address_scope_id)
    return _target(req.found)


async def list_address_scopes(req: Request):
    asked = wanted(req)
    return listed(req, "address_scopes", await req.services.network.address_scopes.list(req.who, asked), show, asked)


async def create_address_scopes(req: Request, body: AddressScopesCreate):
    wishes, many = orders(body, "address_scope", "address_scopes")
    for order in wishes:
        guard(req, "create_address_scope", order, {"project_id": req.who.project_id})
    return made(
        req, "address_scope", "address_scopes", await req.services.network.address_scopes.create_all(req.who, wishes), many, show
    )


async def show_address_scope(req: Request, address_scope_id: str):
    return {"address_scope": selected(req, show(req, req.found))}


async def update_address_scope(req: Request, address_scope_id: str, body: AddressScopeChange):
    guard(req, "update_address_scope", body.address_scope, _target(req.found))
    return {
        "address_scope": show(req, await req.services.network.address_scopes.update(req.who, address_scope_id, body.address_scope))
    }


async def delete_address_scope(req: Request, address_scope_id: str):
    await req.services.network.address_scopes.delete(req.who, address_scope_id)


def show(req: Request, scope: AddressScope) -> dict[str, Any]:
    return {
        "id": scope.id,
        "name": scope.name,
        "project_id": scope.project_id,
        "tenant_id": scope.project_id,
        "ip_version": scope.ip_version,
        "shared": scope.shared,
    }


def _target(scope: AddressScope) -> dict[str, Any]:
    return {"project_id": scope.project_id, "shared": scope.shared}


ROUTES = [
    Route("GET", "/v2.0/address-scopes", list_address_scopes, policy="get_address_scope"),
    Route("POST", "/v2.0/address-scopes", create_address_scopes, policy="create_address_scope", body=AddressScopesCreate, ok=201),
    Route("GET", "/v2.0/address-scopes/{address_scope_id}", show_address_scope, policy="get_address_scope", target=target),
    Route(
        "PUT",
        "/v2.0/address-scopes/{address_scope_id}",
        update_address_scope,
        policy="update_address_scope",
        target=target,
        body=AddressScopeChange,
    ),
    Route(
        "DELETE",
        "/v2.0/address-scopes/{address_scope_id}",
        delete_address_scope,
        policy="delete_address_scope",
        target=target,
        ok=204,
    ),
]
