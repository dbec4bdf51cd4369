"""The proxy as a handler: the last in the pipeline."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pileus.object_store.config import ProxyConfig
from pileus.object_store.kit import StoreKit
from pileus.object_store.model.limits import Limits
from pileus.object_store.model.names import RESERVED
from pileus.object_store.model.policy import StoragePolicy
from pileus.object_store.model.timestamp import Stamper
from pileus.object_store.proxy import account, container, obj
from pileus.object_store.proxy.ask import anyone
from pileus.object_store.proxy.constraints import is_text
from pileus.object_store.proxy.erasure.codec import Codec
from pileus.object_store.proxy.health import Health
from pileus.object_store.proxy.info import Info, InfoCache
from pileus.object_store.proxy.nodes import Nodes
from pileus.object_store.proxy.shards import RangesCache
from pileus.object_store.ring.ring import Ring
from pileus.object_store.storage.threads import Threads
from pileus.object_store.wire.message import ALLOWS_RESERVED, Request, Response, Stop, is_true
from pileus.object_store.wire.status import plain

#: depth of the path → what it names and its methods
CONTROLLERS: dict[int, Mapping[str, Callable[..., Awaitable[Response]]]] = {2: account.METHODS, 3: container.METHODS, 4: obj.METHODS}


class Proxy:
    def __init__(self, config: ProxyConfig, limits: Limits, kit: StoreKit, *, threads: int = 0):
        self.config, self.limits, self.policies, self.rings = config, limits, kit.policies, kit.rings
        self.transport, self.clock, self.ids = kit.transport, kit.clock, kit.ids
        clock = kit.clock
        self.stamp = Stamper(clock)
        self.health = Health(clock, limit=config.error_suppression_limit, interval_s=config.error_suppression_interval_s)
        self.cache = InfoCache(clock, config.recheck_s)
        self.ranges = RangesCache(clock, config.recheck_s)
        self.unattended: set[asyncio.Task[Any]] = set()         # questions whose answers nobody waits for any more
        self.threads = Threads("proxy", threads)                # for hashes of what is large
        self.codecs = {p.index: Codec(p.erasure) for p in kit.policies if p.erasure is not None}

    async def __call__(self, req: Request) -> Response:
        try:
            return await self._handled(req)
        except Stop as stop:
            return stop.response

    def _handled(self, req: Request) -> Awaitable[Response]:
        """Raises Stop for what is no request to an account, container or object."""
        if not is_text(req.path.replace(RESERVED, "") if is_true(req.header(ALLOWS_RESERVED)) else req.path):
            raise Stop(plain(412, "Invalid UTF8 or contains NULL"))
        try:
            version, *names = req.split(2, 4)
        except ValueError:
            raise Stop(plain(412, "Bad URL") if req.path != "/" and req.path.rstrip("/").count("/") == 1 else plain(404)) from None
        if version not in ("v1", "v1.0"):
            raise Stop(plain(400))
        methods = CONTROLLERS[1 + sum(name is not None for name in names)]
        method = methods.get(req.method)
        if method is None:
            raise Stop(plain(405, headers={"allow": ", ".join(sorted(methods))}))
        return method(self, req, *(name for name in names if name is not None))

    # ---- what controllers need ---------------------------------------------------------------------------------------
    def nodes(self, ring: Ring, part: int, *, shuffle: bool = False) -> Nodes:
        return Nodes(ring, part, self.health, self.ids, factor=self.config.request_node_factor, shuffle=shuffle)

    def codec(self, policy: StoragePolicy) -> Codec:
        return self.codecs[policy.index]

    async def authorized(self, req: Request, acl: str | None) -> None:
        """Raises Stop when whoever guards this request says no, now that its access list is known."""
        req.acl = acl
        if req.authorize is not None and not req.facts.get("auth.trusted") and (refusal := await req.authorize(req)) is not None:
            raise Stop(refusal)

    async def account_info(self, name: str) -> Info:
        return self.cache.get(f"/{name}") or await self._ask("account", name)

    async def container_info(self, account: str, name: str) -> Info:
        return self.cache.get(f"/{account}/{name}") or await self._ask("container", account, name)

    async def _ask(self, kind: str, *names: str) -> Info:
        ring, path = self.rings[kind], "/" + "/".join(names)
        answer = await anyone(self, kind, self.nodes(ring, ring.partition(*names), shuffle=True), Request("HEAD", path), path, {})
        await answer.close()
        info = Info(status=answer.status, headers=answer.headers)
        if answer.status < 500:
            self.cache.put(path, info)
        return info

