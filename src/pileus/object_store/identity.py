"""Who holds a token, asked of identity over HTTP: for proxies that do not run in a cloud's process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import OrderedDict
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pileus.core.clock import Clock, parse_iso
from pileus.core.context import Context
from pileus.core.errors import Unauthenticated
from pileus.object_store.wire.client import Client
from pileus.object_store.wire.message import Request

#: How long an answer is believed: a token that is revoked may work this much longer.
KEEP_S = 10.0
MOST = 10_000


class RemoteIdentity:
    """`Identify` over HTTP. A token asks about itself."""

    def __init__(self, url: str, client: Client, clock: Clock):
        parts = urlsplit(url)
        self.to, self.path = (parts.hostname or "127.0.0.1", parts.port or 80), parts.path.rstrip("/") + "/auth/tokens"
        self.client, self.clock = client, clock
        self.known: OrderedDict[str, tuple[float, Context]] = OrderedDict()

    async def __call__(self, token: str, service_token: str | None = None, *, request_id: str = "", method: str, path: str) -> Context:
        """Raises Unauthenticated, also when identity cannot be reached: nobody gets in meanwhile. Application credentials with
        access rules do not get in either: only identity's own process knows what their rules mean."""
        who = await self._context(token)
        roles = (await self._context(service_token)).roles if service_token else frozenset()
        return msgspec.structs.replace(who, request_id=request_id, service_roles=roles)

    async def _context(self, token: str) -> Context:
        now = self.clock.monotonic()
        if (known := self.known.get(token)) is not None and now - known[0] < KEEP_S:
            return known[1]
        try:
            answer = await self.client.send(self.to, Request("GET", self.path, {"x-auth-token": token, "x-subject-token": token}))
            body = await answer.read()
        except OSError as problem:
            raise Unauthenticated() from problem
        if answer.status != 200:
            raise Unauthenticated()
        data = msgspec.json.decode(body)["token"]
        limited = (data.get("application_credential") or {}).get("access_rules") is not None
        if limited or parse_iso(data["expires_at"]) <= self.clock.now():
            raise Unauthenticated()
        context = _context_of(token, data)
        self.known[token] = now, context
        while len(self.known) > MOST:
            self.known.popitem(last=False)
        return context


def _context_of(token: str, data: dict[str, Any]) -> Context:
    user, project = data["user"], data.get("project") or {}
    return Context(user_id=user["id"], user_name=user["name"], user_domain_id=user["domain"]["id"], project_id=project.get("id"),
                   project_name=project.get("name", ""), project_domain_id=project.get("domain", {}).get("id"), token=token,
                   roles=frozenset(role["name"].lower() for role in data.get("roles", [])), expires_at=data["expires_at"])
