"""Telling a container's servers about an object. What cannot be told now is left on the device, for the updater."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pileus.object_store.storage.server import Target
from pileus.object_store.transport import address
from pileus.object_store.wire.message import Request

if TYPE_CHECKING:
    from pileus.object_store.storage.object.server import ObjectServer

#: The client waits for the container's servers this long; the updater has more patience.
TIMEOUT_S = 1.0
FOLDER = "async_pending"


class Pending(msgspec.Struct, kw_only=True):
    """A row that a container has not heard of."""

    method: str
    account: str
    container: str
    object: str
    headers: dict[str, str]
    told: list[str] = []                    # the devices that have heard it meanwhile


async def tell_containers(server: ObjectServer, req: Request, target: Target, method: str, row: Mapping[str, str]) -> None:
    """Send a row to the container servers that the proxy named for this object server; the rest is kept for later."""
    hosts = [h for h in req.header("x-container-host").split(",") if h]
    devices = [d for d in req.header("x-container-device").split(",") if d]
    headers = {**row, "x-backend-storage-policy-index": req.header("x-backend-storage-policy-index", "0")}
    path = f"{req.header('x-container-partition')}/{target.account}/{target.container}/{target.object}"

    async def tell(host: str, device: str) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                response = await server.transport(address(host), Request(method, f"/container/{device}/{path}", headers, id=req.id))
                await response.close()
                return response.ok or (response.status == 404 and method == "DELETE")
        except (OSError, TimeoutError):
            return False

    told = await asyncio.gather(*(tell(host, device) for host, device in zip(hosts, devices, strict=False)))
    if not all(told):
        assert target.container is not None and target.object is not None
        pending = Pending(method=method, account=target.account, container=target.container, object=target.object, headers=headers,
                          told=[f"{host}/{device}" for host, device, heard in zip(hosts, devices, told, strict=False) if heard])
        await server.run(target, keep, target.root, target.hash, headers["x-timestamp"], pending)


def keep(root: Path, hash: str, at: str, pending: Pending) -> None:
    """Write a pending row down: complete or not at all, one file for each object and moment."""
    folder = root / FOLDER / hash[-3:]
    folder.mkdir(parents=True, exist_ok=True)
    beside = root / "tmp" / f"{hash}-{at}.pending"
    beside.parent.mkdir(parents=True, exist_ok=True)
    with open(beside, "wb") as out:
        out.write(msgspec.json.encode(pending))
    os.replace(beside, folder / f"{hash}-{at}")
