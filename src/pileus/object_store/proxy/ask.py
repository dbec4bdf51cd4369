"""Asking storage servers: all of those that hold something (`everyone`), or one after another (`anyone`)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pileus.core.log import Log
from pileus.object_store.proxy.best import quorum
from pileus.object_store.proxy.nodes import Nodes
from pileus.object_store.ring.device import Node
from pileus.object_store.storage.rate_limit import REFUSED
from pileus.object_store.storage.server import FULL
from pileus.object_store.wire.message import Request, Response, is_true
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.proxy.proxy import Proxy

log = Log("pileus.object_store.proxy")
#: The fact of an answer that says who gave it.
NODE = "proxy.node"


def backend_path(kind: str, node: Node, part: int, path: str) -> str:
    """The path on a storage server of something that is `/ACCOUNT[/CONTAINER[/OBJECT]]`."""
    return f"/{kind}/{node.device.device}/{part}{path}"


async def one(proxy: Proxy, kind: str, node: Node, part: int, req: Request, path: str, headers: Mapping[str, str]) -> Response:
    """One server's answer; 503 when it cannot be reached, which is remembered. The path below the partition is `path`."""
    sent = Request(req.method, backend_path(kind, node, part, path), headers, query=req.query, body=req.body, id=req.id)
    sent.footers = req.footers
    try:
        async with asyncio.timeout(None if req.body is not None else proxy.config.node_timeout_s):
            response = await proxy.transport(node.key, sent)
    except (OSError, TimeoutError) as problem:
        proxy.health.failed(node.device)
        log.warning("storage server failed", device=str(node.device), method=req.method, path=req.path, error=str(problem) or "timeout")
        return plain(503)
    response.facts[NODE] = node
    if response.status == 507:
        if FULL not in response.headers:
            proxy.health.failed(node.device, badly=True)
    elif response.status >= 500 and response.status != REFUSED:
        proxy.health.failed(node.device)
    return response


async def everyone(proxy: Proxy, kind: str, nodes: Nodes, req: Request, path: str, headers: Sequence[Mapping[str, str]]) -> list[Response]:
    """The answers of all replicas to a request without a body: where one fails, the next handoff stands in.

    `headers`: those of each replica, by its place.
    """
    spare: Iterator[Node] = iter(nodes)

    async def ask(own: Mapping[str, str]) -> Response:
        answer = plain(503)
        for node in spare:
            answer = await one(proxy, kind, node, nodes.part, req, path, own)
            if answer.status < 500:
                await answer.read()
                return answer
            await answer.close()
        return answer

    if len(nodes.primaries) == 1:
        return [await ask(headers[0])]
    return list(await asyncio.gather(*(ask(own) for own in headers)))


async def anyone(proxy: Proxy, kind: str, nodes: Nodes, req: Request, path: str, headers: Mapping[str, str]) -> Response:
    """The first good answer; with X-Newest, the newest of all. A 404 counts once a quorum of those who hold it has said so."""
    newest = is_true(req.header("x-newest"))
    good: Response | None = None
    bad: list[Response] = []
    for node in nodes:
        answer = await one(proxy, kind, node, nodes.part, req, path, headers)
        if answer.ok or answer.status in (304, 412, 416):
            if not newest:
                return answer
            if good is None or _moment(answer) > _moment(good):
                good, answer = answer, good or plain(503)
            await answer.close()
        else:
            await answer.close()
            # That a stand-in has nothing means nothing, unless it knows of a deletion.
            if answer.status != 404 or not node.handoff or _moment(answer):
                bad.append(answer)
        if newest and node.handoff and good is not None:
            break
    if good is not None:
        # What was deleted after the newest of them was written is gone, whoever has not heard of it.
        deleted = [b for b in bad if b.status == 404 and _moment(b) > _moment(good)]
        if not deleted:
            return good
        await good.close()
        return deleted[0]
    absent = [b for b in bad if b.status == 404]
    if len(absent) >= quorum(len(nodes.primaries)):
        return max(absent, key=_moment)
    return next((b for b in bad if 400 <= b.status < 500 and b.status != 404), None) or plain(503)


def _moment(answer: Response) -> str:
    return answer.header("x-backend-timestamp") or answer.header("x-backend-put-timestamp")
