"""Roles of users and groups on projects, domains and the system.

One set of handlers for every combination: the path says who (`user_id` or `group_id`) and on what (`project_id`,
`domain_id`, or neither for the system); below OS-INHERIT the role holds on the projects underneath instead.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Request, Route
from pileus.identity.api import targets
from pileus.identity.api.roles import show_role
from pileus.identity.api.views import listing
from pileus.identity.model import Assignment


async def list_grants(req: Request, **path: str) -> dict[str, Any]:
    a = _assignment(req, path)
    roles = await req.services.identity.assignments.roles_given(a.actor_type, a.actor_id, a.target_type, a.target_id, a.inherited)
    return listing(req, "roles", [show_role(req, r) for r in roles])


async def check_grant(req: Request, **path: str) -> None:
    await req.services.identity.assignments.check(_assignment(req, path))


async def create_grant(req: Request, **path: str) -> None:
    await req.services.identity.assignments.assign(_assignment(req, path))


async def revoke_grant(req: Request, **path: str) -> None:
    await req.services.identity.assignments.unassign(_assignment(req, path))


def _assignment(req: Request, path: dict[str, str]) -> Assignment:
    target = next((kind for kind in ("project", "domain") if f"{kind}_id" in path), "system")
    actor = "user" if "user_id" in path else "group"
    return Assignment(
        actor_type=actor,
        actor_id=path[f"{actor}_id"],
        target_type=target,
        target_id=path.get(f"{target}_id", target),
        role_id=path.get("role_id", ""),
        inherited="/OS-INHERIT/" in req.route.path,
    )


def _routes(roles: str, one: str, suffix: str = "") -> list[Route]:
    """The routes of one combination; `suffix` distinguishes the rules of system roles."""
    target = None if suffix else targets.grant
    rule = "identity:{}" + suffix
    names = (
        ("list_system_grants", "check_system_grant", "create_system_grant", "revoke_system_grant")
        if suffix
        else ("list_grants", "check_grant", "create_grant", "revoke_grant")
    )
    listed, checked, created, revoked = (rule.format(name) for name in names)
    return [
        Route("GET", roles, list_grants, policy=listed, target=target),
        Route("GET", one, check_grant, policy=checked, target=target, ok=204),
        Route("PUT", one, create_grant, policy=created, target=target, ok=204),
        Route("DELETE", one, revoke_grant, policy=revoked, target=target, ok=204),
    ]


_ACTORS = ("users/{user_id}", "groups/{group_id}")
_TARGETS = ("projects/{project_id}", "domains/{domain_id}")
ROUTES = [
    *(
        route
        for target in _TARGETS
        for actor in _ACTORS
        for route in _routes(f"/v3/{target}/{actor}/roles", f"/v3/{target}/{actor}/roles/{{role_id}}")
    ),
    *(
        route
        for target in _TARGETS
        for actor in _ACTORS
        for route in _routes(
            f"/v3/OS-INHERIT/{target}/{actor}/roles/inherited_to_projects",
            f"/v3/OS-INHERIT/{target}/{actor}/roles/{{role_id}}/inherited_to_projects",
        )
    ),
    *_routes("/v3/system/users/{user_id}/roles", "/v3/system/users/{user_id}/roles/{role_id}", "_for_user"),
    *_routes("/v3/system/groups/{group_id}/roles", "/v3/system/groups/{group_id}/roles/{role_id}", "_for_group"),
]
