"""PUT of an object: one body to all replicas at once, at the pace of the slowest that is not given up."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pileus.object_store.model.timestamp import http_date
from pileus.object_store.proxy import constraints, expiry
from pileus.object_store.proxy.ask import one
from pileus.object_store.proxy.best import best, quorum
from pileus.object_store.proxy.nodes import Nodes
from pileus.object_store.proxy.place import Place
from pileus.object_store.ring.device import Node
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.feed import Feed, Once
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.proxy.proxy import Proxy

#: How long the rest is waited for when a quorum has it: what they miss, replication brings.
AFTER_QUORUM_S = 0.5


async def put(proxy: Proxy, req: Request, place: Place) -> Response:
    check(proxy, req)
    at = req.facts.get("timestamp") or proxy.stamp()
    nodes = proxy.nodes(place.ring, place.part)
    replicas = len(nodes.primaries)
    queues = expiry.told_queues(proxy, req, replicas)
    headers = [h | q | place.own(req) | {"x-timestamp": at} for h, q in zip(place.told_containers(replicas), queues, strict=True)]
    if len(nodes.primaries) == 1:
        answer = await _to_one(proxy, req, place, nodes, headers[0])
    else:
        answer = await _to_all(proxy, req, place, nodes, headers)
    return closing(proxy, place, answer, at)


def closing(proxy: Proxy, place: Place, answer: Response, at: str) -> Response:
    """What the client hears of an object that was put at a moment."""
    if answer.status == 409:
        # Something newer is there already: then this one was stored, and overwritten at once.
        answer = plain(202, headers={"etag": answer.header("etag")} if answer.header("etag") else None)
    if answer.status == 201:
        answer = plain(201, headers={"etag": answer.header("etag").strip('"'), "last-modified": http_date(at), "x-backend-timestamp": at})
    return answer


def check(proxy: Proxy, req: Request) -> None:
    """Raises Stop for what can be refused before a byte of the body is asked for."""
    limits = proxy.limits
    if req.length is None and "content-length" in req.headers:
        raise Stop(plain(400, "Invalid Content-Length"))
    if req.length is None and req.body is None and req.header("transfer-encoding") != "chunked":
        raise Stop(plain(411, "Missing Content-Length header."))
    if (req.length or 0) > limits.max_file_size:
        raise Stop(plain(413, "Your request is too large."))
    if "if-none-match" in req.headers and req.header("if-none-match") != "*":
        raise Stop(plain(400, "If-None-Match only supports *"))
    constraints.check_metadata(req, "object", limits)
    constraints.settle_type(req)
    expiry.settle(proxy, req)


async def _to_one(proxy: Proxy, req: Request, place: Place, nodes: Nodes, headers: Mapping[str, str]) -> Response:
    """One replica: the client's body goes straight to it, or to the first handoff that takes it."""
    body = Once(limited(proxy, req))
    answer = plain(503)
    for node in nodes:
        sent = Request("PUT", place.path, id=req.id, body=body)
        sent.footers = req.footers
        answer = await one(proxy, "object", node, place.part, sent, place.path, headers)
        if answer.status < 500 or body.begun:
            break
    return answer if answer.status < 500 else plain(503)


async def limited(proxy: Proxy, req: Request):
    """The client's body: 408 when it stalls, 413 when it gets too long."""
    body = aiter(req.body if req.body is not None else stream())
    size, length, most = 0, req.length, proxy.limits.max_file_size
    while True:
        try:
            if size == length:
                chunk = await anext(body)               # nobody is waited for any more
            else:
                async with asyncio.timeout(proxy.config.client_timeout_s):
                    chunk = await anext(body)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Stop(plain(408)) from None
        size += len(chunk)
        if size > most:
            raise Stop(plain(413, "Your request is too large."))
        yield chunk


class Putter:
    """One replica's share of a PUT: a request that is under way, and the body it is fed."""

    def __init__(self, proxy: Proxy, req: Request, place: Place, node: Node, headers: Mapping[str, str]):
        self.node, self.feed = node, Feed()
        sent = Request("PUT", place.path, id=req.id, body=self.feed)
        sent.footers = req.footers
        self.task = asyncio.ensure_future(one(proxy, "object", node, place.part, sent, place.path, headers))

    async def agreed(self, timeout_s: float) -> bool:
        """Whether the server wants the body; otherwise it has answered already, or will not."""
        wanted = asyncio.ensure_future(self.feed.wanted.wait())
        try:
            await asyncio.wait({wanted, self.task}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            return wanted.done() and not self.task.done()
        finally:
            wanted.cancel()

    async def give(self, item: bytes | None, timeout_s: float) -> bool:
        """Feed it; False when it does not take any more."""
        if self.task.done():
            return False
        if not self.feed.queue.full():
            self.feed.queue.put_nowait(item)
            return True
        giving = asyncio.ensure_future(self.feed.give(item))
        try:
            await asyncio.wait({giving, self.task}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            return giving.done()
        finally:
            giving.cancel()


async def _to_all(proxy: Proxy, req: Request, place: Place, nodes: Nodes, headers: list[dict[str, str]]) -> Response:
    spare: Iterator[Node] = iter(nodes)
    replicas, need = len(headers), quorum(len(headers))
    putters: list[Putter] = []
    refusals: list[Response] = []

    async def connect(own: Mapping[str, str]) -> None:
        for node in spare:
            putter = Putter(proxy, req, place, node, own)
            putters.append(putter)
            if await putter.agreed(proxy.config.node_timeout_s):
                return
            putters.remove(putter)
            if putter.task.done() and (answer := putter.task.result()).status < 500:
                refusals.append(answer)
                return
            putter.task.cancel()

    try:
        await asyncio.gather(*(connect(own) for own in headers))
        if any(r.status == 412 for r in refusals):
            return next(r for r in refusals if r.status == 412)
        if len(putters) < need:
            return best(refusals, replicas) if len(refusals) >= need else plain(503)
        await _pump(proxy, req, putters, need)
        return best(refusals + await answers(proxy, putters, need), replicas)
    finally:
        for putter in putters:
            putter.task.cancel()


async def _pump(proxy: Proxy, req: Request, putters: list[Putter], need: int) -> None:
    """Feed the body to all. Raises Stop when too few are left that take it."""
    async def feed(item: bytes | None) -> None:
        for putter in putters[:]:
            if not await putter.give(item, proxy.config.node_timeout_s):
                putter.task.cancel()
                putters.remove(putter)
        if len(putters) < need:
            raise Stop(plain(503))

    async for chunk in limited(proxy, req):
        await feed(chunk)
    await feed(None)


async def answers(proxy: Proxy, putters: list[Putter], need: int) -> list[Response]:
    """What they say to the whole body: a quorum is waited for, the others only a moment longer."""
    tasks = {p.task for p in putters}
    deadline = proxy.config.node_timeout_s
    done: set[asyncio.Future] = set()
    while tasks:
        finished, tasks = await asyncio.wait(tasks, timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
        done |= finished
        if not finished:
            break
        if sum(t.result().ok for t in done) >= need:
            deadline = AFTER_QUORUM_S
    return [t.result() for t in done]
