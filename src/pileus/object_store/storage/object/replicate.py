"""What replicators of other servers ask: hashes of suffixes, lists of files, and to keep a file.

    REPLICATE /object/DEVICE/PARTITION                 → suffix → hash
    REPLICATE /object/DEVICE/PARTITION/SUFFIX-SUFFIX…  → object's hash → files
    SYNC /object/DEVICE/PARTITION/HASH/FILE            a file, with its metadata as a header
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from pileus.object_store.storage.object.files import Files
from pileus.object_store.storage.object.intake import Intake
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.storage.object.server import ObjectServer

METADATA = "x-backend-metadata"


def _where(server: ObjectServer, req: Request) -> tuple[str, int, list[str], Files]:
    """Device, partition, the rest of the path, and the files there. Raises Stop."""
    parts = req.path.split("/")[2:]
    policy = server.policies.get(int(req.header("x-backend-storage-policy-index") or 0))
    if len(parts) < 2 or not parts[1].isdigit() or policy is None:
        raise Stop(plain(400, "Invalid path"))
    server.devices.path(parts[0])
    return parts[0], int(parts[1]), parts[2:], server.files_of(parts[0], policy)


async def compare(server: ObjectServer, req: Request) -> Response:
    device, part, rest, files = _where(server, req)
    run = server.devices.threads_of(device).run
    found: dict = {}
    if not rest:
        found = await run(files.hashes, part)
    else:
        for suffix in rest[0].split("-"):
            found |= await run(files.suffix, part, suffix)
    return Response(200, {"content-type": "application/json"}, msgspec.json.encode(found))


async def receive(server: ObjectServer, req: Request) -> Response:
    """Keep a file. 422 when its body is not what its metadata says."""
    device, part, (hash, name), files = _where(server, req)
    run = server.devices.threads_of(device).run
    metadata = msgspec.json.decode(req.header(METADATA).encode("utf-8", "surrogateescape"), type=dict[str, str])
    if os.sep in name or len(hash) != 32:
        return plain(400)
    if not name.endswith(".data"):
        await run(files.store_file, part, hash, name, None, metadata)
        return plain(201)
    intake = Intake(server.devices.threads_of(device), partial(files.create, part, hash, req.length))
    try:
        await intake.run(intake.open)
        size = await intake.read(req.body, None)
        writer = await intake.run(intake.settle)
        # A fragment that was rebuilt on its way has no hash yet.
        etag = intake.digest.hexdigest()
        if str(size) != metadata.get("content-length") or etag != metadata.setdefault("etag", etag):
            return plain(422)
        await intake.run(files.store_file, part, hash, name, writer, metadata)
    finally:
        await intake.abort()
    return plain(201)
