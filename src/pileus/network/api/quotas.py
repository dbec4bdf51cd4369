"""/v2.0/quotas"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.core.errors import Invalid
from pileus.core.http import Request, Route


class QuotaChange(msgspec.Struct, forbid_unknown_fields=True):
    quota: dict[str, Any]


async def target(req: Request, project_id: str) -> dict[str, Any]:
    return {"project_id": project_id}


async def list_quotas(req: Request):
    """The projects whose quotas are not the defaults."""
    found = await req.services.network.quotas.all()
    return {"quotas": [{"project_id": project, "tenant_id": project, **limits} for project, limits in found.items()]}


async def show_quotas(req: Request, project_id: str):
    return {"quota": await req.services.network.quotas.of(project_id)}


async def show_defaults(req: Request, project_id: str):
    return {"quota": req.services.network.quotas.defaults()}


async def show_details(req: Request, project_id: str):
    return {"quota": await req.services.network.quotas.details(project_id)}


async def update_quotas(req: Request, project_id: str, body: QuotaChange):
    limits = {name: value for name, value in body.quota.items() if name not in ("tenant_id", "project_id", "force", "check_limit")}
    return {
        "quota": await req.services.network.quotas.update(project_id, {name: _limit(name, value) for name, value in limits.items()})
    }


async def delete_quotas(req: Request, project_id: str):
    await req.services.network.quotas.reset(project_id)


async def show_project(req: Request):
    """Which project the caller is of, for clients that ask before they ask for its quotas."""
    key = req.path.rpartition("/")[2]
    return {key: {"tenant_id": req.who.project_id, "project_id": req.who.project_id}}


def _limit(name: str, value: Any) -> int:
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        value = int(value)
    if type(value) is not int or not -1 <= value <= 0x7FFFFFFF:
        raise Invalid(f"Invalid input for {name}. Reason: '{value}' is not a limit.")
    return value


ROUTES = [
    Route("GET", "/v2.0/quotas", list_quotas, policy="admin_only"),
    Route("GET", "/v2.0/quotas/tenant", show_project, policy="regular_user"),
    Route("GET", "/v2.0/quotas/project", show_project, policy="regular_user"),
    Route("GET", "/v2.0/quotas/{project_id}", show_quotas, policy="get_quota", target=target),
    Route("PUT", "/v2.0/quotas/{project_id}", update_quotas, policy="update_quota", target=target, body=QuotaChange),
    Route("DELETE", "/v2.0/quotas/{project_id}", delete_quotas, policy="delete_quota", target=target, ok=204),
    Route("GET", "/v2.0/quotas/{project_id}/default", show_defaults, policy="get_quota", target=target),
    Route("GET", "/v2.0/quotas/{project_id}/details", show_details, policy="get_quota", target=target),
    Route("GET", "/v2.0/quotas/{project_id}/details.json", show_details, policy="get_quota", target=target),
]
