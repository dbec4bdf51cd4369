"""Projects."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.identity.api import targets
from pileus.identity.api.bodies import Description, Id, Name64, Options, Tags, changes, parse, required, unique
from pileus.identity.api.views import asked, domain_or_own, filters, links, listing, own_domain, truth
from pileus.identity.model import NewProject, Project
from pileus.identity.store.base import Filter


class ProjectFields(msgspec.Struct, kw_only=True):
    name: Name64 | UnsetType = UNSET
    domain_id: Id | UnsetType | None = UNSET
    parent_id: Id | UnsetType | None = UNSET
    is_domain: bool | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    options: Options | UnsetType = UNSET

    def __post_init__(self) -> None:
        if isinstance(self.tags, list):
            unique(self.tags, "tags")


class ProjectBody(msgspec.Struct):
    project: dict[str, Any]


async def list_projects(req: Request) -> dict[str, Any]:
    wanted = [*own_domain(req.who), *filters(req, ("name", "domain_id", "parent_id"), ("enabled", "is_domain"))]
    if "is_domain" not in req.query:
        wanted.append(Filter("is_domain", "equals", False))
    if any(key in req.query for key in _TAG_FILTERS):
        found = await req.services.identity.projects.matching(wanted)
        return listing(req, "projects", [show_project(req, p) for p in found if _tagged(req, p)])
    page = asked(req)
    found, more = await req.services.identity.projects.page(wanted, page.limit, page.marker)
    return listing(req, "projects", [show_project(req, p) for p in found], page=page, more=more)


async def create_project(req: Request, body: ProjectBody) -> dict[str, Any]:
    """Below a parent, or at the top of a domain: the caller's own, when none is named."""
    known, extra = parse(ProjectFields, body.project)
    required(known.name, "name")
    identity = req.services.identity
    new = NewProject(**changes(known, extra, "is_domain", "domain_id", "parent_id"))
    if known.is_domain is True:
        if known.parent_id or known.domain_id:
            raise Invalid("Only root projects are allowed to act as domains.")
        req.enforce("identity:create_project", targets.in_domain(None))
        return {"project": show_project(req, await identity.projects.create_domain(new))}
    parent = known.parent_id or None
    domain_id = await identity.projects.place(domain_or_own(req, known.domain_id or None), parent)
    req.enforce("identity:create_project", targets.in_domain(domain_id))
    return {"project": show_project(req, await identity.projects.create(new, domain_id=domain_id, parent_id=parent))}


async def get_project(req: Request, project_id: str) -> dict[str, Any]:
    project = await req.services.identity.projects.get(project_id)
    return {"project": show_project(req, project) | await _relatives(req, project)}


async def update_project(req: Request, project_id: str, body: ProjectBody) -> dict[str, Any]:
    known, extra = parse(ProjectFields, body.project, id=project_id, may_be_empty=True)
    return {"project": show_project(req, await req.services.identity.projects.update(project_id, changes(known, extra)))}


async def delete_project(req: Request, project_id: str) -> None:
    await req.services.identity.projects.delete(project_id)


def show_project(req: Request, p: Project) -> dict[str, Any]:
    return p.extra | {
        "id": p.id,
        "name": p.name,
        "domain_id": p.domain_id or None,
        "description": p.description,
        "enabled": p.enabled,
        "parent_id": p.parent_id,
        "is_domain": p.is_domain,
        "tags": list(p.tags),
        "options": p.options,
        "links": links(req, "projects", p.id),
    }


async def _relatives(req: Request, project: Project) -> dict[str, Any]:
    """What was asked for of those above and below: as a list (of those the caller may act on) or as a tree of ids."""
    identity = req.services.identity
    more: dict[str, Any] = {}
    flags = {
        flag for flag in ("parents_as_list", "parents_as_ids", "subtree_as_list", "subtree_as_ids") if truth(req.query.get(flag))
    }
    for one in ("parents", "subtree"):
        if {f"{one}_as_list", f"{one}_as_ids"} <= flags:
            raise Invalid(f"Cannot use {one}_as_list and {one}_as_ids query params at the same time.")
    above = await identity.projects.parents(project) if flags & {"parents_as_list", "parents_as_ids"} else []
    below = await identity.projects.subtree(project) if flags & {"subtree_as_list", "subtree_as_ids"} else []
    usable = (
        {p.id for p in await identity.assignments.projects_of(req.who.user_id)}
        if flags & {"parents_as_list", "subtree_as_list"}
        else set()
    )
    if "parents_as_list" in flags:
        more["parents"] = [{"project": show_project(req, p)} for p in above if p.id in usable]
    if "parents_as_ids" in flags:
        tree: dict[str, Any] | None = None
        for p in reversed(above):
            tree = {p.id: tree}
        more["parents"] = tree
    if "subtree_as_list" in flags:
        more["subtree"] = [{"project": show_project(req, p)} for p in below if p.id in usable]
    if "subtree_as_ids" in flags:
        more["subtree"] = _tree(project.id, below)
    return more


def _tree(top: str, below: list[Project]) -> dict[str, Any] | None:
    return {p.id: _tree(p.id, below) for p in below if p.parent_id == top} or None


def _tagged(req: Request, p: Project) -> bool:
    """Whether a project has the tags that a list asks for: all, any, not all, not any."""
    have = set(p.tags)
    for key, fits in _TAG_FILTERS.items():
        wanted = req.query.get(key)
        if wanted is not None and not fits(have, set(wanted.split(","))):
            return False
    return True


_TAG_FILTERS = {
    "tags": lambda have, wanted: wanted <= have,
    "tags-any": lambda have, wanted: bool(wanted & have),
    "not-tags": lambda have, wanted: not wanted <= have,
    "not-tags-any": lambda have, wanted: not wanted & have,
}

ROUTES = [
    Route("GET", "/v3/projects", list_projects, policy="identity:list_projects", target=targets.own_domain),
    Route(
        "POST",
        "/v3/projects",
        create_project,
        policy="identity:create_project",
        body=ProjectBody,
        target=targets.own_domain,
        ok=201,
    ),
    Route("GET", "/v3/projects/{project_id}", get_project, policy="identity:get_project", target=targets.project),
    Route(
        "PATCH",
        "/v3/projects/{project_id}",
        update_project,
        policy="identity:update_project",
        body=ProjectBody,
        target=targets.project,
    ),
    Route("DELETE", "/v3/projects/{project_id}", delete_project, policy="identity:delete_project", target=targets.project, ok=204),
]
