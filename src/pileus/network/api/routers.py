"""/v2.0/routers"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Request, Route
from pileus.network.api.common import guard, hide, listed, made, orders, revision, selected, standard, wanted
from pileus.network.model import Route as ExtraRoute
from pileus.network.model import Router, RouterCreate, RouterInterface, RouterUpdate
from pileus.network.service.router_interfaces import Changed


class RoutersCreate(msgspec.Struct, forbid_unknown_fields=True):
    router: RouterCreate | UnsetType = UNSET
    routers: list[RouterCreate] | UnsetType = UNSET


class RouterChange(msgspec.Struct, forbid_unknown_fields=True):
    router: RouterUpdate


class Routes(msgspec.Struct, forbid_unknown_fields=True):
    routes: list[ExtraRoute]


class RoutesChange(msgspec.Struct, forbid_unknown_fields=True):
    router: Routes


async def target(req: Request, router_id: str) -> dict[str, Any]:
    req.found = await req.services.network.routers.get(req.who, router_id)
    return {"project_id": req.found.project_id}


async def list_routers(req: Request):
    asked = wanted(req)
    return listed(req, "routers", await req.services.network.routers.list(req.who, asked), show, asked)


async def create_routers(req: Request, body: RoutersCreate):
    wishes, many = orders(body, "router", "routers")
    for order in wishes:
        guard(req, "create_router", order, {"project_id": req.who.project_id})
    return made(req, "router", "routers", await req.services.network.routers.create_all(req.who, wishes), many, show)


async def show_router(req: Request, router_id: str):
    return {"router": selected(req, show(req, req.found))}


async def update_router(req: Request, router_id: str, body: RouterChange):
    guard(req, "update_router", body.router, {"project_id": req.found.project_id})
    return {"router": show(req, await req.services.network.routers.update(req.who, router_id, body.router, revision=revision(req)))}


async def delete_router(req: Request, router_id: str):
    await req.services.network.routers.delete(req.who, router_id, revision=revision(req))


async def add_interface(req: Request, router_id: str, body: RouterInterface):
    return _show_interface(await req.services.network.routers.add_interface(req.who, router_id, body))


async def remove_interface(req: Request, router_id: str, body: RouterInterface):
    return _show_interface(await req.services.network.routers.remove_interface(req.who, router_id, body))


async def add_routes(req: Request, router_id: str, body: RoutesChange):
    return {"router": show(req, await req.services.network.routers.change_routes(req.who, router_id, add=body.router.routes))}


async def remove_routes(req: Request, router_id: str, body: RoutesChange):
    return {"router": show(req, await req.services.network.routers.change_routes(req.who, router_id, remove=body.router.routes))}


def show(req: Request, router: Router) -> dict[str, Any]:
    gateway = None
    if router.gateway_network_id is not None:
        addresses = router.gateway.addresses if router.gateway else ()
        gateway = {"network_id": router.gateway_network_id, "enable_snat": router.enable_snat,
                   "external_fixed_ips": [{"subnet_id": address.subnet_id, "ip_address": address.ip} for address in addresses]}
    view = standard(router) | {
        "admin_state_up": router.admin_state_up,
        "status": router.status,
        "external_gateway_info": gateway,
        "routes": list(router.routes),
        "availability_zone_hints": list(router.availability_zone_hints),
        "availability_zones": [req.services.network.config.availability_zone],
        "distributed": False,
        "ha": False,
        "flavor_id": None,
    }
    return hide(req, "get_router", view, ("distributed", "ha"), {"project_id": router.project_id})


def _show_interface(changed: Changed) -> dict[str, Any]:
    router = changed.router
    return {
        "id": router.id,
        "tenant_id": router.project_id,
        "project_id": router.project_id,
        "port_id": changed.port.id,
        "network_id": changed.port.network_id,
        "subnet_id": changed.subnet_ids[0],
        "subnet_ids": list(changed.subnet_ids),
        "tags": [],
    }


ROUTES = [
    Route("GET", "/v2.0/routers", list_routers, policy="get_router"),
    Route("POST", "/v2.0/routers", create_routers, policy="create_router", body=RoutersCreate, ok=201),
    Route("GET", "/v2.0/routers/{router_id}", show_router, policy="get_router", target=target),
    Route("PUT", "/v2.0/routers/{router_id}", update_router, policy="update_router", target=target, body=RouterChange),
    Route("DELETE", "/v2.0/routers/{router_id}", delete_router, policy="delete_router", target=target, ok=204),
    Route(
        "PUT",
        "/v2.0/routers/{router_id}/add_router_interface",
        add_interface,
        policy="add_router_interface",
        target=target,
        body=RouterInterface,
    ),
    Route(
        "PUT",
        "/v2.0/routers/{router_id}/remove_router_interface",
        remove_interface,
        policy="remove_router_interface",
        target=target,
        body=RouterInterface,
    ),
    Route(
        "PUT", "/v2.0/routers/{router_id}/add_extraroutes", add_routes, policy="add_extraroutes", target=target, body=RoutesChange
    ),
    Route(
        "PUT",
        "/v2.0/routers/{router_id}/remove_extraroutes",
        remove_routes,
        policy="remove_extraroutes",
        target=target,
        body=RoutesChange,
    ),
]
