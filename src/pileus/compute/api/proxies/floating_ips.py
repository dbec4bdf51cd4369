"""Floating IPs and their pools in compute's old form (until 2.35), and giving one to a server (until 2.43)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.compute.api.fields import check_uuid
from pileus.core.errors import Invalid
from pileus.core.http import Request, Route


class FromPool(msgspec.Struct, frozen=True):
    pool: str | None = None


class AddFloatingIp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    address: str
    fixed_address: str | UnsetType = UNSET


class RemoveFloatingIp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    address: str


async def list_pools(req: Request) -> dict[str, Any]:
    return {"floating_ip_pools": [{"name": pool.name or pool.id} for pool in await req.services.compute.floating_ips.pools(req.who)]}


async def list_floating_ips(req: Request) -> dict[str, Any]:
    floating_ips = req.services.compute.floating_ips
    found = await floating_ips.list(req.who)
    names = await floating_ips.pool_names(req.who, found)
    return {"floating_ips": [_show(floating, names) for floating in found]}


async def show_floating_ip(req: Request, floating_ip_id: str) -> dict[str, Any]:
    floating = await req.services.compute.floating_ips.get(req.who, check_uuid(floating_ip_id))
    req.enforce("get_floatingip", {"project_id": floating.project_id})
    return await _one(req, floating)


async def create_floating_ip(req: Request, body: FromPool | None) -> dict[str, Any]:
    req.enforce("create_floatingip")
    return await _one(req, await req.services.compute.floating_ips.create(req.who, body.pool if body else None))


async def delete_floating_ip(req: Request, floating_ip_id: str) -> None:
    floating_ips = req.services.compute.floating_ips
    req.enforce("delete_floatingip", {"project_id": (await floating_ips.get(req.who, check_uuid(floating_ip_id))).project_id})
    await floating_ips.delete(req.who, floating_ip_id)


# ---- actions of servers ------------------------------------------------------------------------------------------------------
async def add_floating_ip(req: Request, server_id: str, body: AddFloatingIp) -> None:
    fixed = None if body.fixed_address is UNSET else _address(body.fixed_address)
    floating = await _changeable(req, body.address)
    await req.services.compute.floating_ips.associate(req.who, server_id, floating, fixed)


async def remove_floating_ip(req: Request, server_id: str, body: RemoveFloatingIp) -> None:
    await req.services.compute.floating_ips.disassociate(req.who, server_id, await _changeable(req, body.address))


ALL, ONE = "/v2.1/os-floating-ips", "/v2.1/os-floating-ips/{floating_ip_id}"
UNTIL, RULE = (2, 35), "os_compute_api:os-floating-ips:"
ROUTES = [
    Route("GET", "/v2.1/os-floating-ip-pools", list_pools, policy="os_compute_api:os-floating-ip-pools", until=UNTIL),
    Route("GET", ALL, list_floating_ips, policy=RULE + "list", until=UNTIL),
    Route("POST", ALL, create_floating_ip, policy=RULE + "create", body=FromPool | None, optional_body=True, until=UNTIL),
    Route("GET", ONE, show_floating_ip, policy=RULE + "show", until=UNTIL),
    Route("DELETE", ONE, delete_floating_ip, policy=RULE + "delete", ok=202, until=UNTIL),
]


def _show(floating: Any, pool_names: dict[str, str]) -> dict[str, Any]:
    return {
        "id": floating.id,
        "ip": floating.floating_ip_address,
        "fixed_ip": floating.fixed_ip_address,
        "pool": pool_names.get(floating.floating_network_id, floating.floating_network_id),
        "instance_id": (floating.port.device_id or None) if floating.port else None,
    }


async def _one(req: Request, floating: Any) -> dict[str, Any]:
    return {"floating_ip": _show(floating, await req.services.compute.floating_ips.pool_names(req.who, [floating]))}


async def _changeable(req: Request, address: str) -> Any:
    """The floating IP with this address, when the caller may change it."""
    floating = await req.services.compute.floating_ips.at(req.who, _address(address))
    req.enforce("update_floatingip", {"project_id": floating.project_id})
    return floating


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as problem:
        raise Invalid(f"Invalid input for field/attribute address. Value: {text}. It is not an IP address.") from problem
