"""PUT of an object: a body goes to a file without a name, which gets one when all of it is there."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
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
    upload = Upload(server, req, target)
    try:
        if upload.long or "if-none-match" in req.headers:
            await upload.run(upload.check)              # what is refused anyway need not be sent
        if await upload.receive() != req.length and req.length is not None:
            return plain(499)
        metadata = await upload.run(upload.finish, {**req.headers, **(req.footers() if req.footers else {})})
    finally:
        await upload.abort()
    at, etag = upload.at, metadata["etag"]
    if "x-backend-fragment-index" not in req.headers:   # others hear of a fragment when it is durable
        row = {"x-timestamp": at, "x-size": metadata["content-length"], "x-etag": etag, "x-content-type": metadata["content-type"],
               "x-content-type-timestamp": at, "x-meta-timestamp": at}
        await tell_containers(server, req, target, "PUT", row | overrides(metadata))
        await tell_queue(server, req, target, at, upload.expired_at, metadata.get("x-delete-at", ""))
    return plain(201, headers={"etag": etag, "x-backend-timestamp": at})


def overrides(headers: Mapping[str, str]) -> dict[str, str]:
    """What the container is told instead: features know better what a body stands for."""
    prefix = "x-object-sysmeta-container-update-override-"
    return {"x-" + name.removeprefix(prefix): value for name, value in headers.items() if name.startswith(prefix)}


class Upload:
    """A body as it comes. A long one is written as it grows; a small one, and all else about it, in one hop to a thread."""

    def __init__(self, server: ObjectServer, req: Request, target: Target):
        self.server, self.req, self.target, self.at = server, req, target, stamp_of(req)
        self.files: Files = server.files(req, target)
        self.long = req.length is None or req.length > GATHER
        self.expired_at = ""                            # when the object that was there was to expire
        self.checked = False
        self.digest: Any = md5(usedforsecurity=False)
        self.pending: list[bytes] = []
        self.size = 0                                   # of what is written
        self.writer: Writer | None = None
        self.running: list[asyncio.Future[Any]] = []

    # ---- in the event loop -------------------------------------------------------------------------------------------
    async def receive(self) -> int:
        """Take in all of it; returns its length, which may be too long by a little."""
        size, gathered = 0, 0
        if self.req.body is not None:
            async for chunk in self.req.body:
                self.pending.append(chunk)
                gathered, size = gathered + len(chunk), size + len(chunk)
                if self.req.length is not None and size > self.req.length:
                    break
                if gathered >= GATHER:
                    # While one piece is hashed, and by another thread written, the next one comes.
                    pending, self.pending, gathered = self.pending, [], 0
                    await self.start((self.hash, pending), (self.write, pending))
        return size

    async def start(self, *works: tuple[Any, ...]) -> None:
        """Begin with blocking work, each in a thread, once what was begun before is done."""
        await self.done()
        self.running = [self.server.run(self.target, *work) for work in works]

    async def done(self) -> Any:
        """The result of the work that was begun last. Raises what went wrong with it."""
        result = None
        for each in self.running:
            # A thread cannot be stopped: when nobody waits for it any more, its file must not be closed under it (`abort`).
            result = await asyncio.shield(each)
        self.running = []
        return result

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        await self.start((function, *args))
        return await self.done()

    async def abort(self) -> None:
        if self.running:
            await asyncio.wait(self.running)
        if self.writer is not None:
            self.writer.abort()

    # ---- in a thread -------------------------------------------------------------------------------------------------
    def check(self) -> None:
        """Raises Stop when the object that is there is newer, or must not be there."""
        self.checked = True
        try:
            found = self.files.open(self.target.partition, self.target.hash)
        except Missing as missing:
            if missing.timestamp is not None and missing.timestamp >= self.at:
                raise Stop(plain(409, headers={"x-backend-timestamp": missing.timestamp})) from None
            return
        found.close()
        if self.req.header("if-none-match") == "*" and not expired(found.metadata, self.server.clock):
            raise Stop(plain(412, headers={"x-backend-timestamp": found.timestamp}))
        if found.timestamp >= self.at:
            raise Stop(plain(409, headers={"x-backend-timestamp": found.timestamp}))
        self.expired_at = found.metadata.get("x-delete-at", "")

    def hash(self, pending: list[bytes]) -> None:
        for chunk in pending:
            self.digest.update(chunk)

    def write(self, pending: list[bytes]) -> None:
        if self.writer is None:
            # What is here already needs no room to be kept for it.
            self.writer = self.files.create(self.target.partition, self.target.hash, self.req.length if self.long else None)
        for chunk in pending:
            self.writer.write(chunk)
            self.size += len(chunk)

    def finish(self, headers: dict[str, str]) -> dict[str, str]:
        """Give the whole body its name; returns its metadata. Raises Stop when it is not what was announced."""
        if not self.checked:
            self.check()
        self.hash(self.pending)
        self.write(self.pending)
        etag = self.digest.hexdigest()
        if (told := headers.get("etag", "").strip('"').lower()) and told != etag:
            raise Stop(plain(422))
        target = self.target
        metadata = {"name": f"/{target.account}/{target.container}/{target.object}", "content-length": str(self.size), "etag": etag,
                    "x-timestamp": self.at, "content-type": headers.get("content-type", "application/octet-stream"),
                    **kept_of(headers)}
        assert self.writer is not None
        if fragment := headers.get("x-backend-fragment-index"):
            self.writer.commit_as(fragment_name(self.at, int(fragment), durable=False), metadata)
        else:
            self.writer.commit(self.at, metadata)
        return metadata
