"""The object server: bodies and their metadata."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from typing import Any

from pileus.core.clock import Clock
from pileus.object_store.model import timestamp
from pileus.object_store.model.policy import Policies, StoragePolicy
from pileus.object_store.storage.media import Media
from pileus.object_store.storage.object import fragments, put, replicate
from pileus.object_store.storage.object.files import Content, Files, Found, Missing
from pileus.object_store.storage.object.metadata import expired, kept_of, shown
from pileus.object_store.storage.object.updates import tell_containers, tell_queue
from pileus.object_store.storage.server import StorageServer, Target, number_of, stamp_of
from pileus.object_store.transport import Transport
from pileus.object_store.wire import conditional, multipart, ranges
from pileus.object_store.wire.body import CHUNK
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

#: Makes the files of a policy on a device.
MakeFiles = Callable[[str, StoragePolicy], Files]


class ObjectServer(StorageServer):
    kind, depth = "object", 3

    def __init__(self, media: Media, *args: Any, policies: Policies, make_files: MakeFiles, transport: Transport, clock: Clock):
        super().__init__(media.devices, *args)
        self.media = media
        self.policies, self.make_files, self.transport, self.clock = policies, make_files, transport, clock
        self.known: dict[tuple[str, int], Files] = {}
        self.methods = {"PUT": self.put, "POST": self.post, "DELETE": self.delete, "HEAD": self.head, "GET": self.get,
                        "COMMIT": self.commit}
        self.replication = {"REPLICATE": replicate.compare, "SYNC": replicate.receive}

    def files(self, req: Request, target: Target) -> Files:
        """Raises Stop for a policy that is not known."""
        policy = self.policies.get(number_of(req, "x-backend-storage-policy-index"))
        if policy is None:
            raise Stop(plain(503, "No such storage policy"))
        return self.files_of(target.device, policy)

    def files_of(self, device: str, policy: StoragePolicy) -> Files:
        key = device, policy.index
        if key not in self.known:
            self.known[key] = self.make_files(device, policy)
        return self.known[key]

    async def find(self, req: Request, target: Target, *, read: int = -1) -> Found:
        """The object, or the fragment that is asked for, open. Raises Stop when there is none, or it has expired.

        The content of one that is not longer than `read` is read on the way."""
        fragment = fragments.wanted(wanted) if (wanted := req.header(fragments.WANTED)) else None
        try:
            found = await self.run(target, _open, self.files(req, target), target, fragment, read)
        except Missing as missing:
            raise Stop(plain(404, headers={"x-backend-timestamp": missing.timestamp} if missing.timestamp else None)) from None
        if not fragment and expired(found.metadata, self.clock) and req.header("x-backend-open-expired") != "true":
            found.close()
            raise Stop(plain(404, headers={"x-backend-timestamp": found.timestamp}))
        return found

    async def head(self, req: Request, target: Target) -> Response:
        if fragments.LISTED in req.headers:
            return await fragments.listed(self, req, target, self.show)
        return await self.show(req, target)

    async def show(self, req: Request, target: Target) -> Response:
        found = await self.find(req, target)
        found.close()
        headers = shown(found)
        return conditional.refused(req, headers) or Response(200, headers | {"content-length": str(found.size)})

    async def get(self, req: Request, target: Target) -> Response:
        if fragments.LISTED in req.headers:
            return await fragments.listed(self, req, target, self.read)
        return await self.read(req, target)

    async def read(self, req: Request, target: Target) -> Response:
        found = await self.find(req, target, read=CHUNK)
        headers = shown(found)
        if (refusal := conditional.refused(req, headers)) is not None:
            found.close()
            return refusal
        pieces = ranges.parse(req.header("range"), found.size) if "range" in req.headers else None
        if pieces == []:
            found.close()
            return plain(416, headers=headers | {"content-type": "text/html; charset=UTF-8", "content-range": f"bytes */{found.size}"})
        if pieces is not None and len(pieces) > 1 and multipart.sensible(pieces):
            return several(self, target, found, headers, pieces)
        if pieces is None or len(pieces) > 1:
            start, length, status = 0, found.size, 200
        else:
            (start, length), status = pieces[0], 206
            headers["content-range"] = f"bytes {start}-{start + length - 1}/{found.size}"
        headers["content-length"] = str(length)
        if isinstance(found.content, Content):
            return Response(status, headers, found.content.read(start, length))
        return Response(status, headers, found.body(start, length))

    def __call__(self, req: Request) -> Awaitable[Response]:
        handle = self.replication.get(req.method)
        return self.guarded(handle, self, req) if handle else super().__call__(req)

    def put(self, req: Request, target: Target) -> Awaitable[Response]:
        return put.put(self, req, target)

    def commit(self, req: Request, target: Target) -> Awaitable[Response]:
        return fragments.commit(self, req, target)

    async def post(self, req: Request, target: Target) -> Response:
        at = stamp_of(req)
        files, found = self.files(req, target), await self.find(req, target)
        found.close()
        if found.meta_timestamp >= at:
            return plain(409, headers={"x-backend-timestamp": found.meta_timestamp})
        metadata = kept_of(req.headers, of_post=True) | {"x-timestamp": at}
        typed = at if "content-type" in req.headers else ""
        if typed:
            metadata["content-type"] = req.header("content-type")
        await self.run(target, files.update, target.partition, target.hash, at, metadata, typed)
        row = {"x-timestamp": found.timestamp, "x-size": str(found.size), "x-etag": found.metadata.get("etag", ""),
               "x-content-type": req.header("content-type") if typed else found.metadata.get("content-type", ""),
               "x-content-type-timestamp": typed or found.ctype_timestamp, "x-meta-timestamp": at}
        await tell_containers(self, req, target, "PUT", row | put.overrides(found.metadata))
        await tell_queue(self, req, target, at, found.metadata.get("x-delete-at", ""), metadata.get("x-delete-at", ""))
        linked = {n: v for n, v in found.metadata.items() if n.startswith("x-object-sysmeta-symlink-")}
        return plain(202, headers={"x-backend-timestamp": found.timestamp} | linked)

    async def delete(self, req: Request, target: Target) -> Response:
        at = stamp_of(req)
        if "x-if-delete-at" in req.headers and not req.headers["x-if-delete-at"].isdigit():
            return plain(400, "Bad X-If-Delete-At header value")
        files = self.files(req, target)
        known, there, expires = None, False, ""
        try:
            found = await self.run(target, files.open, target.partition, target.hash)
        except Missing as missing:
            known = missing.timestamp
        else:
            found.close()
            known, there = found.timestamp, "x-if-delete-at" in req.headers or not expired(found.metadata, self.clock)
            expires = found.metadata.get("x-delete-at", "")
            if (wanted := req.header("x-if-delete-at")) and found.metadata.get("x-delete-at") != wanted:
                return plain(412, headers={"x-backend-timestamp": known})
        if known is not None and known >= at:
            return plain(409, headers={"x-backend-timestamp": known})
        if "x-if-delete-at" in req.headers and known is None:
            return plain(404)
        await self.run(target, files.delete, target.partition, target.hash, at)
        await tell_containers(self, req, target, "DELETE", {"x-timestamp": at})
        if "x-if-delete-at" not in req.headers:
            await tell_queue(self, req, target, at, expires, "")
        return plain(204 if there else 404, headers={"x-backend-timestamp": at})

    def now(self) -> str:
        return timestamp.stamp(self.clock.now().timestamp())


def several(server: ObjectServer, target: Target, found: Found, headers: dict[str, str], pieces: list[tuple[int, int]]) -> Response:
    """More than one piece of an object."""
    boundary = hashlib.md5(f"{found.timestamp}{pieces}".encode(), usedforsecurity=False).hexdigest()
    kind = headers.get("content-type", "application/octet-stream")
    headers["content-length"] = str(multipart.length(pieces, found.size, kind, boundary))
    headers["content-type"] = f"multipart/byteranges;boundary={boundary}"

    async def read(start: int, amount: int) -> AsyncIterator[bytes]:
        for at in range(start, start + amount, 4 * CHUNK):
            yield await server.run(target, found.content.read, at, min(4 * CHUNK, start + amount - at))

    async def body() -> AsyncIterator[bytes]:
        try:
            async for part in multipart.body(pieces, found.size, kind, boundary, read):
                yield part
        finally:
            found.close()

    return Response(206, headers, body())


def _open(files: Files, target: Target, fragment: tuple[str, int] | None, read: int) -> Found:
    """In a thread, and all in one hop to it."""
    found = files.open_fragment(target.partition, target.hash, *fragment) if fragment else files.open(target.partition, target.hash)
    if found.size <= read:
        with closing(found.content):
            found.content = Content(found.content.read(0, found.size))
    return found
