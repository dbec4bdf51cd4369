"""Server groups."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from pileus.compute.api.fields import Name, Positive, count
from pileus.compute.api.query import ALWAYS, MOST, Parameters, number
from pileus.compute.model.server_group import ServerGroup
from pileus.core.context import EVERYONE
from pileus.core.http import Request, Route, since

Policy = Literal["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"]


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_server_per_host: Positive | UnsetType = UNSET


class ServerGroupNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    policy: Annotated[Policy, since(2, 64)]
    rules: Annotated[Rules, since(2, 64)] = Rules()


class ServerGroupCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    server_group: ServerGroupNew


LIST = Parameters({"all_projects": ALWAYS, "limit": ALWAYS, "offset": ALWAYS})
SHOW = Parameters({}, strict=(2, 102))
RULE = "os_compute_api:os-server-groups:"


async def list_groups(req: Request) -> dict[str, Any]:
    asked, scope = LIST.read(req), req.who.project_id
    if "all_projects" in asked and req.who.is_admin:
        req.enforce(RULE + "index:all_projects")
        scope = EVERYONE
    offset, limit = number(asked, "offset", 0), min(number(asked, "limit", MOST), MOST)
    found = (await req.services.compute.server_groups.list(scope))[offset : offset + limit]
    members = await req.services.compute.server_groups.members_of([group.id for group in found])
    return {"server_groups": [view(group, members[group.id]) for group in found]}


async def show_group(req: Request, group_id: str) -> dict[str, Any]:
    SHOW.read(req)
    group = await req.services.compute.server_groups.get(group_id, req.who.scope)
    return {"server_group": view(group, await req.services.compute.server_groups.members(group_id))}


async def create_group(req: Request, body: ServerGroupCreate) -> dict[str, Any]:
    asked = body.server_group
    most = asked.rules.max_server_per_host
    rules = {} if most is UNSET else {"max_server_per_host": count(most, "max_server_per_host", 1)}
    return {"server_group": view(await req.services.compute.server_groups.create(req.who, asked.name, asked.policy, rules), [])}


async def delete_group(req: Request, group_id: str) -> None:
    await req.services.compute.server_groups.delete(group_id, req.who.scope)


ALL, ONE = "/v2.1/os-server-groups", "/v2.1/os-server-groups/{group_id}"
ROUTES = [
    Route("GET", ALL, list_groups, policy=RULE + "index"),
    Route("POST", ALL, create_group, policy=RULE + "create", body=ServerGroupCreate),
    Route("GET", ONE, show_group, policy=RULE + "show"),
    Route("DELETE", ONE, delete_group, policy=RULE + "delete", ok=204),
]


def view(group: ServerGroup, members: list[str]) -> dict[str, Any]:
    return {
        "id": group.id,
        "name": group.name,
        "policy": group.policy,
        "rules": group.rules,
        "members": members,
        "project_id": group.project_id,
        "user_id": group.user_id,
    }
