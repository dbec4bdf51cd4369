"""GET /v3/role_assignments: who has which role on what, and why."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec.json import encode

from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.identity.api import targets
from pileus.identity.api.views import BASE, listing, truth
from pileus.identity.service.effective import Names, Row, Wanted

INHERITED = "scope.OS-INHERIT:inherited_to"
#: Filters that exclude each other.
_EITHER = (
    ("scope.domain.id", "scope.project.id"),
    ("scope.domain.id", "scope.system"),
    ("scope.project.id", "scope.system"),
    ("user.id", "group.id"),
)


async def list_role_assignments(req: Request) -> dict[str, Any]:
    query, lister = req.query, req.services.identity.lister
    effective, subtree = truth(query.get("effective")), truth(query.get("include_subtree"))
    _check(req, effective)
    project_id = query.get("scope.project.id") or None
    if subtree:
        if project_id is None:
            raise Invalid("scope.project.id must be specified if include_subtree is also specified")
        project = await req.services.identity.projects.get(project_id)
        req.enforce("identity:list_role_assignments_for_tree", targets.in_domain(project.domain_id or None))
    wanted = Wanted(
        user_id=query.get("user.id") or None,
        group_id=query.get("group.id") or None,
        role_id=query.get("role.id") or None,
        project_id=project_id,
        domain_id=query.get("scope.domain.id") or None,
        system=bool(query.get("scope.system")),
        inherited=query.get(INHERITED) == "projects" if INHERITED in query else None,
        subtree=subtree,
        within=req.who.domain_id,
    )
    rows = await (lister.effective(wanted) if effective else lister.given(wanted))
    names = await lister.names(rows) if truth(query.get("include_names")) else None
    base = req.url(BASE)  # once: a list may have very many lines
    # Each line becomes text at once: a hundred thousand dictionaries would keep the garbage collector busy.
    return listing(req, "role_assignments", [msgspec.Raw(encode(_show(base, row, names))) for row in rows])


def _check(req: Request, effective: bool) -> None:
    """Raise Invalid for filters that contradict each other."""
    for one, other in _EITHER:
        if req.query.get(one) and req.query.get(other):
            raise Invalid(f"Specify {one} or {other}, not both.")
    if effective and req.query.get("group.id"):
        raise Invalid("Combining effective and group filter will always result in an empty list.")
    if effective and req.query.get("scope.domain.id") and req.query.get(INHERITED) == "projects":
        raise Invalid("Combining effective, domain and inherited filters will always result in an empty list.")


def _show(base: str, row: Row, names: Names | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "scope": _scope(row, names),
        row.actor_type: {"id": row.actor_id},
        "role": {"id": row.role_id},
        "links": _links(base, row),
    }
    if names is not None and row.actor_id in names.actors:
        name, domain_id = names.actors[row.actor_id]
        shown[row.actor_type] |= {"name": name, "domain": {"id": domain_id, "name": names.domains.get(domain_id)}}
    if names is not None and row.role_id in names.roles:
        name, domain_id = names.roles[row.role_id]
        shown["role"] |= {"name": name} | ({"domain": {"id": domain_id, "name": names.domains.get(domain_id)}} if domain_id else {})
    if row.source.inherited:
        shown["scope"]["OS-INHERIT:inherited_to"] = "projects"
    return shown


def _scope(row: Row, names: Names | None) -> dict[str, Any]:
    if row.target_type == "system":
        return {"system": {"all": True}}
    scope: dict[str, Any] = {"id": row.target_id}
    if names is not None and row.target_id in names.targets:
        target = names.targets[row.target_id]
        scope["name"] = target.name
        if row.target_type == "project":
            scope["domain"] = {"id": target.domain_id or None, "name": names.domains.get(target.domain_id)}
    return {row.target_type: scope}


def _links(base: str, row: Row) -> dict[str, str]:
    """Where the assignment itself is, and where the membership and the implication are that bring it here."""
    a = row.source
    target = "system" if a.target_type == "system" else f"{a.target_type}s/{a.target_id}"
    path = f"{target}/{a.actor_type}s/{a.actor_id}/roles/{a.role_id}"
    links = {"assignment": f"{base}/OS-INHERIT/{path}/inherited_to_projects" if a.inherited else f"{base}/{path}"}
    if row.by_group:
        links["membership"] = f"{base}/groups/{a.actor_id}/users/{row.actor_id}"
    if row.prior_role_id is not None:
        links["prior_role"] = f"{base}/prior_role/{row.prior_role_id}/implies/{row.role_id}"
    return links


ROUTES = [
    Route("GET", "/v3/role_assignments", list_role_assignments, policy="identity:list_role_assignments", target=targets.own_domain)
]
