"""/v2.0/rbac-policies"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Request, Route
from pileus.network.api.common import guard, listed, made, orders, selected, wanted
from pileus.network.model import RbacCreate, RbacPolicy, RbacUpdate


class PoliciesCreate(msgspec.Struct, forbid_unknown_fields=True):
    rbac_policy: RbacCreate | UnsetType = UNSET
    rbac_policies: list[RbacCreate] | UnsetType = UNSET


class PolicyChange(msgspec.Struct, forbid_unknown_fields=True):
    rbac_policy: RbacUpdate


async def target(req: Request, rbac_policy_id: str) -> dict[str, Any]:
    req.found = await req.services.network.rbac.get(req.who, rbac_policy_id)
    return {"project_id": req.found.project_id, "target_tenant": req.found.target_tenant}


async def list_policies(req: Request):
    asked = wanted(req)
    return listed(req, "rbac_policies", await req.services.network.rbac.list(req.who, asked), show, asked)


async def create_policies(req: Request, body: PoliciesCreate):
    wishes, many = orders(body, "rbac_policy", "rbac_policies")
    for order in wishes:
        guard(req, "create_rbac_policy", order, {"project_id": req.who.project_id, "target_tenant": _asked(order)})
    return made(req, "rbac_policy", "rbac_policies", await req.services.network.rbac.create_all(req.who, wishes), many, show)


async def show_policy(req: Request, rbac_policy_id: str):
    return {"rbac_policy": selected(req, show(req, req.found))}


async def update_policy(req: Request, rbac_policy_id: str, body: PolicyChange):
    wish = _asked(body.rbac_policy)
    guard(req, "update_rbac_policy", body.rbac_policy, {"project_id": req.found.project_id, "target_tenant": wish})
    return {
        "rbac_policy": show(req, await req.services.network.rbac.update(req.who, rbac_policy_id, wish or req.found.target_tenant))
    }


async def delete_policy(req: Request, rbac_policy_id: str):
    await req.services.network.rbac.delete(req.who, rbac_policy_id)


def show(req: Request, policy: RbacPolicy) -> dict[str, Any]:
    return {
        "id": policy.id,
        "project_id": policy.project_id,
        "tenant_id": policy.project_id,
        "object_type": policy.object_type,
        "object_id": policy.object_id,
        "action": policy.action,
        "target_tenant": policy.target_tenant,
        "target_project": policy.target_tenant,
    }


def _asked(order: RbacCreate | RbacUpdate) -> str | None:
    """With whom the policy is to share: it decides, since sharing with everybody is for administrators."""
    found = order.target_tenant if order.target_tenant is not UNSET else order.target_project
    return None if found is UNSET else found


ROUTES = [
    Route("GET", "/v2.0/rbac-policies", list_policies, policy="get_rbac_policy"),
    Route("POST", "/v2.0/rbac-policies", create_policies, policy="create_rbac_policy", body=PoliciesCreate, ok=201),
    Route("GET", "/v2.0/rbac-policies/{rbac_policy_id}", show_policy, policy="get_rbac_policy", target=target),
    Route(
        "PUT", "/v2.0/rbac-policies/{rbac_policy_id}", update_policy, policy="update_rbac_policy", target=target, body=PolicyChange
    ),
    Route("DELETE", "/v2.0/rbac-policies/{rbac_policy_id}", delete_policy, policy="delete_rbac_policy", target=target, ok=204),
]
