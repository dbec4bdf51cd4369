"""Domains."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.core.http import Request, Route
from pileus.identity.api import targets
from pileus.identity.api.bodies import Description, Name64, Options, Tags, changes, parse, required, unique
from pileus.identity.api.views import asked, filters, links, listing
from pileus.identity.model import NewProject, Project
from pileus.identity.store.base import Filter


class DomainFields(msgspec.Struct, kw_only=True):
    name: Name64 | UnsetType = UNSET
    #: Chosen by who keeps several clouds in step; only when a domain is made.
    explicit_domain_id: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    options: Options | UnsetType = UNSET

    def __post_init__(self) -> None:
        if isinstance(self.tags, list):
            unique(self.tags, "tags")


class DomainBody(msgspec.Struct):
    domain: dict[str, Any]


async def list_domains(req: Request) -> dict[str, Any]:
    own = [Filter("id", "equals", req.who.domain_id)] if req.who.domain_id is not None else []
    wanted = [Filter("is_domain", "equals", True), *own, *filters(req, ("name", "id"), ("enabled",))]
    page = asked(req)
    found, more = await req.services.identity.projects.page(wanted, page.limit, page.marker)
    return listing(req, "domains", [show_domain(req, d) for d in found], page=page, more=more)


async def create_domain(req: Request, body: DomainBody) -> dict[str, Any]:
    known, extra = parse(DomainFields, body.domain)
    required(known.name, "name")
    values = changes(known, extra)
    created = await req.services.identity.projects.create_domain(NewProject(id=values.pop("explicit_domain_id", None), **values))
    return {"domain": show_domain(req, created)}


async def get_domain(req: Request, domain_id: str) -> dict[str, Any]:
    return {"domain": show_domain(req, await req.services.identity.projects.get_domain(domain_id))}


async def update_domain(req: Request, domain_id: str, body: DomainBody) -> dict[str, Any]:
    known, extra = parse(DomainFields, body.domain, id=domain_id)
    values = changes(known, extra, "explicit_domain_id")
    return {"domain": show_domain(req, await req.services.identity.projects.update(domain_id, values, only_domain=True))}


async def delete_domain(req: Request, domain_id: str) -> None:
    """With everything in it; it must be disabled first."""
    await req.services.identity.projects.delete_domain(domain_id)


def show_domain(req: Request, d: Project) -> dict[str, Any]:
    return d.extra | {
        "id": d.id,
        "name": d.name,
        "description": d.description,
        "enabled": d.enabled,
        "tags": list(d.tags),
        "options": d.options,
        "links": links(req, "domains", d.id),
    }


ROUTES = [
    Route("GET", "/v3/domains", list_domains, policy="identity:list_domains", target=targets.own_domain),
    Route("POST", "/v3/domains", create_domain, policy="identity:create_domain", body=DomainBody, ok=201),
    Route("GET", "/v3/domains/{domain_id}", get_domain, policy="identity:get_domain", target=targets.domain),
    Route(
        "PATCH", "/v3/domains/{domain_id}", update_domain, policy="identity:update_domain", body=DomainBody, target=targets.domain
    ),
    Route("DELETE", "/v3/domains/{domain_id}", delete_domain, policy="identity:delete_domain", target=targets.domain, ok=204),
]
