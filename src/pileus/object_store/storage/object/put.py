"""PUT of an object: a body goes to a file without a name, which gets one when all of it is there."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pileus.object_store.storage.object.files import Files, Missing, Writer
from pileus.object_store.storage.object.history import fragment_name
from pileus.object_store.storage.object.intake import GATHER, Intake
from pileus.object_store.storage.object.metadata import expired, kept_of
from pileus.object_store.storage.object.updates import tell_containers, tell_queue
from pileus.object_store.storage.server import Target, stamp_of
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.storage.object.server import ObjectServer


async def put(server: ObjectServer, req: Request, target: Target) -> Response:
    upload = Upload(server, req, target)
    try:
        if upload.long or "if-none-match" in req.headers:
            await upload.intake.run(upload.begin)       # what is refused anyway need not be sent
        if await upload.intake.read(req.body, req.length) != req.length and req.length is not None:
            return plain(499)
        metadata = await upload.intake.run(upload.finish, {**req.headers, **(req.footers() if req.footers else {})})
    finally:
        await upload.intake.abort()
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
    """A body, and what it becomes. A long one is written as it grows; a small one, and all else about it, in one hop to a thread."""

    def __init__(self, server: ObjectServer, req: Request, target: Target):
        self.server, self.req, self.target, self.at = server, req, target, stamp_of(req)
        self.files: Files = server.files(req, target)
        self.long = req.length is None or req.length > GATHER
        self.expired_at = ""                            # when the object that was there was to expire
        self.checked = False
        self.intake = Intake(server.devices.threads_of(target.device), self.create)

    # ---- in a thread -------------------------------------------------------------------------------------------------
    def create(self) -> Writer:
        # What is here already needs no room to be kept for it.
        return self.files.create(self.target.partition, self.target.hash, self.req.length if self.long else None)

    def begin(self) -> None:
        """Raises Stop when the object must not be put, and OSError when there is no room for it."""
        self.check()
        if self.long:
            self.intake.open()

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

    def finish(self, headers: dict[str, str]) -> dict[str, str]:
        """Give the whole body its name; returns its metadata. Raises Stop when it is not what was announced."""
        if not self.checked:
            self.check()
        writer, etag = self.intake.settle(), self.intake.digest.hexdigest()
        if (told := headers.get("etag", "").strip('"').lower()) and told != etag:
            raise Stop(plain(422))
        target = self.target
        metadata = {"name": f"/{target.account}/{target.container}/{target.object}", "content-length": str(self.intake.size), "etag": etag,
                    "x-timestamp": self.at, "content-type": headers.get("content-type", "application/octet-stream"),
                    **kept_of(headers)}
        if fragment := headers.get("x-backend-fragment-index"):
            writer.commit_as(fragment_name(self.at, int(fragment), durable=False), metadata)
        else:
            writer.commit(self.at, metadata)
        return metadata
