"""The container server: databases that list objects, and their accounts' knowledge of them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.object_store.model.timestamp import http_date, iso, normal
from pileus.object_store.storage.container.rows import Row, Rows
from pileus.object_store.storage.container.updates import tell_accounts
from pileus.object_store.storage.database.broker import Absent
from pileus.object_store.storage.database.container import ContainerBroker
from pileus.object_store.storage.database.server import DatabaseServer, page_of, timestamps, visible
from pileus.object_store.storage.server import Target, number_of, stamp_of
from pileus.object_store.transport import Transport
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

LISTING_MOST = 10_000
#: Metadata of containers that have no prefix of their own.
PLAIN = ("x-container-read", "x-container-write", "x-container-sync-key", "x-container-sync-to")


class ContainerServer(DatabaseServer[ContainerBroker]):
    kind, depth = "container", 2

    def __init__(self, *args: Any, transport: Transport):
        super().__init__(*args)
        self.transport = transport
        self.rows = Rows(lambda target, rows: self.run(target, self._merge, target, rows))
        self.methods = {"PUT": self.put, "POST": self.post, "DELETE": self.delete, "HEAD": self.head, "GET": self.get}

    # ---- containers --------------------------------------------------------------------------------------------------
    async def put(self, req: Request, target: Target) -> Response:
        if target.object:
            return await self.rows.add(target, _row(req, target, deleted=False))
        response, info = await self.run(target, self._put, req, target)
        return await self._told(req, target, response, info)

    def _put(self, req: Request, target: Target) -> tuple[Response, dict[str, Any]]:
        at = stamp_of(req)
        wanted = req.headers.get("x-backend-storage-policy-index")
        policy = number_of(req, "x-backend-storage-policy-index", number_of(req, "x-backend-storage-policy-default"))
        try:
            broker, made = self.broker(target), False
        except Absent:
            broker, made = self.create(target, at, policy), True
        info = broker.info()
        if broker.is_deleted(info):
            if at <= info["delete_timestamp"]:
                return plain(409, headers=timestamps(info)), info
            broker.set_policy(policy, at)
            made = True
        elif wanted is not None and policy != info["storage_policy_index"]:
            return plain(409, headers={"x-backend-storage-policy-index": str(info["storage_policy_index"])}), info
        broker.put(at)
        broker.update_metadata(self.metadata(req, at, PLAIN))
        info = broker.info()
        return plain(201 if made else 202, headers={"x-backend-storage-policy-index": str(info["storage_policy_index"])}), info

    async def post(self, req: Request, target: Target) -> Response:
        return await self.run(target, self._post, req, target)

    def _post(self, req: Request, target: Target) -> Response:
        at = stamp_of(req)
        broker = self.alive(target)
        broker.update_metadata(self.metadata(req, at, PLAIN))
        return plain(204)

    async def delete(self, req: Request, target: Target) -> Response:
        if target.object:
            answer = await self.rows.add(target, _row(req, target, deleted=True))
            return plain(204) if answer.ok else answer
        response, info = await self.run(target, self._delete, req, target)
        return await self._told(req, target, response, info)

    def _delete(self, req: Request, target: Target) -> tuple[Response, dict[str, Any]]:
        at = stamp_of(req)
        try:
            broker = self.broker(target)
        except Absent:
            return plain(404), {}
        info = broker.info()
        if not broker.is_empty(info):
            return plain(409), info
        existed = not broker.is_deleted(info) and info["put_timestamp"] < at
        broker.delete(at)
        if not broker.is_deleted():
            return plain(409), broker.info()
        return plain(204 if existed else 404), broker.info()

    async def _told(self, req: Request, target: Target, response: Response, info: dict[str, Any]) -> Response:
        """The answer, once the account knows as well, as far as it can be reached: otherwise the updater tells it later."""
        if response.ok or response.status == 404:
            refusal = await tell_accounts(self.transport, req, target, info) if info else None
            return refusal or response
        return response

    # ---- rows --------------------------------------------------------------------------------------------------------
    def _merge(self, target: Target, rows: list[Row]) -> Response:
        """Object servers say what became of objects."""
        first, hidden = rows[0], target.account.startswith(".")
        try:
            broker = self.broker(target)
        except Absent:
            if not hidden:
                return plain(404)
            broker = self.create(target, first["created_at"], first["storage_policy_index"])
        if broker.is_deleted():
            if hidden:
                broker.put(max(row["created_at"] for row in rows))
            else:
                broker.merge([row for row in rows if row["deleted"]])
                return plain(404)
        broker.merge(rows)
        return plain(201)

    # ---- reading -----------------------------------------------------------------------------------------------------
    async def head(self, req: Request, target: Target) -> Response:
        return await self.run(target, self._read, req, target, False)

    async def get(self, req: Request, target: Target) -> Response:
        return await self.run(target, self._read, req, target, True)

    def _read(self, req: Request, target: Target, listing: bool) -> Response:
        page = page_of(req, LISTING_MOST) if listing else None
        broker = self.alive(target)
        info = broker.info()
        headers = {"x-container-object-count": str(info["object_count"]), "x-container-bytes-used": str(info["bytes_used"]),
                   **timestamps(info), "x-timestamp": normal(info["created_at"]), "last-modified": http_date(info["put_timestamp"]),
                   "x-backend-storage-policy-index": str(info["storage_policy_index"]), **visible(broker.metadata())}
        if page is None:
            return Response(204, headers | {"content-type": "text/plain; charset=utf-8"})
        policy = number_of(req, "x-backend-storage-policy-index", info["storage_policy_index"])
        rows = [_view(row) for row in broker.list(page, policy)]
        return Response(200, headers | {"content-type": "application/json; charset=utf-8"}, msgspec.json.encode(rows))

    def alive(self, target: Target) -> ContainerBroker:
        """Raises Stop when there is no such container."""
        try:
            broker = self.broker(target)
        except Absent:
            raise Stop(plain(404)) from None
        info = broker.info()
        if broker.is_deleted(info):
            raise Stop(plain(404, headers=timestamps(info)))
        return broker


def _row(req: Request, target: Target, *, deleted: bool) -> Row:
    at = stamp_of(req)
    return {"name": target.object, "created_at": at, "deleted": int(deleted), "size": number_of(req, "x-size"),
            "storage_policy_index": number_of(req, "x-backend-storage-policy-index"), "content_type": req.header("x-content-type"),
            "etag": req.header("x-etag"), "ctype_at": req.headers.get("x-content-type-timestamp", at),
            "meta_at": req.headers.get("x-meta-timestamp", at)}


def _view(row: tuple) -> dict[str, Any]:
    if len(row) == 1:
        return {"subdir": row[0]}
    name, at, size, kind, etag = row
    if ";" in kind and "swift_bytes=" in kind:
        # A manifest's listing shows the size of what it stands for: it came as a parameter of the type.
        kind, _, told = kind.rpartition(";swift_bytes=")
        size = int(told) if told.isdigit() else size
    return {"name": name, "bytes": size, "hash": etag, "content_type": kind, "last_modified": iso(at)}
