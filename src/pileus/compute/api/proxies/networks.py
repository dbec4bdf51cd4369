"""Networks in compute's two old forms (until 2.35). Both are of the time of nova-network: of their fields little more than
id and name has a meaning now."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.http import Request, Route

FIELDS = ("broadcast", "cidr", "cidr_v6", "dns1", "dns2", "gateway", "gateway_v6", "netmask", "netmask_v6")
#: Shown to administrators only.
ADMIN_FIELDS = (
    "bridge", "bridge_interface", "created_at", "deleted", "deleted_at", "dhcp_server", "dhcp_start", "enable_dhcp", "host", "injected",
    "mtu", "multi_host", "priority", "project_id", "rxtx_base", "share_address", "updated_at", "vlan", "vpn_private_address",
    "vpn_public_address", "vpn_public_port",
)  # fmt: skip


async def list_networks(req: Request) -> dict[str, Any]:
    return {"networks": [_show(network, req) for network in await req.services.network.networks.list(req.who)]}


async def show_network(req: Request, network_id: str) -> dict[str, Any]:
    return {"network": _show(await req.services.network.networks.get(req.who, network_id), req)}


async def list_tenant_networks(req: Request) -> dict[str, Any]:
    return {"networks": [_show_tenant(network) for network in await req.services.network.networks.list(req.who)]}


async def show_tenant_network(req: Request, network_id: str) -> dict[str, Any]:
    return {"network": _show_tenant(await req.services.network.networks.get(req.who, network_id))}


OLD, OLDER, UNTIL = "os_compute_api:os-networks:", "os_compute_api:os-tenant-networks:", (2, 35)
ROUTES = [
    Route("GET", "/v2.1/os-networks", list_networks, policy=OLD + "list", until=UNTIL),
    Route("GET", "/v2.1/os-networks/{network_id}", show_network, policy=OLD + "show", until=UNTIL),
    Route("GET", "/v2.1/os-tenant-networks", list_tenant_networks, policy=OLDER + "list", until=UNTIL),
    Route("GET", "/v2.1/os-tenant-networks/{network_id}", show_tenant_network, policy=OLDER + "show", until=UNTIL),
]


def _show(network: Any, req: Request) -> dict[str, Any]:
    fields = FIELDS + ADMIN_FIELDS if req.allows("context_is_admin") else FIELDS
    return dict.fromkeys(fields) | {"id": network.id, "label": network.name}


def _show_tenant(network: Any) -> dict[str, Any]:
    """The word "None" is what upstream says here."""
    return {"id": network.id, "label": network.name, "cidr": "None"}
