"""Telling an account's servers about a container."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from typing import Any

from pileus.object_store.storage.server import Target
from pileus.object_store.transport import Transport, address
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

TIMEOUT_S = 3.0


async def tell_accounts(transport: Transport, req: Request, target: Target, info: dict[str, Any]) -> Response | None:
    """Send the container's state to the account servers that the proxy named. Returns 404 when all of them know no such account."""
    hosts = [h for h in req.header("x-account-host").split(",") if h]
    devices = [d for d in req.header("x-account-device").split(",") if d]
    partition = req.header("x-account-partition")
    headers = {"x-put-timestamp": info["put_timestamp"], "x-delete-timestamp": info["delete_timestamp"],
               "x-object-count": str(info["object_count"]), "x-bytes-used": str(info["bytes_used"]),
               "x-counted-at": req.header("x-timestamp"),
               "x-backend-storage-policy-index": str(info["storage_policy_index"])}
    if req.header("x-account-override-deleted"):
        headers["x-account-override-deleted"] = req.header("x-account-override-deleted")

    async def tell(host: str, device: str) -> int:
        path = f"/account/{device}/{partition}/{target.account}/{target.container}"
        try:
            async with asyncio.timeout(TIMEOUT_S):
                response = await transport(address(host), Request("PUT", path, headers, id=req.id))
                await response.close()
                return response.status
        except (OSError, TimeoutError):
            return 503

    told = await asyncio.gather(*(tell(host, device) for host, device in zip(hosts, devices, strict=False)))
    return plain(404) if told and all(status == 404 for status in told) else None
