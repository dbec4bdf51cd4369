"""Usage reports of projects."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.api.fields import moment
from pileus.compute.api.query import ALWAYS, MOST, Parameters, next_links, number
from pileus.compute.service.usage import ProjectUsage, ServerUsage
from pileus.core.http import Request, Route, since

LIST = Parameters({"start": ALWAYS, "end": ALWAYS, "detailed": ALWAYS, "limit": since(2, 40), "marker": since(2, 40)})
SHOW = Parameters({"start": ALWAYS, "end": ALWAYS, "limit": since(2, 40), "marker": since(2, 40)})


async def list_usage(req: Request) -> dict[str, Any]:
    asked = LIST.read(req)
    found, links = await _usage(req, asked, None)
    shown = [view(usage, detailed=asked.get("detailed") == "1") for usage in found]
    return {"tenant_usages": shown} | ({"tenant_usages_links": links} if links else {})


async def show_usage(req: Request, project_id: str) -> dict[str, Any]:
    asked = SHOW.read(req)
    found, links = await _usage(req, asked, project_id)
    shown = view(found[0], detailed=True) if found else {}
    return {"tenant_usage": shown} | ({"tenant_usage_links": links} if links else {})


async def _of(req: Request, project_id: str) -> dict[str, Any]:
    return {"project_id": project_id}


RULE = "os_compute_api:os-simple-tenant-usage:"
ROUTES = [
    Route("GET", "/v2.1/os-simple-tenant-usage", list_usage, policy=RULE + "list"),
    Route("GET", "/v2.1/os-simple-tenant-usage/{project_id}", show_usage, policy=RULE + "show", target=_of),
]


def view(usage: ProjectUsage, *, detailed: bool) -> dict[str, Any]:
    flavors = [one.server.flavor for one in usage.servers]
    shown = {
        "tenant_id": usage.project_id,
        "start": moment(usage.start),
        "stop": moment(usage.stop),
        "total_hours": usage.total([1] * len(flavors)),
        "total_vcpus_usage": usage.total([flavor.vcpus for flavor in flavors]),
        "total_memory_mb_usage": usage.total([flavor.memory_mb for flavor in flavors]),
        "total_local_gb_usage": usage.total([flavor.root_gib + flavor.ephemeral_gib for flavor in flavors]),
    }
    return shown | ({"server_usages": [_server(one) for one in usage.servers]} if detailed else {})


def _server(usage: ServerUsage) -> dict[str, Any]:
    server = usage.server
    return {
        "instance_id": server.id,
        "name": server.name,
        "tenant_id": server.project_id,
        "flavor": server.flavor.name,
        "vcpus": server.flavor.vcpus,
        "memory_mb": server.flavor.memory_mb,
        "local_gb": server.flavor.root_gib + server.flavor.ephemeral_gib,
        "hours": usage.hours,
        "uptime": usage.uptime_s,
        "started_at": moment(server.launched_at),
        "ended_at": moment(server.terminated_at),
        "state": "terminated" if server.terminated_at else server.vm_state,
    }


async def _usage(req: Request, asked: dict[str, str], project_id: str | None) -> tuple[list[ProjectUsage], list[dict[str, str]]]:
    usage = req.services.compute.usage
    start, stop = usage.period(asked.get("start"), asked.get("end"))
    limit = min(number(asked, "limit", MOST), MOST)
    found, marker = await usage.of(start, stop, project_id=project_id, limit=limit, marker=asked.get("marker"))
    return found, next_links(req, asked, marker)
