"""Machines of the bare metal service (until 2.35). This cloud has none, and what changes them was refused by Nova too."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.errors import Invalid, NotFound
from pileus.core.http import Request, Route


async def list_nodes(req: Request) -> dict[str, Any]:
    return {"nodes": []}


async def show_node(req: Request, node_id: str) -> None:
    raise NotFound(f"Node {node_id} could not be found.")


async def refuse(req: Request, **_: Any) -> None:
    raise Invalid("Command not supported. Please use the bare metal service to perform this action.")


ALL, ONE, RULE, UNTIL = "/v2.1/os-baremetal-nodes", "/v2.1/os-baremetal-nodes/{node_id}", "os_compute_api:os-baremetal-nodes:", (2, 35)
ROUTES = [
    Route("GET", ALL, list_nodes, policy=RULE + "list", until=UNTIL),
    Route("POST", ALL, refuse, policy=RULE + "show", body=dict[str, Any], until=UNTIL),
    Route("GET", ONE, show_node, policy=RULE + "show", until=UNTIL),
    Route("DELETE", ONE, refuse, policy=RULE + "show", until=UNTIL),
    Route("POST", ONE + "/action", refuse, policy=RULE + "show", body=dict[str, Any], until=UNTIL),
]
