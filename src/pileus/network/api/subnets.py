"""/v2.0/subnets"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Request, Route
from pileus.network.api.common import guard, listed, made, orders, own, revision, selected, standard, wanted
from pileus.network.model import Subnet, SubnetCreate, SubnetUpdate


class SubnetsCreate(msgspec.Struct, forbid_unknown_fields=True):
    subnet: SubnetCreate | UnsetType = UNSET
    subnets: list[SubnetCreate] | UnsetType = UNSET


class SubnetChange(msgspec.Struct, forbid_unknown_fields=True):
    subnet: SubnetUpdate


async def target(req: Request, subnet_id: str) -> dict[str, Any]:
    req.found = await req.services.network.subnets.get(req.who, subnet_id)
    return await _target(req, req.found.network_id, req.found.project_id)


async def list_subnets(req: Request):
    asked = wanted(req)
    return listed(req, "subnets", await req.services.network.subnets.list(req.who, asked), show, asked)


async def create_subnets(req: Request, body: SubnetsCreate):
    wishes, many = orders(body, "subnet", "subnets")
    for order in wishes:
        guard(req, "create_subnet", order, await _target(req, order.network_id, req.who.project_id))
    return made(req, "subnet", "subnets", await req.services.network.subnets.create_all(req.who, wishes), many, show)


async def show_subnet(req: Request, subnet_id: str):
    return {"subnet": selected(req, show(req, req.found))}


async def update_subnet(req: Request, subnet_id: str, body: SubnetChange):
    guard(req, "update_subnet", body.subnet, await _target(req, req.found.network_id, req.found.project_id))
    return {"subnet": show(req, await req.services.network.subnets.update(req.who, subnet_id, body.subnet, revision=revision(req)))}


async def delete_subnet(req: Request, subnet_id: str):
    await req.services.network.subnets.delete(req.who, subnet_id, revision=revision(req))


def show(req: Request, subnet: Subnet) -> dict[str, Any]:
    return standard(subnet) | {
        "network_id": subnet.network_id,
        "ip_version": subnet.ip_version,
        "cidr": subnet.cidr,
        "gateway_ip": subnet.gateway_ip,
        "enable_dhcp": subnet.enable_dhcp,
        "ipv6_ra_mode": subnet.ipv6_ra_mode,
        "ipv6_address_mode": subnet.ipv6_address_mode,
        "dns_nameservers": list(subnet.dns_nameservers),
        "host_routes": list(subnet.host_routes),
        "allocation_pools": list(subnet.allocation_pools),
        "service_types": list(subnet.service_types),
        "subnetpool_id": subnet.subnetpool_id,
        "segment_id": None,
        "dns_publish_fixed_ip": subnet.dns_publish_fixed_ip,
    }


async def _target(req: Request, network_id: str, project_id: str | None) -> dict[str, Any]:
    """What decides about a subnet is whose the network is."""
    network = await req.services.network.networks.owner_of(req.who, network_id)
    return {
        "project_id": project_id,
        "network:project_id": network.project_id,
        "shared": network.shared_here,
        "router:external": network.external,
    }


ROUTES = [
    Route("GET", "/v2.0/subnets", list_subnets, policy="get_subnet"),
    Route("POST", "/v2.0/subnets", create_subnets, policy="create_subnet", target=own, body=SubnetsCreate, ok=201),
    Route("GET", "/v2.0/subnets/{subnet_id}", show_subnet, policy="get_subnet", target=target),
    Route("PUT", "/v2.0/subnets/{subnet_id}", update_subnet, policy="update_subnet", target=target, body=SubnetChange),
    Route("DELETE", "/v2.0/subnets/{subnet_id}", delete_subnet, policy="delete_subnet", target=target, ok=204),
]
