"""The account server: databases that list containers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import msgspec

from pileus.object_store.model.timestamp import iso, normal
from pileus.object_store.storage.database.account import AccountBroker
from pileus.object_store.storage.database.broker import Absent
from pileus.object_store.storage.database.server import DatabaseServer, page_of, timestamps, visible
from pileus.object_store.storage.server import Target, number_of, stamp_of
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

LISTING_MOST = 10_000


class AccountServer(DatabaseServer[AccountBroker]):
    kind, depth = "account", 1

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.methods = {"PUT": self.put, "POST": self.post, "DELETE": self.delete, "HEAD": self.head, "GET": self.get}

    async def put(self, req: Request, target: Target) -> Response:
        return await self.run(target, self._put_container if target.container else self._put, req, target)

    def _put(self, req: Request, target: Target) -> Response:
        at = stamp_of(req)
        try:
            broker, made = self.broker(target), False
        except Absent:
            broker, made = self.create(target, at), True
        was_deleted = broker.is_deleted()
        if was_deleted and req.header("x-account-override-deleted") != "yes" and at <= broker.info()["delete_timestamp"]:
            return plain(409)
        broker.put(at)
        broker.update_metadata(self.metadata(req, at))
        return plain(201 if made or was_deleted else 202)

    def _put_container(self, req: Request, target: Target) -> Response:
        """A container server says how its container is doing."""
        try:
            broker = self.broker(target)
        except Absent:
            if not target.account.startswith(".") and req.header("x-backend-auto-create") != "yes":
                return plain(404)
            broker = self.create(target, stamp_of(req, "x-put-timestamp"))
        if broker.is_deleted() and req.header("x-account-override-deleted") != "yes":
            return plain(404)
        put, delete = stamp_of(req, "x-put-timestamp"), stamp_of(req, "x-delete-timestamp")
        count = number_of(req, "x-object-count")
        broker.merge([{"name": target.container, "put_timestamp": put, "delete_timestamp": delete, "object_count": count,
                       "bytes_used": number_of(req, "x-bytes-used"), "deleted": int(delete > put and not count),
                       "storage_policy_index": number_of(req, "x-backend-storage-policy-index"),
                       "counted_at": req.header("x-counted-at") or max(put, delete)}])
        return plain(201 if put > delete else 204)

    async def post(self, req: Request, target: Target) -> Response:
        return await self.run(target, self._post, req, target)

    def _post(self, req: Request, target: Target) -> Response:
        at = stamp_of(req)
        broker = self.alive(target)
        if broker is None:
            return self.absent(target)
        broker.update_metadata(self.metadata(req, at))
        return plain(204)

    async def delete(self, req: Request, target: Target) -> Response:
        return await self.run(target, self._delete, req, target)

    def _delete(self, req: Request, target: Target) -> Response:
        at = stamp_of(req)
        broker = self.alive(target)
        if broker is None:
            return self.absent(target)
        broker.delete(at)
        return plain(204 if broker.is_deleted() else 409)

    async def head(self, req: Request, target: Target) -> Response:
        return await self.run(target, self._read, req, target, False)

    async def get(self, req: Request, target: Target) -> Response:
        return await self.run(target, self._read, req, target, True)

    def _read(self, req: Request, target: Target, listing: bool) -> Response:
        page = page_of(req, LISTING_MOST) if listing else None
        broker = self.alive(target)
        if broker is None:
            return self.absent(target)
        headers = self.headers(broker)
        if page is None:
            return Response(204, headers | {"content-type": "text/plain; charset=utf-8"})
        rows = [_view(row) for row in broker.list(page)]
        return Response(200, headers | {"content-type": "application/json; charset=utf-8"}, msgspec.json.encode(rows))

    def headers(self, broker: AccountBroker) -> dict[str, str]:
        info = broker.info()
        found = {"x-account-container-count": str(info["container_count"]), "x-account-object-count": str(info["object_count"]),
                 "x-account-bytes-used": str(info["bytes_used"]), **timestamps(info), **visible(broker.metadata())}
        for policy, containers, objects, used in broker.policy_stats():
            prefix = f"x-backend-policy-{policy}-"
            found |= {prefix + "container-count": str(containers), prefix + "object-count": str(objects), prefix + "bytes-used": str(used)}
        return found | {"x-timestamp": normal(info["created_at"])}

    def alive(self, target: Target) -> AccountBroker | None:
        try:
            broker = self.broker(target)
        except Absent:
            return None
        return None if broker.is_deleted() else broker

    def absent(self, target: Target) -> Response:
        """404; an account that was deleted and not yet reaped says so."""
        try:
            info = self.broker(target).info()
        except Absent:
            return plain(404)
        return plain(404, headers={"x-account-status": "Deleted", **timestamps(info)})


def _view(row: tuple) -> dict[str, Any]:
    if len(row) == 1:
        return {"subdir": row[0]}
    return {"name": row[0], "count": row[1], "bytes": row[2], "last_modified": iso(row[3]), "storage_policy_index": row[4]}
