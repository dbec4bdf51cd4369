"""/v2.0/floatingips"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Request, Route
from pileus.network.api.common import guard, listed, made, orders, revision, selected, standard, wanted
from pileus.network.model import FloatingIP, FloatingIPCreate, FloatingIPUpdate


class FloatingIPsCreate(msgspec.Struct, forbid_unknown_fields=True):
    floatingip: FloatingIPCreate | UnsetType = UNSET
    floatingips: list[FloatingIPCreate] | UnsetType = UNSET


class FloatingIPChange(msgspec.Struct, forbid_unknown_fields=True):
    floatingip: FloatingIPUpdate


async def target(req: Request, floatingip_id: str) -> dict[str, Any]:
    req.found = await req.services.network.floating_ips.get(req.who, floatingip_id)
    return {"project_id": req.found.project_id}


async def list_floatingips(req: Request):
    asked = wanted(req)
    return listed(req, "floatingips", await req.services.network.floating_ips.list(req.who, asked), show, asked)


async def create_floatingips(req: Request, body: FloatingIPsCreate):
    wishes, many = orders(body, "floatingip", "floatingips")
    for order in wishes:
        guard(req, "create_floatingip", order, {"project_id": req.who.project_id})
    return made(req, "floatingip", "floatingips", await req.services.network.floating_ips.create_all(req.who, wishes), many, show)


async def show_floatingip(req: Request, floatingip_id: str):
    return {"floatingip": selected(req, show(req, req.found))}


async def update_floatingip(req: Request, floatingip_id: str, body: FloatingIPChange):
    guard(req, "update_floatingip", body.floatingip, {"project_id": req.found.project_id})
    floating = await req.services.network.floating_ips.update(req.who, floatingip_id, body.floatingip, revision=revision(req))
    return {"floatingip": show(req, floating)}


async def delete_floatingip(req: Request, floatingip_id: str):
    await req.services.network.floating_ips.delete(req.who, floatingip_id, revision=revision(req))


def show(req: Request, floating: FloatingIP) -> dict[str, Any]:
    view = standard(floating) | {
        "floating_network_id": floating.floating_network_id,
        "floating_ip_address": floating.floating_ip_address,
        "port_id": floating.port_id,
        "fixed_ip_address": floating.fixed_ip_address,
        "router_id": floating.router_id,
        "status": floating.status,
        "dns_name": floating.dns_name,
        "dns_domain": floating.dns_domain,
        "port_details": None,
    }
    del view["name"]
    if (port := floating.port) is not None:
        view["port_details"] = {
            "name": port.name,
            "network_id": port.network_id,
            "mac_address": port.mac_address,
            "status": port.status,
            "admin_state_up": port.admin_state_up,
            "device_id": port.device_id,
            "device_owner": port.device_owner,
        }
    return view


ROUTES = [
    Route("GET", "/v2.0/floatingips", list_floatingips, policy="get_floatingip"),
    Route("POST", "/v2.0/floatingips", create_floatingips, policy="create_floatingip", body=FloatingIPsCreate, ok=201),
    Route("GET", "/v2.0/floatingips/{floatingip_id}", show_floatingip, policy="get_floatingip", target=target),
    Route(
        "PUT",
        "/v2.0/floatingips/{floatingip_id}",
        update_floatingip,
        policy="update_floatingip",
        target=target,
        body=FloatingIPChange,
    ),
    Route("DELETE", "/v2.0/floatingips/{floatingip_id}", delete_floatingip, policy="delete_floatingip", target=target, ok=204),
]
