"""Hosts as clients before 2.43 ask for them. Switching a host on and off is not offered: 501, as with most hypervisors."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.compute.api.query import ALWAYS, Parameters
from pileus.core.errors import Invalid, NotImplementedHere
from pileus.core.http import Request, Route

LIST = Parameters({"zone": ALWAYS})
Switch = Annotated[str, Meta(pattern=r"^\s*([eE][nN][aA][bB][lL][eE]|[dD][iI][sS][aA][bB][lL][eE])\s*\Z")]


class HostUpdate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: Switch | UnsetType = UNSET
    maintenance_mode: Switch | UnsetType = UNSET


async def list_hosts(req: Request) -> dict[str, Any]:
    zone = LIST.read(req).get("zone")
    services = [
        service
        for service in await req.services.compute.hosts.services()
        if not service.disabled and zone in (None, "", service.zone)
    ]
    return {
        "hosts": [
            {"host_name": service.host, "service": service.binary.removeprefix("nova-"), "zone": service.zone}
            for service in services
        ]
    }


async def show_host(req: Request, host_name: str) -> dict[str, Any]:
    hosts = req.services.compute.hosts
    has, used = (await hosts.get(host_name)).inventory, (await hosts.used())[host_name]
    by_project = await hosts.used_by_project(host_name)
    rows = [("(total)", has.vcpus, has.memory_mb, has.disk_gib), ("(used_now)", used.vcpus, used.memory_mb, used.disk_gib)]
    rows.append(
        ("(used_max)", *(sum(getattr(one, name) for one in by_project.values()) for name in ("vcpus", "memory_mb", "disk_gib")))
    )
    rows += [(project, one.vcpus, one.memory_mb, one.disk_gib) for project, one in by_project.items()]
    return {
        "host": [
            {"resource": {"host": host_name, "project": project, "cpu": cpu, "memory_mb": memory, "disk_gb": disk}}
            for project, cpu, memory, disk in rows
        ]
    }


async def update_host(req: Request, host_name: str, body: HostUpdate) -> dict[str, Any]:
    """Enable or disable, as os-services does."""
    if body.status is UNSET and body.maintenance_mode is UNSET:
        raise Invalid("Invalid input: one of 'status' and 'maintenance_mode' is required")
    service = await req.services.compute.hosts.service_on(host_name, "nova-compute")
    if not isinstance(body.status, str) or body.maintenance_mode is not UNSET:
        raise NotImplementedHere()
    disabled = body.status.strip().lower() == "disable"
    await req.services.compute.hosts.change_service(service, disabled=disabled, disabled_reason=None)
    return {"host": host_name, "status": "disabled" if disabled else "enabled"}


async def switch_host(req: Request, host_name: str) -> None:
    await req.services.compute.hosts.get(host_name)
    raise NotImplementedHere()


ALL, ONE, RULE, LAST = "/v2.1/os-hosts", "/v2.1/os-hosts/{host_name}", "os_compute_api:os-hosts:", (2, 42)
ROUTES = [
    Route("GET", ALL, list_hosts, policy=RULE + "list", until=LAST),
    Route("GET", ONE, show_host, policy=RULE + "show", until=LAST),
    Route("PUT", ONE, update_host, policy=RULE + "update", body=HostUpdate, until=LAST),
    Route("GET", ONE + "/startup", switch_host, policy=RULE + "start", until=LAST),
    Route("GET", ONE + "/shutdown", switch_host, policy=RULE + "shutdown", until=LAST),
    Route("GET", ONE + "/reboot", switch_host, policy=RULE + "reboot", until=LAST),
]
