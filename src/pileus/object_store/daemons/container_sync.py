"""Sends what changes in a container to the one that it is synced to, from one of the nodes that hold it.

How far that got is noted beside the rows of each replica; what could not be sent is tried again in the next pass, and whatever is
there already costs one HEAD. Objects come as they lie: manifests as manifests, links as links. Shards send what they have of their
container: wherever a row goes it is new there, so that none is passed over.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import ssl
from typing import Any
from urllib.parse import quote, unquote

from pileus.object_store.daemons.held import DatabaseDaemon, Held
from pileus.object_store.pipeline.container_sync import AUTH, KEY, TO, ContainerSync, realms, target
from pileus.object_store.pipeline.container_sync.target import SyncTarget
from pileus.object_store.service import ObjectStore
from pileus.object_store.storage.container.shards import ROOT
from pileus.object_store.storage.database.container import ContainerBroker
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.client import Client
from pileus.object_store.wire.message import Request, Response, is_true

PAGE = 100
#: One container is worked on for so long in a pass.
LONGEST_S = 60.0
AS_IT_LIES = "multipart-manifest=get&format=raw&symlink=get"
KEPT = ("content-type", "content-encoding", "content-disposition", "content-language", "cache-control", "expires", "x-delete-at",
        "x-object-manifest", "x-symlink-target", "x-symlink-target-account", "x-symlink-target-etag")


class ContainerSyncer(DatabaseDaemon[ContainerBroker]):
    name = "container-sync"
    kind = "container"
    every_s = 300.0

    def __init__(self, store: ObjectStore, *, polite: bool = False):
        super().__init__(store, polite=polite)
        feature = store.store.features[ContainerSync.__name__]
        assert isinstance(feature, ContainerSync)
        self.config, self.realms = feature.config, feature.realms
        self.clients = {False: Client(connect_s=5.0, step_s=60.0)}

    async def run_once(self) -> dict[str, int]:
        try:
            return await super().run_once()
        finally:
            for client in self.clients.values():
                await client.close()

    async def database(self, held: Held[ContainerBroker]) -> None:
        if held.broker.is_deleted(held.info):
            return
        container, metadata = await self._container(held)
        to, key = (metadata.get(name, "") for name in (TO, KEY))
        if not to or not key:
            return
        if metadata.get("x-container-sysmeta-versions-container"):
            self.did["skipped"] += 1
            return
        there = target.read(to, self.config, self.realms)
        point = "sync:" + hashlib.sha256(f"{to}\n{key}".encode("utf-8", "surrogateescape")).hexdigest()
        await self._rows(held, f"/v1/{container}", there, key, point)

    async def _container(self, held: Held[ContainerBroker]) -> tuple[str, dict[str, str]]:
        """ACCOUNT/CONTAINER that a database has rows of, and that container's metadata."""
        metadata = {name: value for name, (value, _) in (await held.run(held.broker.metadata)).items()}
        if not (root := metadata.get(ROOT)):
            return held.name, metadata
        account, _, container = root.partition("/")
        known = await self.store.proxy.container_info(account, container)
        return root, known.headers if known.exists else {}

    async def _rows(self, held: Held[ContainerBroker], path: str, there: SyncTarget, key: str, point: str) -> None:
        """All rows behind the point, which then is before the first that could not be sent. `path`: of the container."""
        until, failed = self.store.clock.monotonic() + LONGEST_S, None
        last = await held.run(held.broker.sent, point)
        while self.store.clock.monotonic() < until and (rows := await held.run(held.broker.since, last, PAGE)):
            for row in rows:
                if not await self._row(path, row, there, key) and failed is None:
                    failed = last
                last = row["row"]
            await held.run(held.broker.note_sent, point, last if failed is None else failed)

    async def _row(self, path: str, row: dict[str, Any], there: SyncTarget, key: str) -> bool:
        """Whether the other container now has what a row says."""
        try:
            if row["deleted"]:
                return await self._delete(row, there, key)
            return await self._put(f"{path}/{row['name']}", row, there, key)
        except OSError:
            self.did["failures"] += 1
            return False

    async def _delete(self, row: dict[str, Any], there: SyncTarget, key: str) -> bool:
        done = await self._send("DELETE", there, row["name"], row["created_at"], key)
        await done.close()
        return self._count(done.ok or done.status in (404, 409), "deleted")

    async def _put(self, path: str, row: dict[str, Any], there: SyncTarget, key: str) -> bool:
        found = await self._read(path)
        if found.status in (404, 410):
            await found.close()
            return True                     # a later row says that it is gone
        if not found.ok:
            await found.close()
            return self._count(False, "sent")
        at = found.header("x-timestamp") or row["created_at"]
        known = await self._send("HEAD", there, row["name"], at, key, query=AS_IT_LIES)
        await known.close()
        if known.ok and known.header("x-timestamp", "0") >= at:
            await found.close()
            return True
        headers = {n: v for n, v in found.headers.items() if n in KEPT or n.startswith("x-object-meta-")}
        whole = is_true(found.header("x-static-large-object"))
        if not whole:
            headers["etag"] = found.header("etag").strip('"')
        headers["content-length"] = str(found.length or 0)
        body = stream(found.body) if isinstance(found.body, bytes) else found.body
        try:
            done = await self._send("PUT", there, row["name"], at, key, headers, query="multipart-manifest=put" if whole else "",
                                    body=body if found.length else None)
            await done.close()
        finally:
            await found.close()
        return self._count(done.ok or done.status == 409, "sent")

    async def _read(self, path: str) -> Response:
        req = Request("GET", path, {"x-newest": "true"}, query=AS_IT_LIES)
        req.facts["auth.trusted"] = True
        return await self.store.store.pipeline(req)

    async def _send(self, method: str, there: SyncTarget, name: str, at: str, key: str, headers: dict[str, str] | None = None,
                    **more: Any) -> Response:
        path = f"{there.path}/{quote(name, errors='surrogateescape')}"
        proof = {KEY: key}
        if there.realm:
            nonce = self.store.ids.hex()
            proof = {AUTH: f"{there.realm} {nonce} {realms.signature((method, path, at, nonce), there.key, key)}"}
        if there.tls and True not in self.clients:
            self.clients[True] = Client(connect_s=5.0, step_s=60.0, tls=ssl.create_default_context())
        sent = Request(method, unquote(path, errors="surrogateescape"), {**(headers or {}), **proof, "x-timestamp": at}, **more)
        return await self.clients[there.tls].send((there.host, there.port), sent)

    def _count(self, fine: bool, what: str) -> bool:
        self.did[what if fine else "failures"] += 1
        return fine
