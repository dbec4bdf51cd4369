"""Roles, and which implies which."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Reply, Request, Route
from pileus.identity.api import targets
from pileus.identity.api.bodies import Description, Id, Name, Options, changes, parse, required
from pileus.identity.api.views import BASE, filters, links, listing
from pileus.identity.model import Role
from pileus.identity.store.base import Filter


class RoleFields(msgspec.Struct, kw_only=True):
    name: Name | UnsetType = UNSET
    domain_id: Id | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    options: Options | UnsetType = UNSET


class RoleBody(msgspec.Struct):
    role: dict[str, Any]


async def list_roles(req: Request) -> dict[str, Any]:
    """The global ones, or those of one domain."""
    domain_id = req.query.get("domain_id") or ""
    if domain_id:
        req.enforce("identity:list_domain_roles", {})
    wanted = [Filter("domain_id", "equals", domain_id), *filters(req, ("name",))]
    return listing(req, "roles", [show_role(req, r) for r in await req.services.identity.roles.matching(wanted)])


async def create_role(req: Request, body: RoleBody) -> dict[str, Any]:
    known, extra = parse(RoleFields, body.role)
    required(known.name, "name")
    if known.domain_id:
        req.enforce("identity:create_domain_role", {})
    values = changes(known, extra, "domain_id")
    return {"role": show_role(req, await req.services.identity.roles.create(domain_id=known.domain_id or "", **values))}


async def get_role(req: Request, role_id: str) -> dict[str, Any]:
    role = await req.services.identity.roles.get(role_id)
    if role.domain_id:
        req.enforce("identity:get_domain_role", {})
    return {"role": show_role(req, role)}


async def update_role(req: Request, role_id: str, body: RoleBody) -> dict[str, Any]:
    known, extra = parse(RoleFields, body.role, id=role_id)
    return {"role": show_role(req, await req.services.identity.roles.update(role_id, changes(known, extra)))}


async def delete_role(req: Request, role_id: str) -> None:
    await req.services.identity.roles.delete(role_id)


async def list_implied(req: Request, role_id: str) -> dict[str, Any]:
    roles = req.services.identity.roles
    implied = await roles.implied_by(role_id)
    inference = {"prior_role": _brief(req, await roles.get(role_id)), "implies": [_brief(req, r) for r in implied]}
    return {"role_inference": inference, "links": {"self": req.url(f"{BASE}/roles/{role_id}/implies")}}


async def get_implied(req: Request, role_id: str, implied_role_id: str) -> dict[str, Any]:
    return _inference(req, *await req.services.identity.roles.check_implication(role_id, implied_role_id))


async def check_implied(req: Request, role_id: str, implied_role_id: str) -> Reply:
    await req.services.identity.roles.check_implication(role_id, implied_role_id)
    return Reply(204)


async def create_implied(req: Request, role_id: str, implied_role_id: str) -> dict[str, Any]:
    return _inference(req, *await req.services.identity.roles.imply(role_id, implied_role_id))


async def delete_implied(req: Request, role_id: str, implied_role_id: str) -> None:
    await req.services.identity.roles.unimply(role_id, implied_role_id)


async def list_inferences(req: Request) -> dict[str, Any]:
    index = await req.services.identity.roles.index()
    return {
        "role_inferences": [
            {"prior_role": _brief(req, index.roles[prior]), "implies": [_brief(req, index.roles[i]) for i in implied]}
            for prior, implied in index.implied.items()
        ]
    }


def show_role(req: Request, r: Role) -> dict[str, Any]:
    return r.extra | {
        "id": r.id,
        "name": r.name,
        "domain_id": r.domain_id or None,
        "description": r.description,
        "options": r.options,
        "links": links(req, "roles", r.id),
    }


def _brief(req: Request, r: Role) -> dict[str, Any]:
    return {"id": r.id, "name": r.name, "links": links(req, "roles", r.id)}


def _inference(req: Request, prior: Role, implied: Role) -> dict[str, Any]:
    return {
        "role_inference": {"prior_role": _brief(req, prior), "implies": _brief(req, implied)},
        "links": {"self": req.url(f"{BASE}/roles/{prior.id}/implies/{implied.id}")},
    }


_IMPLIED = "/v3/roles/{role_id}/implies/{implied_role_id}"
ROUTES = [
    Route("GET", "/v3/roles", list_roles, policy="identity:list_roles"),
    Route("POST", "/v3/roles", create_role, policy="identity:create_role", body=RoleBody, ok=201),
    Route("GET", "/v3/roles/{role_id}", get_role, policy="identity:get_role", target=targets.role),
    Route("PATCH", "/v3/roles/{role_id}", update_role, policy="identity:update_role", body=RoleBody, target=targets.role),
    Route("DELETE", "/v3/roles/{role_id}", delete_role, policy="identity:delete_role", target=targets.role, ok=204),
    Route("GET", "/v3/roles/{role_id}/implies", list_implied, policy="identity:list_implied_roles", target=targets.role),
    Route("GET", _IMPLIED, get_implied, policy="identity:get_implied_role", target=targets.role),
    Route("HEAD", _IMPLIED, check_implied, policy="identity:check_implied_role", target=targets.role, ok=204),
    Route("PUT", _IMPLIED, create_implied, policy="identity:create_implied_role", target=targets.role, ok=201),
    Route("DELETE", _IMPLIED, delete_implied, policy="identity:delete_implied_role", target=targets.role, ok=204),
    Route("GET", "/v3/role_inferences", list_inferences, policy="identity:list_role_inference_rules"),
]
