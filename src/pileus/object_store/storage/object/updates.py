"""Telling containers' servers about an object. What cannot be told now is left on the device, for the updater."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pileus.object_store.model import expiry
from pileus.object_store.storage.object.pending import Pending
from pileus.object_store.storage.object.pending import name as name_of
from pileus.object_store.storage.server import Target
from pileus.object_store.transport import address
from pileus.object_store.wire.message import Request

if TYPE_CHECKING:
    from pileus.object_store.storage.object.server import ObjectServer

#: The client waits for the container's servers this long; the updater has more patience.
TIMEOUT_S = 1.0
#: A shard, ACCOUNT/CONTAINER, that is told in place of the object's container. What it cannot be told waits for the container itself:
#: by then others may have the shard's place.
CONTAINER_PATH = "x-backend-container-path"


async def tell_containers(server: ObjectServer, req: Request, target: Target, method: str, row: Mapping[str, str]) -> None:
    """Send a row to the container servers that the proxy named for this object server; the rest is kept for later."""
    assert target.container is not None and target.object is not None
    pending = Pending(method=method, account=target.account, container=target.container, object=target.object,
                      headers={**row, "x-backend-storage-policy-index": req.header("x-backend-storage-policy-index", "0")})
    await _tell(server, target, pending, target.hash, req.header("x-container-partition"), _listed(req, "x-container-host"),
                _listed(req, "x-container-device"), req.header(CONTAINER_PATH))


async def tell_queue(server: ObjectServer, req: Request, target: Target, at: str, before: str, now: str) -> None:
    """Queue an object for its new time (X-Delete-At), and take it from the queue of its old one."""
    if before == now:
        return
    for method, moment in (("PUT", now), ("DELETE", before)):
        if not moment.isdigit():
            continue
        assert target.container is not None and target.object is not None
        name = expiry.entry(int(moment), target.account, target.container, target.object)
        pending = Pending(method=method, account=expiry.ACCOUNT, container=expiry.container(int(moment)), object=name,
                          headers={"x-timestamp": at, "x-size": "0", "x-etag": "d41d8cd98f00b204e9800998ecf8427e",
                                   "x-content-type": f"text/plain;policy={req.header('x-backend-storage-policy-index', '0')}"})
        hosts = _listed(req, "x-delete-at-host") if method == "PUT" else []
        hash = server.hashing.hash(pending.account, pending.container, name)
        if hosts or method == "DELETE":
            await _tell(server, target, pending, hash, req.header("x-delete-at-partition"), hosts, _listed(req, "x-delete-at-device"))


async def _tell(server: ObjectServer, target: Target, pending: Pending, hash: str, partition: str, hosts: Sequence[str],
                devices: Sequence[str], instead: str = "") -> None:
    path = f"{partition}/{instead or f'{pending.account}/{pending.container}'}/{pending.object}"

    async def tell(host: str, device: str) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await server.transport(address(host), Request(pending.method, f"/container/{device}/{path}", pending.headers))
                await answer.close()
                return answer.ok or (answer.status == 404 and pending.method == "DELETE")
        except (OSError, TimeoutError):
            return False

    each = [tell(host, device) for host, device in zip(hosts, devices, strict=False)]
    told = [await each[0]] if len(each) == 1 else await asyncio.gather(*each)
    if not all(told) or (not hosts and pending.account == expiry.ACCOUNT):
        pending.told = [f"{host}/{device}" for host, device, heard in zip(hosts, devices, told, strict=False) if heard and not instead]
        pendings = server.media.pendings(target.device)
        await server.run(target, pendings.keep, name_of(hash, pending.headers["x-timestamp"]), pending)


def _listed(req: Request, name: str) -> list[str]:
    return [part for part in req.header(name).split(",") if part]

