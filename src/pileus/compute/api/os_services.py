"""The processes of compute: alive or not, enabled or not."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.compute.api.fields import Flag, HostName, check_uuid, flag, moment
from pileus.compute.api.query import ALWAYS, Parameters
from pileus.compute.errors import ServiceNotFound, ServiceNotUpdatable
from pileus.compute.model.host import Service
from pileus.core.errors import Invalid, NotFound
from pileus.core.http import Request, Route, since

Reason = Annotated[str, Meta(min_length=1, max_length=255)]


class ServiceUpdate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    status: Literal["enabled", "disabled"] | UnsetType = UNSET
    disabled_reason: Reason | UnsetType = UNSET
    forced_down: Flag | UnsetType = UNSET


class NamedService(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Before 2.53: the path says what to do, the body to which service."""

    host: HostName
    binary: Annotated[str, Meta(min_length=1, max_length=255)]
    disabled_reason: Reason | UnsetType = UNSET
    forced_down: Annotated[Flag | UnsetType, since(2, 11)] = UNSET


LIST = Parameters({"host": ALWAYS, "binary": ALWAYS})
#: What the path of an update could say before 2.53, and since when.
ACTIONS = {"enable": (2, 1), "disable": (2, 1), "disable-log-reason": (2, 1), "force-down": (2, 11)}


async def list_services(req: Request) -> dict[str, Any]:
    asked = LIST.read(req)
    found = await req.services.compute.hosts.services()
    for key in ("host", "binary"):
        if asked.get(key):
            found = [service for service in found if getattr(service, key) == asked[key]]
    return {"services": [view(service) for service in found]}


async def update_service(req: Request, service_id: str, body: ServiceUpdate) -> dict[str, Any]:
    hosts = req.services.compute.hosts
    service = await hosts.service(check_uuid(service_id))
    return {"service": view(await hosts.change_service(service, **_changes(body)))}


async def act_on_service(req: Request, service_id: str, body: NamedService) -> dict[str, Any]:
    if service_id not in ACTIONS or req.version < ACTIONS[service_id]:
        raise NotFound("Unknown action")
    changes = _action(service_id, body)
    hosts = req.services.compute.hosts
    await hosts.change_service(await hosts.service_on(body.host, body.binary), **changes)
    shown = {"host": body.host, "binary": body.binary}
    if "forced_down" in changes:
        return {"service": shown | changes}
    shown["status"] = "disabled" if changes["disabled"] else "enabled"
    return {"service": shown | ({"disabled_reason": changes["disabled_reason"]} if changes["disabled_reason"] else {})}


async def delete_service(req: Request, service_id: str) -> None:
    await _delete(req, await req.services.compute.hosts.service(check_uuid(service_id)))


async def delete_numbered_service(req: Request, service_id: str) -> None:
    if not (service_id.isascii() and service_id.isdecimal()):
        raise Invalid(f"Invalid input received: id must be an integer, not {service_id}")
    for service in await req.services.compute.hosts.services():
        if service.number == int(service_id):
            return await _delete(req, service)
    raise ServiceNotFound(id=service_id)


ALL, ONE = "/v2.1/os-services", "/v2.1/os-services/{service_id}"
UPDATE, DELETE = "os_compute_api:os-services:update", "os_compute_api:os-services:delete"
ROUTES = [
    Route("GET", ALL, list_services, policy="os_compute_api:os-services:list"),
    Route("PUT", ONE, update_service, policy=UPDATE, body=ServiceUpdate, since=(2, 53)),
    Route("PUT", ONE, act_on_service, policy=UPDATE, body=NamedService, until=(2, 52)),
    Route("DELETE", ONE, delete_service, policy=DELETE, ok=204, since=(2, 53)),
    Route("DELETE", ONE, delete_numbered_service, policy=DELETE, ok=204, until=(2, 52)),
]


def view(service: Service) -> dict[str, Any]:
    return {
        "id": service.id,
        "number": service.number,
        "binary": service.binary,
        "host": service.host,
        "zone": service.zone,
        "status": "disabled" if service.disabled else "enabled",
        "state": "up" if service.up else "down",
        "updated_at": moment(service.seen_at),
        "disabled_reason": service.disabled_reason,
        "forced_down": service.forced_down,
    }


def _changes(body: ServiceUpdate) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if body.status == "enabled":
        if body.disabled_reason is not UNSET:
            raise Invalid("Specifying 'disabled_reason' with status 'enabled' is invalid.")
        changes |= {"disabled": False, "disabled_reason": None}
    if body.status == "disabled":
        changes |= {"disabled": True, "disabled_reason": None if body.disabled_reason is UNSET else body.disabled_reason}
    if body.forced_down is not UNSET:
        changes["forced_down"] = flag(body.forced_down)
    if not changes:
        raise Invalid("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
    return changes


def _action(name: str, body: NamedService) -> dict[str, Any]:
    reason = None if body.disabled_reason is UNSET else body.disabled_reason
    match name:
        case "enable":
            return {"disabled": False, "disabled_reason": None}
        case "disable":
            return {"disabled": True, "disabled_reason": None}
        case "disable-log-reason" if reason is None:
            raise Invalid("Missing disabled reason field")
        case "disable-log-reason":
            return {"disabled": True, "disabled_reason": reason}
    if body.forced_down is UNSET:
        raise Invalid("Missing forced_down field")
    return {"forced_down": flag(body.forced_down)}


async def _delete(req: Request, service: Service) -> None:
    if service.binary != "nova-compute":
        raise ServiceNotUpdatable(f"A {service.binary} service cannot be deleted: it is a part of the control plane.")
    await req.services.compute.hosts.delete(service.host)
