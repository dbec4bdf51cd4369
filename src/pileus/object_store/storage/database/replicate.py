"""What replicators of other servers ask of databases: REPLICATE /KIND/DEVICE/PARTITION/HASH, with what to do as a header.

    info   take in timestamps and metadata; the answer says how far this replica has read the other
    ranges take in what is delegated to shards
    rows   take in rows
    file   take in a whole database: as the own one when there is none, else its rows
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pileus.object_store.model.shards import ShardRange
from pileus.object_store.storage.database.broker import Absent, Broker, Metadata
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

if TYPE_CHECKING:
    from pileus.object_store.storage.database.server import DatabaseServer

DO = "x-backend-replicate"
ROWS = 1000


class State(msgspec.Struct, kw_only=True):
    """One replica as another sees it."""

    id: str
    hash: str
    point: int
    info: dict[str, Any] = {}
    metadata: Metadata = {}
    shards: list[ShardRange] = []


class Rows(msgspec.Struct, kw_only=True):
    source: str
    rows: list[dict[str, Any]]


async def receive(server: DatabaseServer, req: Request) -> Response:
    device, part, hash = req.path.split("/")[2:5]
    root = server.devices.path(device)
    run = server.devices.threads_of(device).run
    what = req.header(DO)
    if what == "file":
        beside, home = f"{root}/tmp/{hash}.{server.ids.uuid()}", server.databases.home
        try:
            await home.unpack(beside, req.body, run)
            await run(_take_file, server, root, int(part), hash, beside)
        finally:
            home.discard(beside)
        return plain(201)
    body = b"".join([chunk async for chunk in req.body]) if req.body is not None else b""
    try:
        take = {"info": _take_info, "ranges": _take_ranges}.get(what, _take_rows)
        answer = await run(take, server, root, int(part), hash, body)
    except Absent:
        return plain(404)
    return Response(200, {"content-type": "application/json"}, msgspec.json.encode(answer))


def state(broker: Broker, remote_id: str = "") -> State:
    info = broker.info()
    point = broker.point(remote_id) if remote_id else -1
    return State(id=info["id"], hash=info["hash"], point=point, info=info, metadata=broker.metadata(), shards=broker.ranges())


def _take_info(server: DatabaseServer, root: Path, part: int, hash: str, body: bytes) -> State:
    broker, theirs = server.databases.get(root, part, hash), msgspec.json.decode(body, type=State)
    broker.merge_info(theirs.info, theirs.metadata)
    broker.merge_ranges(theirs.shards)
    return state(broker, theirs.id)


def _take_ranges(server: DatabaseServer, root: Path, part: int, hash: str, body: bytes) -> State:
    broker = server.databases.get(root, part, hash)
    broker.merge_ranges(msgspec.json.decode(body, type=list[ShardRange]))
    return state(broker)


def _take_rows(server: DatabaseServer, root: Path, part: int, hash: str, body: bytes) -> State:
    broker, theirs = server.databases.get(root, part, hash), msgspec.json.decode(body, type=Rows)
    broker.merge(theirs.rows, theirs.source)
    return state(broker, theirs.source)


def _take_file(server: DatabaseServer, root: Path, part: int, hash: str, beside: str) -> None:
    """Raises sqlite3.DatabaseError when what came is damaged."""
    databases = server.databases
    theirs = databases.kind(beside, databases.home)
    try:
        if theirs.all("PRAGMA quick_check") != [("ok",)]:
            raise sqlite3.DatabaseError("a damaged database came")
        # Somebody else may have brought one at the same time: then its rows are taken in.
        if databases.identity(root, part, hash) is None and databases.adopt(root, part, hash, theirs, server.ids.uuid()):
            return
        mine, at = databases.get(root, part, hash), -1
        mine.merge_info(theirs.info(), theirs.metadata())
        mine.merge_ranges(theirs.ranges())
        while rows := theirs.since(at, ROWS):
            mine.merge(rows)
            at = rows[-1]["row"]
    finally:
        theirs.close()
