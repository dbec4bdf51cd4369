"""/v2.0/network-ip-availabilities"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.http import Request, Route
from pileus.network.api.common import selected, wanted


async def list_availabilities(req: Request):
    if not req.allows("get_network_ip_availability"):  # a list shows what one may see: nothing
        return {"network_ip_availabilities": []}
    found = await req.services.network.networks.ip_availability(wanted(req))
    return {"network_ip_availabilities": [selected(req, one) for one in found]}


async def show_availability(req: Request, network_id: str):
    return {"network_ip_availability": selected(req, await req.services.network.networks.ip_availability_of(network_id))}


ROUTES = [
    Route("GET", "/v2.0/network-ip-availabilities", list_availabilities, policy="regular_user"),
    Route("GET", "/v2.0/network-ip-availabilities/{network_id}", show_availability, policy="get_network_ip_availability"),
]
