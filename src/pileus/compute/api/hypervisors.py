"""Hypervisors: what hosts have, and what is on them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.api.fields import check_uuid
from pileus.compute.api.query import Parameters, next_links, page_of
from pileus.compute.errors import HypervisorNotFound, NoHypervisorMatches
from pileus.compute.model.host import Host, Used
from pileus.core.errors import Conflict, Invalid
from pileus.core.http import Request, Route, since

LIST = Parameters(
    {"limit": since(2, 33), "marker": since(2, 33), "hypervisor_hostname_pattern": since(2, 53), "with_servers": since(2, 53)},
    strict=(2, 53),
)
SHOW = Parameters({"with_servers": since(2, 53)}, strict=(2, 53))


class HostIsDown(Conflict):
    """Nova asks the host itself, and cannot."""

    status, code, message = 400, "hypervisor.host_is_down", "Service is unavailable at this time: host {host} is down."


async def list_hypervisors(req: Request) -> dict[str, Any]:
    return await _list(req, detail=False)


async def list_hypervisors_in_detail(req: Request) -> dict[str, Any]:
    return await _list(req, detail=True)


async def _list(req: Request, *, detail: bool) -> dict[str, Any]:
    asked, service = LIST.read(req), req.services.compute.hosts
    pattern, links = asked.get("hypervisor_hostname_pattern"), []
    if pattern is not None:
        if "limit" in asked or "marker" in asked:
            raise Invalid("Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.")
        page = _matching(await service.all(), pattern)
    else:
        hosts = await service.all()
        page, marker = page_of(_by_number(asked, hosts), hosts, lambda host: host.id)
        links = next_links(req, asked, marker)
    shown = await _views(req, page, detail=detail, with_servers=_with_servers(asked))
    return {"hypervisors": shown} | ({"hypervisors_links": links} if links else {})


async def show_hypervisor(req: Request, hypervisor_id: str) -> dict[str, Any]:
    asked = SHOW.read(req)
    host = await _find(req, check_uuid(hypervisor_id))
    return {"hypervisor": (await _views(req, [host], detail=True, with_servers=_with_servers(asked)))[0]}


async def show_numbered_hypervisor(req: Request, hypervisor_id: str) -> dict[str, Any]:
    return {"hypervisor": (await _views(req, [await _find(req, hypervisor_id)], detail=True))[0]}


async def show_uptime(req: Request, hypervisor_id: str) -> dict[str, Any]:
    return await _uptime(req, await _find(req, check_uuid(hypervisor_id)))


async def show_uptime_of_numbered(req: Request, hypervisor_id: str) -> dict[str, Any]:
    return await _uptime(req, await _find(req, hypervisor_id))


async def _uptime(req: Request, host: Host) -> dict[str, Any]:
    uptime = req.services.compute.hosts.uptime(host)
    if uptime is None:
        raise HostIsDown(host=host.host)
    return {"hypervisor": _basic(req, host) | {"uptime": uptime}}


async def show_statistics(req: Request) -> dict[str, Any]:
    hosts = [host for host in await req.services.compute.hosts.all() if not host.disabled]
    used = await req.services.compute.hosts.used()
    sums: dict[str, int] = {"count": len(hosts)} | dict.fromkeys(_counters(None, Used()), 0)
    for host in hosts:
        for name, value in _counters(host, used[host.host]).items():
            sums[name] += value
    return {"hypervisor_statistics": sums}


async def search_hypervisors(req: Request, hypervisor_id: str) -> dict[str, Any]:
    found = _matching(await req.services.compute.hosts.all(), hypervisor_id)
    return {"hypervisors": await _views(req, found, detail=False)}


async def list_hypervisor_servers(req: Request, hypervisor_id: str) -> dict[str, Any]:
    found = _matching(await req.services.compute.hosts.all(), hypervisor_id)
    return {"hypervisors": await _views(req, found, detail=False, with_servers=True)}


ALL, ONE = "/v2.1/os-hypervisors", "/v2.1/os-hypervisors/{hypervisor_id}"
RULE = "os_compute_api:os-hypervisors:"
ROUTES = [
    Route("GET", ALL, list_hypervisors, policy=RULE + "list"),
    Route("GET", ALL + "/detail", list_hypervisors_in_detail, policy=RULE + "list-detail"),
    Route("GET", ALL + "/statistics", show_statistics, policy=RULE + "statistics", until=(2, 87)),
    Route("GET", ONE, show_hypervisor, policy=RULE + "show", since=(2, 53)),
    Route("GET", ONE, show_numbered_hypervisor, policy=RULE + "show", until=(2, 52)),
    Route("GET", ONE + "/uptime", show_uptime, policy=RULE + "uptime", since=(2, 53), until=(2, 87)),
    Route("GET", ONE + "/uptime", show_uptime_of_numbered, policy=RULE + "uptime", until=(2, 52)),
    Route("GET", ONE + "/search", search_hypervisors, policy=RULE + "search", until=(2, 52)),
    Route("GET", ONE + "/servers", list_hypervisor_servers, policy=RULE + "servers", until=(2, 52)),
]


async def _views(req: Request, hosts: list[Host], *, detail: bool, with_servers: bool = False) -> list[dict[str, Any]]:
    service = req.services.compute.hosts
    servers = await service.servers([host.host for host in hosts]) if with_servers else {}
    used = await service.used() if detail else {}
    shown = []
    for host in hosts:
        view = _basic(req, host)
        if detail:
            view |= _detail(host) | _counters(host, used[host.host]) | {"uptime": service.uptime(host)}
        if with_servers:
            view["servers"] = [{"uuid": id, "name": name} for id, name in servers.get(host.host, ())]
        shown.append(view)
    return shown


def _basic(req: Request, host: Host) -> dict[str, Any]:
    return {
        "id": host.id,
        "number": host.number,
        "hypervisor_hostname": host.inventory.hypervisor_hostname,
        "state": "up" if req.services.compute.hosts.is_up(host) else "down",
        "status": "disabled" if host.disabled else "enabled",
    }


def _detail(host: Host) -> dict[str, Any]:
    has = host.inventory
    return {
        "hypervisor_type": has.hypervisor_type,
        "hypervisor_version": has.hypervisor_version,
        "host_ip": has.host_ip or None,
        "service": {"id": host.service_id, "number": host.number, "host": host.host, "disabled_reason": host.disabled_reason},
        "cpu_info": has.cpu_info,
    }


def _counters(host: Host | None, used: Used) -> dict[str, int]:
    """What 2.88 left to placement."""
    vcpus, memory, disk = (host.inventory.vcpus, host.inventory.memory_mb, host.inventory.disk_gib) if host else (0, 0, 0)
    return {
        "vcpus": vcpus,
        "vcpus_used": used.vcpus,
        "memory_mb": memory,
        "memory_mb_used": used.memory_mb,
        "free_ram_mb": memory - used.memory_mb,
        "local_gb": disk,
        "local_gb_used": used.disk_gib,
        "free_disk_gb": disk - used.disk_gib,
        "disk_available_least": disk - used.disk_gib,
        "current_workload": used.busy,
        "running_vms": used.servers,
    }


async def _find(req: Request, id: str) -> Host:
    """By UUID, or by the number that clients before 2.53 see."""
    for host in await req.services.compute.hosts.all():
        if id in (host.id, str(host.number)):
            return host
    raise HypervisorNotFound(id=id)


def _by_number(asked: dict[str, str], hosts: Any) -> dict[str, str]:
    """A marker before 2.53 is a number."""
    marker = next((host.id for host in hosts if str(host.number) == asked.get("marker")), asked.get("marker"))
    return asked | ({"marker": marker} if marker else {})


def _matching(hosts: Any, pattern: str) -> list[Host]:
    found = [host for host in hosts if pattern in host.inventory.hypervisor_hostname]
    if not found:
        raise NoHypervisorMatches(pattern=pattern)
    return found


def _with_servers(asked: dict[str, str]) -> bool:
    value = asked.get("with_servers", "false").lower()
    if value not in ("true", "1", "on", "yes", "false", "0", "off", "no"):
        raise Invalid(f"Invalid input for query parameters with_servers. Value: {asked['with_servers']}. It is not a boolean.")
    return value in ("true", "1", "on", "yes")
