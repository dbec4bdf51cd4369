"""/v2.0/networks"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Request, Route
from pileus.network.api.common import guard, hide, listed, made, orders, revision, selected, standard, wanted
from pileus.network.model import Network, NetworkCreate, NetworkUpdate

PROVIDER = ("provider:network_type", "provider:physical_network", "provider:segmentation_id")


class NetworksCreate(msgspec.Struct, forbid_unknown_fields=True):
    network: NetworkCreate | UnsetType = UNSET
    networks: list[NetworkCreate] | UnsetType = UNSET


class NetworkChange(msgspec.Struct, forbid_unknown_fields=True):
    network: NetworkUpdate


async def target(req: Request, network_id: str) -> dict[str, Any]:
    req.found = await req.services.network.networks.get(req.who, network_id)
    return _target(req.found)


async def list_networks(req: Request):
    asked = wanted(req)
    return listed(req, "networks", await req.services.network.networks.list(req.who, asked), show, asked)


async def create_networks(req: Request, body: NetworksCreate):
    wishes, many = orders(body, "network", "networks")
    for order in wishes:
        guard(req, "create_network", order, {"project_id": req.who.project_id})
    return made(req, "network", "networks", await req.services.network.networks.create_all(req.who, wishes), many, show)


async def show_network(req: Request, network_id: str):
    return {"network": selected(req, show(req, req.found))}


async def update_network(req: Request, network_id: str, body: NetworkChange):
    guard(req, "update_network", body.network, _target(req.found))
    network = await req.services.network.networks.update(req.who, network_id, body.network, revision=revision(req))
    return {"network": show(req, network)}


async def delete_network(req: Request, network_id: str):
    await req.services.network.networks.delete(req.who, network_id, revision=revision(req))


def show(req: Request, network: Network) -> dict[str, Any]:
    view = standard(network) | {
        "admin_state_up": network.admin_state_up,
        "status": network.status,
        "subnets": list(network.subnets),
        "shared": network.shared_here,
        "router:external": network.external,
        "mtu": network.mtu,
        "port_security_enabled": network.port_security_enabled,
        "availability_zone_hints": list(network.availability_zone_hints),
        "dns_domain": network.dns_domain,
        "availability_zones": [req.services.network.config.availability_zone] if network.dhcp_port_id else [],
        "ipv4_address_scope": network.ipv4_address_scope,
        "ipv6_address_scope": network.ipv6_address_scope,
        "l2_adjacency": True,
        "provider:network_type": network.network_type,
        "provider:physical_network": network.physical_network,
        "provider:segmentation_id": network.segmentation_id,
    }
    if network.external:
        view["is_default"] = network.is_default
    return hide(req, "get_network", view, PROVIDER, _target(network))


def _target(network: Network) -> dict[str, Any]:
    return {
        "project_id": network.project_id,
        "network:project_id": network.project_id,
        "shared": network.shared_here or network.shared,
        "router:external": network.external,
    }


ROUTES = [
    Route("GET", "/v2.0/networks", list_networks, policy="get_network"),
    Route("POST", "/v2.0/networks", create_networks, policy="create_network", body=NetworksCreate, ok=201),
    Route("GET", "/v2.0/networks/{network_id}", show_network, policy="get_network", target=target),
    Route("PUT", "/v2.0/networks/{network_id}", update_network, policy="update_network", target=target, body=NetworkChange),
    Route("DELETE", "/v2.0/networks/{network_id}", delete_network, policy="delete_network", target=target, ok=204),
]
