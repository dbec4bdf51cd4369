"""Groups and their members."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Request, Route
from pileus.identity.api import targets
from pileus.identity.api.bodies import Description, Id, Name, changes, parse, required
from pileus.identity.api.users import asked_of_users, show_user
from pileus.identity.api.views import asked, domain_of, domain_or_own, filters, links, listing, own_domain, own_list_limit
from pileus.identity.model import Group
from pileus.identity.service.tokens import stamp


class GroupFields(msgspec.Struct, kw_only=True):
    name: Name | UnsetType = UNSET
    domain_id: Id | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET


class GroupBody(msgspec.Struct):
    group: dict[str, Any]


async def list_groups(req: Request) -> dict[str, Any]:
    wanted = [*own_domain(req.who), *filters(req, ("name", "domain_id"))]
    await req.services.identity.directories.freshen(domain_of(wanted))
    page = asked(req, await own_list_limit(req, wanted))
    found, more = await req.services.identity.groups.page(wanted, page.limit, page.marker)
    return listing(req, "groups", [show_group(req, g) for g in found], page=page, more=more)


async def create_group(req: Request, body: GroupBody) -> dict[str, Any]:
    known, extra = parse(GroupFields, body.group)
    required(known.name, "name")
    domain_id = domain_or_own(req, known.domain_id or None)
    req.enforce("identity:create_group", targets.in_domain(domain_id))
    return {
        "group": show_group(
            req, await req.services.identity.groups.create(domain_id=domain_id, **changes(known, extra, "domain_id"))
        )
    }


async def get_group(req: Request, group_id: str) -> dict[str, Any]:
    return {"group": show_group(req, await req.services.identity.groups.get(group_id))}


async def update_group(req: Request, group_id: str, body: GroupBody) -> dict[str, Any]:
    known, extra = parse(GroupFields, body.group, id=group_id)
    return {"group": show_group(req, await req.services.identity.groups.update(group_id, changes(known, extra)))}


async def delete_group(req: Request, group_id: str) -> None:
    await req.services.identity.groups.delete(group_id)


async def list_members(req: Request, group_id: str) -> dict[str, Any]:
    found = await req.services.identity.groups.members(group_id, asked_of_users(req))
    return listing(req, "users", [show_user(req, u) for u in found])


async def list_user_groups(req: Request, user_id: str) -> dict[str, Any]:
    groups = req.services.identity.groups
    ends = {id: stamp(at) for id, at in (await groups.expiries(user_id)).items()}
    found = await groups.of_user(user_id, filters(req, ("name",)))
    return listing(req, "groups", [show_group(req, g) | {"membership_expires_at": ends.get(g.id)} for g in found])


async def add_member(req: Request, group_id: str, user_id: str) -> None:
    await req.services.identity.groups.add_member(group_id, user_id)


async def check_member(req: Request, group_id: str, user_id: str) -> None:
    await req.services.identity.groups.check_member(group_id, user_id)


async def remove_member(req: Request, group_id: str, user_id: str) -> None:
    await req.services.identity.groups.remove_member(group_id, user_id)


def show_group(req: Request, g: Group) -> dict[str, Any]:
    return g.extra | {
        "id": g.id,
        "name": g.name,
        "domain_id": g.domain_id,
        "description": g.description,
        "links": links(req, "groups", g.id),
    }


_MEMBER = "/v3/groups/{group_id}/users/{user_id}"
ROUTES = [
    Route("GET", "/v3/groups", list_groups, policy="identity:list_groups", target=targets.own_domain),
    Route("POST", "/v3/groups", create_group, policy="identity:create_group", body=GroupBody, target=targets.own_domain, ok=201),
    Route("GET", "/v3/groups/{group_id}", get_group, policy="identity:get_group", target=targets.group),
    Route("PATCH", "/v3/groups/{group_id}", update_group, policy="identity:update_group", body=GroupBody, target=targets.group),
    Route("DELETE", "/v3/groups/{group_id}", delete_group, policy="identity:delete_group", target=targets.group, ok=204),
    Route("GET", "/v3/groups/{group_id}/users", list_members, policy="identity:list_users_in_group", target=targets.group),
    Route("GET", "/v3/users/{user_id}/groups", list_user_groups, policy="identity:list_groups_for_user", target=targets.user),
    Route("PUT", _MEMBER, add_member, policy="identity:add_user_to_group", target=targets.member, ok=204),
    Route("GET", _MEMBER, check_member, policy="identity:check_user_in_group", target=targets.member, ok=204),
    Route("DELETE", _MEMBER, remove_member, policy="identity:remove_user_from_group", target=targets.member, ok=204),
]
