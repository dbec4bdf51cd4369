"""Endpoint filters and endpoint groups, below OS-EP-FILTER."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Reply, Request, Route
from pileus.identity.api.bodies import Description, Name, given, parse, required
from pileus.identity.api.catalog import show_endpoint
from pileus.identity.api.projects import show_project
from pileus.identity.api.views import BASE, filters, links, listing
from pileus.identity.model import EndpointGroup


class GroupFields(msgspec.Struct, kw_only=True):
    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    filters: dict[str, str] | UnsetType = UNSET


class GroupBody(msgspec.Struct):
    endpoint_group: dict[str, Any]


# ---- groups ----------------------------------------------------------------------------------------------------------
async def list_groups(req: Request) -> dict[str, Any]:
    found = await req.services.identity.endpoint_filters.list_groups(filters(req, ("name",)))
    return listing(req, "endpoint_groups", [show_group(req, g) for g in found])


async def create_group(req: Request, body: GroupBody) -> dict[str, Any]:
    known, _ = parse(GroupFields, body.endpoint_group)
    required(known.name, "name")
    required(known.filters, "filters")
    return {"endpoint_group": show_group(req, await req.services.identity.endpoint_filters.create_group(**given(known)))}


async def get_group(req: Request, endpoint_group_id: str) -> dict[str, Any]:
    return {"endpoint_group": show_group(req, await req.services.identity.endpoint_filters.get_group(endpoint_group_id))}


async def update_group(req: Request, endpoint_group_id: str, body: GroupBody) -> dict[str, Any]:
    known, _ = parse(GroupFields, body.endpoint_group, id=endpoint_group_id)
    group = await req.services.identity.endpoint_filters.update_group(endpoint_group_id, given(known))
    return {"endpoint_group": show_group(req, group)}


async def delete_group(req: Request, endpoint_group_id: str) -> None:
    await req.services.identity.endpoint_filters.delete_group(endpoint_group_id)


async def list_group_endpoints(req: Request, endpoint_group_id: str) -> dict[str, Any]:
    found = await req.services.identity.endpoint_filters.members(endpoint_group_id)
    return listing(req, "endpoints", [show_endpoint(req, e) for e in found])


async def list_group_projects(req: Request, endpoint_group_id: str) -> dict[str, Any]:
    found = await req.services.identity.endpoint_filters.projects_of_group(endpoint_group_id)
    return listing(req, "projects", [show_project(req, p) for p in found])


# ---- a group and a project -------------------------------------------------------------------------------------------
async def give_group(req: Request, endpoint_group_id: str, project_id: str) -> None:
    await req.services.identity.endpoint_filters.give_group(project_id, endpoint_group_id)


async def get_given_group(req: Request, endpoint_group_id: str, project_id: str) -> dict[str, Any]:
    await req.services.identity.endpoint_filters.check_group(project_id, endpoint_group_id)
    path = f"{BASE}/OS-EP-FILTER/endpoint_groups/{endpoint_group_id}/projects/{project_id}"
    pair = {"endpoint_group_id": endpoint_group_id, "project_id": project_id, "links": {"self": req.url(path)}}
    return {"project_endpoint_group": pair}


async def check_given_group(req: Request, endpoint_group_id: str, project_id: str) -> Reply:
    await req.services.identity.endpoint_filters.check_group(project_id, endpoint_group_id)
    return Reply(200)


async def take_group(req: Request, endpoint_group_id: str, project_id: str) -> None:
    await req.services.identity.endpoint_filters.take_group(project_id, endpoint_group_id)


# ---- an endpoint and a project ---------------------------------------------------------------------------------------
async def give_endpoint(req: Request, project_id: str, endpoint_id: str) -> None:
    await req.services.identity.endpoint_filters.give_endpoint(project_id, endpoint_id)


async def check_endpoint(req: Request, project_id: str, endpoint_id: str) -> None:
    await req.services.identity.endpoint_filters.check_endpoint(project_id, endpoint_id)


async def take_endpoint(req: Request, project_id: str, endpoint_id: str) -> None:
    await req.services.identity.endpoint_filters.take_endpoint(project_id, endpoint_id)


async def list_project_endpoints(req: Request, project_id: str) -> dict[str, Any]:
    found = await req.services.identity.endpoint_filters.endpoints_of(project_id)
    return listing(req, "endpoints", [show_endpoint(req, e) for e in found])


async def list_project_groups(req: Request, project_id: str) -> dict[str, Any]:
    found = await req.services.identity.endpoint_filters.groups_of(project_id)
    return listing(req, "endpoint_groups", [show_group(req, g) for g in found])


async def list_endpoint_projects(req: Request, endpoint_id: str) -> dict[str, Any]:
    found = await req.services.identity.endpoint_filters.projects_of_endpoint(endpoint_id)
    return listing(req, "projects", [show_project(req, p) for p in found])


def show_group(req: Request, g: EndpointGroup) -> dict[str, Any]:
    return {
        "id": g.id,
        "name": g.name,
        "description": g.description,
        "filters": g.filters,
        "links": links(req, "OS-EP-FILTER/endpoint_groups", g.id),
    }


_ROOT = "/v3/OS-EP-FILTER"
_GROUPS, _GROUP = f"{_ROOT}/endpoint_groups", f"{_ROOT}/endpoint_groups/{{endpoint_group_id}}"
_PROJECT, _ENDPOINT = f"{_ROOT}/projects/{{project_id}}", f"{_ROOT}/endpoints/{{endpoint_id}}"
_GIVEN_GROUP, _GIVEN_ENDPOINT = f"{_GROUP}/projects/{{project_id}}", f"{_PROJECT}/endpoints/{{endpoint_id}}"
ROUTES = [
    Route("GET", _GROUPS, list_groups, policy="identity:list_endpoint_groups"),
    Route("POST", _GROUPS, create_group, policy="identity:create_endpoint_group", body=GroupBody, ok=201),
    Route("GET", _GROUP, get_group, policy="identity:get_endpoint_group"),
    Route("PATCH", _GROUP, update_group, policy="identity:update_endpoint_group", body=GroupBody),
    Route("DELETE", _GROUP, delete_group, policy="identity:delete_endpoint_group", ok=204),
    Route("GET", _GROUP + "/endpoints", list_group_endpoints, policy="identity:list_endpoints_associated_with_endpoint_group"),
    Route("GET", _GROUP + "/projects", list_group_projects, policy="identity:list_projects_associated_with_endpoint_group"),
    Route("PUT", _GIVEN_GROUP, give_group, policy="identity:add_endpoint_group_to_project", ok=204),
    Route("GET", _GIVEN_GROUP, get_given_group, policy="identity:get_endpoint_group_in_project"),
    Route("HEAD", _GIVEN_GROUP, check_given_group, policy="identity:get_endpoint_group_in_project"),
    Route("DELETE", _GIVEN_GROUP, take_group, policy="identity:remove_endpoint_group_from_project", ok=204),
    Route("GET", _PROJECT + "/endpoints", list_project_endpoints, policy="identity:list_endpoints_for_project"),
    Route("GET", _PROJECT + "/endpoint_groups", list_project_groups, policy="identity:list_endpoint_groups_for_project"),
    Route("GET", _ENDPOINT + "/projects", list_endpoint_projects, policy="identity:list_projects_for_endpoint"),
    Route("PUT", _GIVEN_ENDPOINT, give_endpoint, policy="identity:add_endpoint_to_project", ok=204),
    Route("GET", _GIVEN_ENDPOINT, check_endpoint, policy="identity:check_endpoint_in_project", ok=204),
    Route("DELETE", _GIVEN_ENDPOINT, take_endpoint, policy="identity:remove_endpoint_from_project", ok=204),
]
