"""PUT of an object: a body goes to a file without a name, which gets one when all of it is there."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Mapping
from hashlib import md5
from typing import TYPE_CHECKING, Any

from pileus.object_store.storage.object.files import Files, Missing, Writer
from pileus.object_store.storage.object.history import fragment_name
from pileus.object_store.storage.object.metadata import expired, kept_of
from pileus.object_store.storage.object.updates import tell_containers, tell_queue
from pileus.object_store.storage.server import Target, stamp_of
from pileus.object_store.wire.body import CHUNK
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.storage.object.server import ObjectServer

#: What is gathered before it is written: each write is a hop to a thread.
GATHER = 8 * CHUNK


async def put(server: ObjectServer, req: Request, target: Target) -> Response:
    at = stamp_of(req)
    files = server.files(req, target)
    before = await server.run(target, _check, server, files, req, target, at)
    body = Body(server, files, req, target)
    try:
        size = await body.receive()
        headers = {**req.headers, **(req.footers() if req.footers else {})}
        if req.length is not None and req.length != size:
            return plain(499)
        etag = body.digest.hexdigest()
        if (told := headers.get("etag", "").strip('"').lower()) and told != etag:
            return plain(422)
        final = Request(req.method, req.path, headers)
        metadata = {"name": f"/{target.account}/{target.container}/{target.object}", "content-length": str(size), "etag": etag,
                    "x-timestamp": at, "content-type": headers.get("content-type", "application/octet-stream"), **kept_of(final)}
        await server.run(target, body.commit, at, metadata, req.header("x-backend-fragment-index"))
    finally:
        await body.abort()
    if "x-backend-fragment-index" in req.headers:
        return plain(201, headers={"etag": etag, "x-backend-timestamp": at})      # others are told when it is durable
    row = {"x-timestamp": at, "x-size": str(size), "x-etag": etag, "x-content-type": metadata["content-type"],
           "x-content-type-timestamp": at, "x-meta-timestamp": at}
    await tell_containers(server, req, target, "PUT", row | overrides(headers))
    await tell_queue(server, req, target, at, before, metadata.get("x-delete-at", ""))
    return plain(201, headers={"etag": etag, "x-backend-timestamp": at})


def overrides(headers: Mapping[str, str]) -> dict[str, str]:
    """What the container is told instead: features know better what a body stands for."""
    prefix = "x-object-sysmeta-container-update-override-"
    return {"x-" + name.removeprefix(prefix): value for name, value in headers.items() if name.startswith(prefix)}


def _check(server: ObjectServer, files: Files, req: Request, target: Target, at: str) -> str:
    """When the object that is there was to expire. Raises Stop when it is newer, or must not be there. In a thread."""
    try:
        found = files.open(target.partition, target.hash)
    except Missing as missing:
        if missing.timestamp is not None and missing.timestamp >= at:
            raise Stop(plain(409, headers={"x-backend-timestamp": missing.timestamp})) from None
        return ""
    found.close()
    if req.header("if-none-match") == "*" and not expired(found.metadata, server.clock):
        raise Stop(plain(412, headers={"x-backend-timestamp": found.timestamp}))
    if found.timestamp >= at:
        raise Stop(plain(409, headers={"x-backend-timestamp": found.timestamp}))
    return found.metadata.get("x-delete-at", "")


class Body:
    """A body as it comes: a small one is written when it is named, a long one as it grows."""

    def __init__(self, server: ObjectServer, files: Files, req: Request, target: Target):
        self.server, self.files, self.req, self.target = server, files, req, target
        self.digest: Any = md5(usedforsecurity=False)
        self.pending: list[bytes] = []
        self.gathered = self.size = 0
        self.writer: Writer | None = None
        self.writing: asyncio.Future[None] | None = None

    async def receive(self) -> int:
        """Read all of it; returns its length."""
        limit = self.req.length
        if self.req.body is not None:
            async for chunk in self.req.body:
                self.pending.append(chunk)
                self.gathered += len(chunk)
                self.size += len(chunk)
                if limit is not None and self.size > limit:
                    break
                if self.gathered >= GATHER:
                    # While one piece is hashed and written the next one comes.
                    await self.settled()
                    pending, self.pending, self.gathered = self.pending, [], 0
                    self.writing = asyncio.ensure_future(self.server.run(self.target, self.write, pending))
        await self.settled()
        await self.server.run(self.target, self.write, self.pending)
        return self.size

    async def settled(self) -> None:
        """Return when nothing is being written; raises what went wrong with it."""
        if self.writing is not None:
            writing, self.writing = self.writing, None
            await writing

    def write(self, pending: list[bytes]) -> None:
        if self.writer is None:
            self.writer = self.files.create(self.target.partition, self.target.hash, self.req.length)
        for chunk in pending:
            self.digest.update(chunk)
            self.writer.write(chunk)

    def commit(self, at: str, metadata: dict[str, str], fragment: str) -> None:
        assert self.writer is not None
        if fragment:
            self.writer.commit_as(fragment_name(at, int(fragment), durable=False), metadata)
        else:
            self.writer.commit(at, metadata)

    async def abort(self) -> None:
        if self.writing is not None:
            await asyncio.wait({self.writing})      # a thread cannot be stopped: its file must not be closed under it
        if self.writer is not None:
            self.writer.abort()
