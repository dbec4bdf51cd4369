"""Objects: HEAD, GET, POST, DELETE. PUT is in `put.py`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

from pileus.object_store.proxy import constraints, expiry
from pileus.object_store.proxy.ask import anyone, everyone
from pileus.object_store.proxy.best import best
from pileus.object_store.proxy.erasure import put as coded
from pileus.object_store.proxy.erasure import read as decoded
from pileus.object_store.proxy.place import Place, locate
from pileus.object_store.proxy.put import put
from pileus.object_store.proxy.resume import resumable
from pileus.object_store.wire.message import Request, Response

if TYPE_CHECKING:
    from pileus.object_store.proxy.proxy import Proxy

#: Headers of a reader that storage servers act upon.
READING = ("range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "x-newest")


async def show(proxy: Proxy, req: Request, account: str, container: str, obj: str) -> Response:
    """HEAD and GET."""
    place = await locate(proxy, req, account, container, obj, "x-container-read")
    if place.policy.erasure is not None:
        return await decoded.show(proxy, req, place)
    headers = {n: v for n, v in req.headers.items() if n in READING or n.startswith("x-backend-")}
    headers |= place.policy_header
    nodes = proxy.nodes(place.ring, place.part, shuffle=True)
    return resumable(proxy, req, place, headers, await anyone(proxy, "object", nodes, req, place.path, headers))


async def store(proxy: Proxy, req: Request, account: str, container: str, obj: str) -> Response:
    """PUT."""
    place = await locate(proxy, req, account, container, obj, "x-container-write")
    return await (put if place.policy.erasure is None else coded.put)(proxy, req, place)


async def update(proxy: Proxy, req: Request, account: str, container: str, obj: str) -> Response:
    """POST: new metadata in the place of all of the old."""
    place = await locate(proxy, req, account, container, obj, "x-container-write")
    constraints.check_metadata(req, "object", proxy.limits)
    expiry.settle(proxy, req)
    return await _write(proxy, req, place)


async def delete(proxy: Proxy, req: Request, account: str, container: str, obj: str) -> Response:
    """DELETE."""
    place = await locate(proxy, req, account, container, obj, "x-container-write")
    return await _write(proxy, req, place)


METHODS = {"GET": show, "HEAD": show, "PUT": store, "POST": update, "DELETE": delete}


async def _write(proxy: Proxy, req: Request, place: Place) -> Response:
    nodes = proxy.nodes(place.ring, place.part)
    at = req.facts.get("timestamp") or proxy.stamp()
    replicas = len(nodes.primaries)
    queues = expiry.told_queues(proxy, req, replicas)
    headers = [h | q | place.own(req) | {"x-timestamp": at} for h, q in zip(place.told_containers(replicas), queues, strict=True)]
    sent = Request(req.method, place.path, id=req.id)
    answers = await everyone(proxy, "object", nodes, sent, place.path, headers)
    overrides = {404: 204} if req.method == "DELETE" else {}
    # What is coded can be read of few fragments: a deletion has to reach more than it takes to leave too few.
    need = place.policy.erasure.deleting if place.policy.erasure and req.method == "DELETE" else None
    return best(answers, len(nodes.primaries), overrides, need)
