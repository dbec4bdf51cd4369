"""Policy files kept for other services."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.core.http import Request, Route
from pileus.identity.api.bodies import changes, parse, required
from pileus.identity.api.views import filters, links, listing
from pileus.identity.model import PolicyBlob


class PolicyFields(msgspec.Struct, kw_only=True):
    type: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    blob: str | UnsetType = UNSET


class PolicyBody(msgspec.Struct):
    policy: dict[str, Any]


async def list_policies(req: Request) -> dict[str, Any]:
    found = await req.services.identity.policies.matching(filters(req, ("type",)))
    return listing(req, "policies", [show_policy(req, p) for p in found])


async def create_policy(req: Request, body: PolicyBody) -> dict[str, Any]:
    known, extra = parse(PolicyFields, body.policy)
    required(known.type, "type")
    required(known.blob, "blob")
    return {"policy": show_policy(req, await req.services.identity.policies.create(**changes(known, extra)))}


async def get_policy(req: Request, policy_id: str) -> dict[str, Any]:
    return {"policy": show_policy(req, await req.services.identity.policies.get(policy_id))}


async def update_policy(req: Request, policy_id: str, body: PolicyBody) -> dict[str, Any]:
    known, extra = parse(PolicyFields, body.policy, id=policy_id)
    return {"policy": show_policy(req, await req.services.identity.policies.update(policy_id, changes(known, extra)))}


async def delete_policy(req: Request, policy_id: str) -> None:
    await req.services.identity.policies.delete(policy_id)


def show_policy(req: Request, p: PolicyBlob) -> dict[str, Any]:
    return p.extra | {"id": p.id, "type": p.type, "blob": p.blob, "links": links(req, "policies", p.id)}


ROUTES = [
    Route("GET", "/v3/policies", list_policies, policy="identity:list_policies"),
    Route("POST", "/v3/policies", create_policy, policy="identity:create_policy", body=PolicyBody, ok=201),
    Route("GET", "/v3/policies/{policy_id}", get_policy, policy="identity:get_policy"),
    Route("PATCH", "/v3/policies/{policy_id}", update_policy, policy="identity:update_policy", body=PolicyBody),
    Route("DELETE", "/v3/policies/{policy_id}", delete_policy, policy="identity:delete_policy", ok=204),
]
