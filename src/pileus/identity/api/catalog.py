"""Services and endpoints."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pileus.core.errors import Invalid
from pileus.core.http import Request, Route
from pileus.identity.api.bodies import Name, RegionId, changes, parse, required
from pileus.identity.api.views import filters, links, listing
from pileus.identity.model import INTERFACES, Endpoint, Service

Url = Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"^[a-zA-Z0-9+.-]+:.+")]


class ServiceFields(msgspec.Struct, kw_only=True):
    type: Name | UnsetType = UNSET
    name: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class ServiceBody(msgspec.Struct):
    service: dict[str, Any]


class EndpointFields(msgspec.Struct, kw_only=True):
    """`region` is the older spelling of `region_id`; a region that is missing is made."""

    interface: Literal["public", "internal", "admin"] | UnsetType = UNSET
    service_id: str | UnsetType = UNSET
    url: Url | UnsetType = UNSET
    region_id: RegionId | UnsetType | None = UNSET
    region: RegionId | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET


class EndpointBody(msgspec.Struct):
    endpoint: dict[str, Any]


async def list_services(req: Request) -> dict[str, Any]:
    found = await req.services.identity.services.list_services(filters(req, ("type", "name"), ("enabled",)))
    return listing(req, "services", [show_service(req, s) for s in found])


async def create_service(req: Request, body: ServiceBody) -> dict[str, Any]:
    known, extra = parse(ServiceFields, body.service)
    required(known.type, "type")
    return {"service": show_service(req, await req.services.identity.services.create_service(**changes(known, extra)))}


async def get_service(req: Request, service_id: str) -> dict[str, Any]:
    return {"service": show_service(req, await req.services.identity.services.get_service(service_id))}


async def update_service(req: Request, service_id: str, body: ServiceBody) -> dict[str, Any]:
    known, extra = parse(ServiceFields, body.service, id=service_id)
    return {"service": show_service(req, await req.services.identity.services.update_service(service_id, changes(known, extra)))}


async def delete_service(req: Request, service_id: str) -> None:
    await req.services.identity.services.delete_service(service_id)


async def list_endpoints(req: Request) -> dict[str, Any]:
    wanted = filters(req, ("interface", "service_id", "region_id"), ("enabled",))
    if req.query.get("interface") not in (None, *INTERFACES):
        raise Invalid(f"Invalid interface: {req.query.get('interface')}.")
    found = await req.services.identity.services.list_endpoints(wanted)
    return listing(req, "endpoints", [show_endpoint(req, e) for e in found])


async def create_endpoint(req: Request, body: EndpointBody) -> dict[str, Any]:
    known, extra = parse(EndpointFields, body.endpoint)
    for field in ("interface", "service_id", "url"):
        required(getattr(known, field), field)
    endpoint = await req.services.identity.services.create_endpoint(**_placed(known, extra))
    return {"endpoint": show_endpoint(req, endpoint)}


async def get_endpoint(req: Request, endpoint_id: str) -> dict[str, Any]:
    return {"endpoint": show_endpoint(req, await req.services.identity.services.get_endpoint(endpoint_id))}


async def update_endpoint(req: Request, endpoint_id: str, body: EndpointBody) -> dict[str, Any]:
    known, extra = parse(EndpointFields, body.endpoint, id=endpoint_id)
    values = _placed(known, extra)
    make_region = values.pop("make_region")
    endpoint = await req.services.identity.services.update_endpoint(endpoint_id, values, make_region=make_region)
    return {"endpoint": show_endpoint(req, endpoint)}


async def delete_endpoint(req: Request, endpoint_id: str) -> None:
    await req.services.identity.services.delete_endpoint(endpoint_id)


def _placed(known: EndpointFields, extra: dict[str, Any]) -> dict[str, Any]:
    values = changes(known, extra, "region")
    if known.region is not UNSET and known.region_id is UNSET:
        values["region_id"] = known.region
    return values | {"make_region": known.region is not UNSET}


def show_service(req: Request, s: Service) -> dict[str, Any]:
    return s.extra | {"id": s.id, "type": s.type, "name": s.name, "enabled": s.enabled, "links": links(req, "services", s.id)}


def show_endpoint(req: Request, e: Endpoint) -> dict[str, Any]:
    return e.extra | {
        "id": e.id,
        "interface": e.interface,
        "service_id": e.service_id,
        "url": e.url,
        "region_id": e.region_id,
        "region": e.region_id,
        "enabled": e.enabled,
        "links": links(req, "endpoints", e.id),
    }


ROUTES = [
    Route("GET", "/v3/services", list_services, policy="identity:list_services"),
    Route("POST", "/v3/services", create_service, policy="identity:create_service", body=ServiceBody, ok=201),
    Route("GET", "/v3/services/{service_id}", get_service, policy="identity:get_service"),
    Route("PATCH", "/v3/services/{service_id}", update_service, policy="identity:update_service", body=ServiceBody),
    Route("DELETE", "/v3/services/{service_id}", delete_service, policy="identity:delete_service", ok=204),
    Route("GET", "/v3/endpoints", list_endpoints, policy="identity:list_endpoints"),
    Route("POST", "/v3/endpoints", create_endpoint, policy="identity:create_endpoint", body=EndpointBody, ok=201),
    Route("GET", "/v3/endpoints/{endpoint_id}", get_endpoint, policy="identity:get_endpoint"),
    Route("PATCH", "/v3/endpoints/{endpoint_id}", update_endpoint, policy="identity:update_endpoint", body=EndpointBody),
    Route("DELETE", "/v3/endpoints/{endpoint_id}", delete_endpoint, policy="identity:delete_endpoint", ok=204),
]
