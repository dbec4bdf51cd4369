"""/v2.0/ports"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from pileus.core.http import Request, Route
from pileus.network.api.common import guard, hide, listed, made, orders, own, revision, selected, standard, wanted
from pileus.network.model import Port, PortCreate, PortUpdate

BINDING = ("binding:vif_type", "binding:vif_details", "binding:host_id", "binding:profile")


class PortsCreate(msgspec.Struct, forbid_unknown_fields=True):
    port: PortCreate | UnsetType = UNSET
    ports: list[PortCreate] | UnsetType = UNSET


class PortChange(msgspec.Struct, forbid_unknown_fields=True):
    port: PortUpdate


async def target(req: Request, port_id: str) -> dict[str, Any]:
    req.found = await req.services.network.ports.get(req.who, port_id)
    return await _target(req, req.found.network_id, req.found.project_id, req.found.device_owner)


async def list_ports(req: Request):
    asked = wanted(req)
    return listed(req, "ports", await req.services.network.ports.list(req.who, asked), show, asked)


async def create_ports(req: Request, body: PortsCreate):
    wishes, many = orders(body, "port", "ports")
    for order in wishes:
        guard(req, "create_port", order, await _target(req, order.network_id, req.who.project_id, order.device_owner))
    return made(req, "port", "ports", await req.services.network.ports.create_all(req.who, wishes), many, show)


async def show_port(req: Request, port_id: str):
    return {"port": selected(req, show(req, req.found))}


async def update_port(req: Request, port_id: str, body: PortChange):
    # What the port is to be, not what it is: nobody becomes a network device by calling himself one (OSSA-2015-018).
    owner = req.found.device_owner if body.port.device_owner is UNSET else body.port.device_owner
    guard(req, "update_port", body.port, await _target(req, req.found.network_id, req.found.project_id, owner))
    return {"port": show(req, await req.services.network.ports.update(req.who, port_id, body.port, revision=revision(req)))}


async def delete_port(req: Request, port_id: str):
    await req.services.network.ports.delete(req.who, port_id, revision=revision(req))


def show(req: Request, port: Port) -> dict[str, Any]:
    domain = port.dns_domain or req.services.network.config.dns_domain
    view = standard(port) | {
        "network_id": port.network_id,
        "mac_address": port.mac_address,
        "admin_state_up": port.admin_state_up,
        "status": port.status,
        "device_id": port.device_id,
        "device_owner": port.device_owner,
        "security_groups": list(port.security_groups),
        "fixed_ips": [{"subnet_id": address.subnet_id, "ip_address": address.ip} for address in port.addresses],
        "allowed_address_pairs": list(port.allowed_address_pairs),
        "extra_dhcp_opts": list(port.extra_dhcp_opts),
        "port_security_enabled": port.port_security_enabled,
        "dns_name": port.dns_name,
        "dns_domain": port.dns_domain,
        "dns_assignment": [_assignment(port, address.ip, domain) for address in port.addresses],
        "binding:vnic_type": port.vnic_type,
        "binding:host_id": port.host,
        "binding:vif_type": port.vif_type,
        "binding:profile": port.binding_profile,
        "binding:vif_details": {"port_filter": True, "connectivity": "l2"} if port.vif_type == "bridge" else {},
    }
    return hide(req, "get_port", view, BINDING, {"project_id": port.project_id})


def _assignment(port: Port, ip: str, domain: str) -> dict[str, str]:
    """The name that DHCP gives an address."""
    name = port.dns_name or "host-" + ip.replace(".", "-").replace(":", "-")
    return {"ip_address": ip, "hostname": name, "fqdn": f"{name}.{domain.rstrip('.')}." if domain else name}


async def _target(req: Request, network_id: str, project_id: str | None, device_owner: str) -> dict[str, Any]:
    network = await req.services.network.networks.owner_of(req.who, network_id)
    return {"project_id": project_id, "network:project_id": network.project_id, "shared": network.shared_here,
            "router:external": network.external, "device_owner": device_owner}


ROUTES = [
    Route("GET", "/v2.0/ports", list_ports, policy="get_port"),
    Route("POST", "/v2.0/ports", create_ports, policy="create_port", target=own, body=PortsCreate, ok=201),
    Route("GET", "/v2.0/ports/{port_id}", show_port, policy="get_port", target=target),
    Route("PUT", "/v2.0/ports/{port_id}", update_port, policy="update_port", target=target, body=PortChange),
    Route("DELETE", "/v2.0/ports/{port_id}", delete_port, policy="delete_port", target=target, ok=204),
]
