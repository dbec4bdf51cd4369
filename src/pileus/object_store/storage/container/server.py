"""The container server: databases that list objects, and their accounts' knowledge of them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec

from pileus.object_store.model.shards import PREFIX, ShardRange, covers, spans
from pileus.object_store.model.timestamp import http_date, iso, normal
from pileus.object_store.ring.ring import Ring
from pileus.object_store.storage.container import shards
from pileus.object_store.storage.container.rows import Row, Rows
from pileus.object_store.storage.container.updates import tell_accounts
from pileus.object_store.storage.database.broker import Absent
from pileus.object_store.storage.database.container import ContainerBroker
from pileus.object_store.storage.database.listing import Page
from pileus.object_store.storage.database.server import DatabaseServer, page_of, timestamps, visible
from pileus.object_store.storage.server import Target, number_of, stamp_of
from pileus.object_store.transport import Transport
from pileus.object_store.wire.message import Request, Response, Stop
from pileus.object_store.wire.status import plain

LISTING_MOST = 10_000
#: The storage policy that is meant, where it is not the container's own.
POLICY = "x-backend-storage-policy-index"
#: Metadata of containers that have no prefix of their own.
PLAIN = ("x-container-read", "x-container-write", "x-container-sync-key", "x-container-sync-to")


class ContainerServer(DatabaseServer[ContainerBroker]):
    kind, depth = "container", 2

    def __init__(self, *args: Any, transport: Transport, rings: Mapping[str, Ring]):
        super().__init__(*args)
        self.transport, self.rings = transport, rings
        self.rows = Rows(self._write)
        self.methods = {"PUT": self.put, "POST": self.post, "DELETE": self.delete, "HEAD": self.head, "GET": self.get,
                        "UPDATE": self.update}

    # ---- containers --------------------------------------------------------------------------------------------------
    async def put(self, req: Request, target: Target) -> Response:
        if target.object:
            return await self.rows.add(target, _row(req, target, deleted=False))
        response, info = await self.run(target, self._put, req, target)
        return await self._told(req, target, response, info)

    def _put(self, req: Request, target: Target) -> tuple[Response, dict[str, Any]]:
        at = stamp_of(req)
        wanted = req.headers.get("x-backend-storage-policy-index")
        policy = number_of(req, POLICY, number_of(req, "x-backend-storage-policy-default"))
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
        broker.put(at)                          # what is changed is modified: clients see when
        broker.update_metadata(self.metadata(req, at, PLAIN))
        return plain(204)

    async def delete(self, req: Request, target: Target) -> Response:
        if target.object:
            answer = await self.rows.add(target, _row(req, target, deleted=True))
            return plain(204) if answer.ok else answer
        if await self.run(target, self._delegates, req, target) and await self._listed(req, target, Page(limit=1)) != b"[]":
            return plain(409)
        response, info = await self.run(target, self._delete, req, target)
        return await self._told(req, target, response, info)

    def _delegates(self, req: Request, target: Target) -> bool:
        """Whether shards are to be asked if it is empty; not of one that others have replaced."""
        try:
            return "x-backend-delegated" not in req.headers and self.broker(target).shards.any() and not self.broker(target).is_deleted()
        except Absent:
            return False

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
    async def update(self, req: Request, target: Target) -> Response:
        """Rows that another container has handed over."""
        body = b"".join([chunk async for chunk in req.body]) if req.body is not None else b"[]"
        return await self._write(target, msgspec.json.decode(body, type=list[Row]), _passed(req, target))

    async def _write(self, target: Target, rows: list[Row], passed: Sequence[str] = ()) -> Response:
        """Rows to where they are listed: here, or in shards. What a shard cannot take now waits here for the sharder."""
        answer, theirs = await self.run(target, self._merge, target, rows, _shard(passed, target))
        for shard, own in theirs:
            if not await shards.send_rows(self.transport, self.rings["container"], shard, own, [*passed, _name(target)]):
                await self.run(target, self.broker(target).shards.wait, own)
        return answer

    def _merge(self, target: Target, rows: list[Row], sender: str) -> tuple[Response, list[tuple[ShardRange, list[Row]]]]:
        """Object servers say what became of objects, or a shard (`sender`) gives its rows back. Returns which of them other shards are
        to be told."""
        if not rows:
            return plain(204), []
        first, hidden = rows[0], target.account.startswith(".")
        try:
            broker = self.broker(target)
        except Absent:
            if not hidden:
                return plain(404), []
            broker = self.create(target, first["created_at"], first["storage_policy_index"])
        if broker.is_deleted():
            if target.account.startswith(PREFIX):
                return plain(410), []           # it has no names any more: whoever has not heard of that tells the container
            if hidden:
                broker.put(max(row["created_at"] for row in rows))
            else:
                broker.merge([row for row in rows if row["deleted"]])
                return plain(404), []
        delegating, theirs, own = broker.shards, dict[str, tuple[ShardRange, list[Row]]](), rows
        if delegating.any():
            own = []
            self._ranges(broker, sender)
            for row in rows:
                shard = delegating.of(row["name"], returning=not sender)
                (theirs.setdefault(shard.name, (shard, []))[1] if shard else own).append(row)
        if own:
            broker.merge(own)
        return plain(201), list(theirs.values())

    # ---- reading -----------------------------------------------------------------------------------------------------
    async def head(self, req: Request, target: Target) -> Response:
        return (await self.run(target, self._about, req, target))[0]

    async def get(self, req: Request, target: Target) -> Response:
        if req.header(shards.RECORDS) == "shard":
            known = await self.run(target, self._known, req, target)
            return Response(200, {"content-type": "application/json"}, msgspec.json.encode(known))
        page = page_of(req, LISTING_MOST)
        about, rows = await self.run(target, self._read, req, target, page)
        listed = msgspec.json.encode(rows) if rows is not None else await self._listed(req, target, page)
        return Response(200, about.headers | {"content-type": "application/json; charset=utf-8"}, listed)

    def _read(self, req: Request, target: Target, page: Page) -> tuple[Response, list[dict[str, Any]] | None]:
        """About a container, and what it lists, unless that is shards' to say."""
        about, ranges, own_policy = self._about(req, target)
        if any(r.delegated for r in ranges):
            return about, None
        rows = self._rows(target, page, number_of(req, POLICY, own_policy), ranges, _shard(_passed(req, target), target))
        if rows is not None:
            about.headers[shards.LISTED] = str(len(rows))
        return about, rows

    def _about(self, req: Request, target: Target) -> tuple[Response, list[ShardRange], int]:
        broker = self.alive(target)
        info, ranges = broker.info(), self._ranges(broker, sender := _shard(_passed(req, target), target))
        if sender and not ranges:
            info |= broker.own_counts(info["storage_policy_index"])
        if (policy := number_of(req, POLICY, info["storage_policy_index"])) != info["storage_policy_index"]:
            info |= broker.counts(policy)       # a shard that has not followed its container yet
        headers = {"x-container-object-count": str(info["object_count"]), "x-container-bytes-used": str(info["bytes_used"]),
                   **timestamps(info), "x-timestamp": normal(info["created_at"]), "last-modified": http_date(info["put_timestamp"]),
                   "x-backend-storage-policy-index": str(info["storage_policy_index"]), **visible(broker.metadata()),
                   "content-type": "text/plain; charset=utf-8"}
        if ranges:
            headers["x-backend-sharding-state"] = "sharded" if covers(ranges) else "sharding"
        return Response(204, headers), ranges, info["storage_policy_index"]

    def _rows(self, target: Target, page: Page, policy: int, known: list[ShardRange], sender: str) -> list[dict[str, Any]] | None:
        """The own rows of a page; None when more was handed over meanwhile than is `known` to be."""
        broker = self.broker(target)
        rows = [_view(row) for row in broker.list(page, policy)]
        now = {r.name for r in self._ranges(broker, sender) if r.delegated}
        return rows if now == {r.name for r in known if r.delegated} else None

    def _known(self, req: Request, target: Target) -> list[ShardRange]:
        only = unquote(req.header(shards.ONLY), errors="surrogateescape")
        return [r for r in self.alive(target).shards.current() if not only or r.name == only]

    def _ranges(self, broker: ContainerBroker, sender: str) -> list[ShardRange]:
        """What is delegated; to a shard (`sender`) that asks what it has given back, this is left out. Raises Stop where nobody knows
        yet that it gives anything back: both would ask each other for ever."""
        current = broker.shards.current()
        if any(r.name == sender and r.state != "returning" for r in current):
            raise Stop(plain(503))
        return [r for r in current if not sender or r.state != "returning"]

    async def _listed(self, req: Request, target: Target, page: Page) -> bytes:
        """A page of what this container and its shards list, as JSON. Raises Stop when a shard cannot be asked."""
        passed = _passed(req, target)
        headers = {n: v for n, v in req.headers.items() if n.startswith("x-backend-")} | shards.passing([*passed, _name(target)])
        while True:
            _, ranges, own_policy = await self.run(target, self._about, req, target)
            policy = number_of(req, POLICY, own_policy)

            async def own(part: Page, ranges=ranges, policy=policy) -> list[dict[str, Any]] | None:
                return await self.run(target, self._rows, target, part, policy, ranges, _shard(passed, target))

            async def shard(each: ShardRange, part: Page, policy=policy) -> Response:
                return await shards.ask(self.transport, self.rings["container"], each, part,
                                        headers | {POLICY: str(policy)})

            answer = await shards.compose(spans(ranges), page, own, shard)
            if answer is not None:
                return await answer.read()

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


def _passed(req: Request, target: Target) -> list[str]:
    """Who has passed a request on. Raises Stop when it comes here in a circle: a shard may only give something back to its container."""
    passed = shards.passed_by(req)
    if passed.count(_name(target)) > (not target.account.startswith(PREFIX)):
        raise Stop(plain(503))
    return passed


def _shard(passed: Sequence[str], target: Target) -> str:
    """The shard that passes something on to its container: that container only has to know."""
    return "" if target.account.startswith(PREFIX) or not passed else passed[-1]


def _name(target: Target) -> str:
    return f"{target.account}/{target.container}"


def _row(req: Request, target: Target, *, deleted: bool) -> Row:
    at = stamp_of(req)
    return {"name": target.object, "created_at": at, "deleted": int(deleted), "size": number_of(req, "x-size"),
            "storage_policy_index": number_of(req, POLICY), "content_type": req.header("x-content-type"),
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
