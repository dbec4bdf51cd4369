"""How identity is asked: with the token of the service's own user, which is renewed in time."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pileus.core.clock import Clock, parse_iso
from pileus.core.context import Context
from pileus.core.errors import Unauthenticated, Unavailable
from pileus.object_store.config import IdentityServiceConfig
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.client import Client
from pileus.object_store.wire.message import Request

#: A token of our own is not used any more so long before its end.
MARGIN_S = 60.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    token: str                              # that was issued
    body: dict[str, Any]


class IdentityService:
    """`user`: what identity is asked as; without a name nobody in particular."""

    def __init__(self, url: str, user: IdentityServiceConfig, clock: Clock, client: Client | None = None):
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        self.to = parts.hostname or "127.0.0.1", parts.port or (443 if tls else 80)
        self.root, self.user, self.clock = parts.path.rstrip("/"), user, clock
        self.client = client or Client(connect_s=5.0, tls=ssl.create_default_context(cafile=user.ca_file or None) if tls else None)
        self.own, self.until = "", 0.0

    async def ask(self, method: str, path: str, token: str, headers: dict[str, str] | None = None, *, body: Any = None) -> Answer:
        """Raises Unavailable when there is no answer, or none that could be believed."""
        sent = {"x-auth-token": token, "host": self.to[0], **(headers or {})}
        data = msgspec.json.encode(body) if body is not None else b""
        if data:
            sent |= {"content-type": "application/json", "content-length": str(len(data))}
        path, _, query = path.partition("?")
        try:
            answer = await self.client.send(self.to, Request(method, self.root + path, {n: v for n, v in sent.items() if v}, query=query,
                                                             body=stream(data) if data else None))
            text = await answer.read()
        except OSError as problem:
            raise Unavailable(detail=f"identity cannot be reached: {problem}") from problem
        if answer.status >= 500 or answer.status == 429:
            raise Unavailable(detail=f"identity answered {answer.status}")
        try:
            found = msgspec.json.decode(text) if text and answer.status < 300 else {}
        except msgspec.DecodeError as problem:
            raise Unavailable(detail="identity answered with something else than JSON") from problem
        return Answer(status=answer.status, token=answer.header("x-subject-token"), body=found)

    async def ask_as_service(self, method: str, path: str, headers: dict[str, str] | None = None, *, body: Any = None) -> Answer:
        """As `ask`, as the service's own user. Raises Unauthenticated when identity does not take that user either."""
        answer = await self.ask(method, path, await self._token(), headers, body=body)
        if answer.status == 401 and await self._is_stale():
            answer = await self.ask(method, path, await self._token(), headers, body=body)
        return answer

    async def _is_stale(self) -> bool:
        """Whether our own token is good no more: it may have been revoked before its end."""
        if (await self.ask("GET", "/auth/tokens?nocatalog", self.own, {"x-subject-token": self.own})).status == 200:
            return False
        self.own = ""
        return True

    async def _token(self) -> str:
        if self.own and self.clock.now().timestamp() < self.until:
            return self.own
        user = self.user
        named = {"name": user.username, "password": user.password, "domain": {"name": user.user_domain}}
        scope = {"project": {"name": user.project, "domain": {"name": user.project_domain}}}
        answer = await self.ask("POST", "/auth/tokens?nocatalog", "", body={"auth": {
            "identity": {"methods": ["password"], "password": {"user": named}}, "scope": scope}})
        if answer.status != 201:
            raise Unauthenticated(detail=f"identity does not take the object store's own user: {answer.status}")
        self.own, self.until = answer.token, parse_iso(answer.body["token"]["expires_at"]).timestamp() - MARGIN_S
        return self.own


def context_of(token: str, data: dict[str, Any]) -> Context:
    """Who holds a token, as identity describes it."""
    user, project = data["user"], data.get("project") or {}
    return Context(user_id=user["id"], user_name=user["name"], user_domain_id=user["domain"]["id"], project_id=project.get("id"),
                   project_name=project.get("name", ""), project_domain_id=project.get("domain", {}).get("id"), token=token,
                   roles=frozenset(role["name"].lower() for role in data.get("roles", [])), expires_at=data["expires_at"])
