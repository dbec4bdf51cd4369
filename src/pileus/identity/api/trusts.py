"""Trusts, below OS-TRUST. Whoever has no part in one is told that there is none."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pileus.core.errors import Invalid
from pileus.core.http import Reply, Request, Route
from pileus.identity.api import targets
from pileus.identity.api.bodies import Id
from pileus.identity.api.moments import moment
from pileus.identity.api.roles import show_role
from pileus.identity.api.views import BASE, filters, links, listing
from pileus.identity.errors import Refused
from pileus.identity.model import Trust
from pileus.identity.service.delegation import in_person
from pileus.identity.service.tokens import stamp
from pileus.identity.service.trusts import TrustOrder


class RoleRef(msgspec.Struct):
    id: str | None = None
    name: str | None = None


class TrustFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    trustor_user_id: Id
    trustee_user_id: Id
    impersonation: bool
    project_id: Id | None = None
    roles: list[RoleRef] = []
    expires_at: str | None = None
    remaining_uses: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    allow_redelegation: bool | None = False
    redelegation_count: Annotated[int, Meta(ge=0)] | None = None
    redelegated_trust_id: Id | None = None


class TrustBody(msgspec.Struct):
    trust: TrustFields


async def list_trusts(req: Request) -> dict[str, Any]:
    """Of a trustor, of a trustee, or (administrators) all. The route's rule has looked at the trustor."""
    wanted = filters(req, ("trustor_user_id", "trustee_user_id"))
    given = {f.column: f.value for f in wanted if f.comparison == "equals"}
    if "trustor_user_id" not in given:
        trustee = given.get("trustee_user_id")
        if trustee is None:
            req.enforce("identity:list_trusts", {})
        else:
            req.enforce("identity:list_trusts_for_trustee", targets.entrusted(None, trustee))
    return listing(req, "trusts", [_brief(req, t) for t in await req.services.identity.trusts.matching(wanted)])


async def create_trust(req: Request, body: TrustBody) -> dict[str, Any]:
    """By the trustor, in person and not by an administrator; or by the token of a trust, which hands on that trust."""
    t = body.trust
    req.enforce("identity:create_trust", targets.entrusted(t.trustor_user_id, t.trustee_user_id))
    if req.who.trust_id is None or req.who.by_keys:
        in_person(req.who, "create a trust")
    if t.redelegated_trust_id not in (None, req.who.trust_id):
        raise Refused(why="A trust is redelegated by a token of it and of no other.")
    if req.who.user_id != t.trustor_user_id:
        raise Refused(why="The authenticated user should match the trustor.")
    if t.project_id is None:
        raise Invalid("'project_id' is a required property: a trust is for acting on a project.")
    if any(r.id is None and r.name is None for r in t.roles):
        raise Invalid("Expecting to find the id or the name of each role.")
    order = TrustOrder(
        trustor_user_id=t.trustor_user_id,
        trustee_user_id=t.trustee_user_id,
        project_id=t.project_id,
        roles=[(r.id, r.name) for r in t.roles],
        impersonation=t.impersonation,
        expires_at=moment(t.expires_at),
        remaining_uses=t.remaining_uses,
        redelegable=bool(t.allow_redelegation) and t.redelegation_count != 0,
        redelegation_count=t.redelegation_count,
    )
    trust = await req.services.identity.trusts.create(order, from_trust=req.who.trust_id)
    return {"trust": await show_trust(req, trust)}


async def get_trust(req: Request, trust_id: str) -> dict[str, Any]:
    return {"trust": await show_trust(req, await req.services.identity.trusts.get(trust_id))}


async def delete_trust(req: Request, trust_id: str) -> None:
    """A token of a trust ends at most that trust: impersonation does not reach the trustor's other ones."""
    if req.who.trust_id not in (None, trust_id):
        raise Refused(why="A token of a trust cannot delete another trust.")
    await req.services.identity.trusts.delete(trust_id)


async def list_trust_roles(req: Request, trust_id: str) -> dict[str, Any]:
    trusts = req.services.identity.trusts
    return listing(req, "roles", [show_role(req, r) for r in await trusts.roles(await trusts.get(trust_id))])


async def get_trust_role(req: Request, trust_id: str, role_id: str) -> dict[str, Any]:
    trusts = req.services.identity.trusts
    return {"role": show_role(req, await trusts.role(await trusts.get(trust_id), role_id))}


async def check_list(req: Request) -> Reply:
    await list_trusts(req)
    return Reply(200)


async def check_trust(req: Request, trust_id: str) -> Reply:
    """That there is one is known since the route's rule was looked at."""
    return Reply(200)


async def check_trust_role(req: Request, trust_id: str, role_id: str) -> Reply:
    await get_trust_role(req, trust_id, role_id)
    return Reply(200)


def _brief(req: Request, t: Trust) -> dict[str, Any]:
    return {
        "id": t.id,
        "trustor_user_id": t.trustor_user_id,
        "trustee_user_id": t.trustee_user_id,
        "project_id": t.project_id,
        "impersonation": t.impersonation,
        "expires_at": stamp(t.expires_at) if t.expires_at is not None else None,
        "remaining_uses": t.remaining_uses,
        "redelegation_count": t.redelegation_count,
        "redelegated_trust_id": t.redelegated_trust_id,
        "deleted_at": None,
        "links": links(req, "OS-TRUST/trusts", t.id),
    }


async def show_trust(req: Request, t: Trust) -> dict[str, Any]:
    below = req.url(f"{BASE}/OS-TRUST/trusts/{t.id}/roles")
    return _brief(req, t) | {
        "roles": [show_role(req, r) for r in await req.services.identity.trusts.roles(t)],
        "roles_links": {"self": below, "previous": None, "next": None},
    }


_ALL, _ONE = "/v3/OS-TRUST/trusts", "/v3/OS-TRUST/trusts/{trust_id}"
_LIST = "identity:list_trusts_for_trustor"
_ROLES = "identity:list_roles_for_trust"
_ROLE = "identity:get_role_for_trust"
ROUTES = [
    Route("GET", _ALL, list_trusts, policy=_LIST, target=targets.trustor),
    Route("HEAD", _ALL, check_list, policy=_LIST, target=targets.trustor),
    Route("POST", _ALL, create_trust, policy="identity:create_trust", body=TrustBody, target=targets.trustor, ok=201),
    Route("GET", _ONE, get_trust, policy="identity:get_trust", target=targets.trust),
    Route("HEAD", _ONE, check_trust, policy="identity:get_trust", target=targets.trust),
    Route("DELETE", _ONE, delete_trust, policy="identity:delete_trust", target=targets.trust, ok=204),
    Route("GET", _ONE + "/roles", list_trust_roles, policy=_ROLES, target=targets.trust),
    Route("HEAD", _ONE + "/roles", check_trust, policy=_ROLES, target=targets.trust),
    Route("GET", _ONE + "/roles/{role_id}", get_trust_role, policy=_ROLE, target=targets.trust),
    Route("HEAD", _ONE + "/roles/{role_id}", check_trust_role, policy=_ROLE, target=targets.trust),
]
