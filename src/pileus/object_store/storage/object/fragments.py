"""What an object server is asked about fragments of coded objects, besides storing and reading them.

    HEAD, GET with x-backend-fragments     which fragments there are, named in the answer's header of that name
    GET with x-backend-fragment: T#INDEX   that one, durable or not
    PUT with x-backend-fragment-index      a fragment that is not durable yet: nobody is told of it
    COMMIT                                 it is durable: containers are told now
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from pileus.object_store.storage.object.files import Missing
from pileus.object_store.storage.object.put import overrides
from pileus.object_store.storage.object.updates import tell_containers, tell_queue
from pileus.object_store.storage.server import Target, number_of, stamp_of
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.storage.object.server import ObjectServer

LISTED, WANTED, INDEX = "x-backend-fragments", "x-backend-fragment", "x-backend-fragment-index"


def wanted(text: str) -> tuple[str, int]:
    """`T#INDEX`. Raises Stop."""
    timestamp, _, index = text.partition("#")
    if not index.isdigit():
        raise Stop(plain(400, f"Bad {WANTED}"))
    return timestamp, int(index)


async def listed(server: ObjectServer, req: Request, target: Target, show: Callable[[Request, Target], Awaitable[Response]]) -> Response:
    """What the object is, and in any case which fragments of it are here."""
    names = await server.run(target, server.files(req, target).names, target.partition, target.hash)
    try:
        answer = await show(req, target)
    except Stop as absent:
        answer = absent.response
    answer.headers[LISTED] = ",".join(name.removesuffix(".data") for name in names if "#" in name)
    return answer


async def commit(server: ObjectServer, req: Request, target: Target) -> Response:
    at, index, files = stamp_of(req), number_of(req, INDEX), server.files(req, target)
    before = ""
    try:
        (replaced := await server.run(target, files.open, target.partition, target.hash)).close()
        if replaced.timestamp > at:
            return plain(409, headers={"x-backend-timestamp": replaced.timestamp})
        before = replaced.metadata.get("x-delete-at", "")
    except Missing:
        pass
    try:
        (found := await server.run(target, files.open_fragment, target.partition, target.hash, at, index)).close()
        await server.run(target, files.make_durable, target.partition, target.hash, at, index)
    except Missing:
        return plain(404)
    row = {"x-timestamp": at, "x-size": str(found.size), "x-etag": found.metadata["etag"], "x-content-type": found.metadata["content-type"],
           "x-content-type-timestamp": at, "x-meta-timestamp": at}
    await tell_containers(server, req, target, "PUT", row | overrides(found.metadata))
    await tell_queue(server, req, target, at, before, found.metadata.get("x-delete-at", ""))
    return plain(201, headers={"x-backend-timestamp": at})
