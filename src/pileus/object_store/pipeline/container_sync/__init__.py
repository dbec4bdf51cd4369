"""Containers that are kept the same as one elsewhere: where to, and what comes from there.

`X-Container-Sync-To` names the other container, `X-Container-Sync-Key` a secret that both share; a daemon sends what changes
(`daemons/container_sync.py`). What arrives is signed with that secret and with one that the operators of both clusters share,
and lets in to objects of this container only, at the moment that it is signed for. (Swift, "Container to Container
Synchronization".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import quote

from pileus.object_store.model import timestamp
from pileus.object_store.pipeline.container_sync import realms, target
from pileus.object_store.pipeline.feature import Feature, Store
from pileus.object_store.wire.message import Handler, Request, Response
from pileus.object_store.wire.status import plain

TO, KEY, AUTH = "x-container-sync-to", "x-container-sync-key", "x-container-sync-auth"
VERSIONED = "Cannot configure container sync on a container with object versioning configured."
INVALID = "X-Container-Sync-Auth header not valid; contact cluster operator for support."
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")


class ContainerSync(Feature):
    def __init__(self, app: Handler, store: Store):
        super().__init__(app, store)
        self.config = store.config.container_sync
        self.realms = realms.Realms(self.config.realms_file, store.clock)

    def info(self) -> dict[str, Any]:
        found: dict[str, Any] = {realm: {"clusters": {cluster: {} for cluster in each.clusters}}
                                 for realm, each in self.realms.all().items() if each.clusters}
        realm, _, cluster = self.config.current.upper().removeprefix("//").partition("/")
        if cluster in found.get(realm, {}).get("clusters", {}):
            found[realm]["clusters"][cluster] = {"current": True}
        return {"container_sync": {"realms": found}}

    def concerns(self, req: Request) -> bool:
        return TO in req.headers or KEY in req.headers or AUTH in req.headers

    async def __call__(self, req: Request) -> Response:
        try:
            _, account, container, obj = req.split(3, 4)
        except ValueError:
            return await self.app(req)
        if obj is None:
            return await self._settings(req, str(account), str(container)) or await self.app(req)
        known = (await self.store.container_info(str(account), str(container))).headers.get(KEY, "")
        if AUTH in req.headers:
            if not self._is_signed(req, known):
                return plain(401, INVALID, {"www-authenticate": f'SwiftContainerSync realm="{quote(str(account))}"'})
        elif not self._has_key(req, known):
            return await self.app(req)
        return await self.app(self._let_in(req, str(account), str(container)))

    async def _settings(self, req: Request, account: str, container: str) -> Response | None:
        """What refuses to sync a container in a way that cannot be."""
        to = req.header(TO)
        if req.method not in ("PUT", "POST") or not to:
            return None
        if (await self.store.container_info(account, container)).sysmeta("container", "versions-container"):
            return plain(400, VERSIONED)
        try:
            target.read(to, self.config, self.realms)
        except ValueError as problem:
            return plain(400, str(problem))
        return None

    def _is_signed(self, req: Request, key: str) -> bool:
        parts = req.header(AUTH).split()
        if len(parts) != 3 or not key or req.method not in METHODS:
            return False
        realm = self.realms.all().get(parts[0].upper())
        at = req.facts.get("gatekeeper.timestamp", "0")
        path = quote(req.path, errors="surrogateescape")
        secrets = [secret for secret in (realm.key, realm.key2) if secret] if realm is not None else []
        return any([hmac.compare_digest(realms.signature((req.method, path, at, parts[1]), secret, key).encode(), parts[2].encode(
            "utf-8", "surrogateescape")) for secret in secrets])

    def _has_key(self, req: Request, key: str) -> bool:
        """Without realms the key itself says who asks: from hosts that the operator knows, and with a moment."""
        given = req.header(KEY)
        return (bool(key and given) and req.facts.get("client", "") in self.config.allowed_hosts and "gatekeeper.timestamp" in req.facts
                and req.method in METHODS and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), key.encode()))

    def _let_in(self, req: Request, account: str, container: str) -> Request:
        async def authorize(asked: Request) -> Response | None:
            # What a manifest or a static link names is looked at when it is written, wherever in the account it is.
            looks = asked.method == "HEAD" and asked.path.startswith(f"/v1/{account}/")
            return None if looks or asked.path.startswith(f"/v1/{account}/{container}/") else plain(403)

        req.headers = {n: v for n, v in req.headers.items() if n not in (AUTH, KEY, "x-auth-token", "x-service-token", "x-storage-token")}
        req.who, req.authorize = None, authorize
        at = req.facts.get("gatekeeper.timestamp")
        if at is not None and req.method in ("PUT", "POST", "DELETE"):
            req.facts["timestamp"] = timestamp.parse(at)
        return req
