"""What Nova once had and took away at every microversion: 410, so that old clients learn that it is no mistake of theirs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.errors import Gone
from pileus.core.http import Request, Route

PATHS = {
    "/os-agents": "GET POST",
    "/os-agents/{agent_id}": "PUT DELETE",
    "/os-cells": "GET POST",
    "/os-cells/capacities": "GET",
    "/os-cells/detail": "GET",
    "/os-cells/info": "GET",
    "/os-cells/sync_instances": "POST",
    "/os-cells/{cell_id}": "GET PUT DELETE",
    "/os-cells/{cell_id}/capacities": "GET",
    "/os-certificates": "POST",
    "/os-certificates/{certificate_id}": "GET",
    "/os-cloudpipe": "GET POST",
    "/os-cloudpipe/{cloudpipe_id}": "PUT",
    "/os-fixed-ips/{address}": "GET",
    "/os-fixed-ips/{address}/action": "POST",
    "/os-floating-ip-dns": "GET",
    "/os-floating-ip-dns/{domain}": "PUT DELETE",
    "/os-floating-ip-dns/{domain}/entries/{entry}": "GET PUT DELETE",
    "/os-floating-ips-bulk": "GET POST",
    "/os-floating-ips-bulk/{range}": "GET PUT",
    "/os-fping": "GET",
    "/os-fping/{server_id}": "GET",
    "/os-networks": "POST",
    "/os-networks/add": "POST",
    "/os-networks/{network_id}": "DELETE",
    "/os-networks/{network_id}/action": "POST",
    "/os-security-group-default-rules": "GET POST",
    "/os-security-group-default-rules/{rule_id}": "GET DELETE",
    "/os-tenant-networks": "POST",
    "/os-tenant-networks/{network_id}": "DELETE",
    "/servers/{server_id}/consoles": "GET POST",
    "/servers/{server_id}/consoles/{console_id}": "GET DELETE",
    "/servers/{server_id}/os-virtual-interfaces": "GET",
}


async def gone(req: Request, **_: Any) -> None:
    raise Gone("This API was removed.")


ROUTES = [Route(method, "/v2.1" + path, gone, policy="os_compute_api:removed")
          for path, methods in PATHS.items() for method in methods.split()]
