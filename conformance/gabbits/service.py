"""Placement alone in this process, behind the WSGI interface that gabbi intercepts requests with."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any, TypeVar

import falcon.testing

from pileus.core import errors
from pileus.core.bus import Loopback
from pileus.core.clock import Clock
from pileus.core.context import Context
from pileus.core.db import Database
from pileus.core.http.app import Edge, build
from pileus.core.ids import Ids
from pileus.core.kit import Kit
from pileus.core.metrics import Metrics
from pileus.core.periodic import Ticker
from pileus.core.policy import Policy
from pileus.core.saga import Sagas
from pileus.placement.api import API
from pileus.placement.config import PlacementConfig
from pileus.placement.policy import DEFAULTS
from pileus.placement.service import Placement as Service

T = TypeVar("T")
EVERY_ROLE = frozenset({"admin", "manager", "member", "reader"})


async def authenticate(req: Any) -> Context:
    """`X-Auth-Token: user:project`; `admin` is one. Roles, project and system scope may be said in headers."""
    token = req.header("x-auth-token")
    if token is None:
        raise errors.Unauthenticated()
    user, _, project = token.partition(":")
    roles = req.header("x-roles")
    said = frozenset(roles.split(",")) if roles is not None else EVERY_ROLE if user == "admin" else frozenset()
    system = req.header("openstack-system-scope")
    project = req.header("x-project-id") or project or user
    return Context(user_id=user, project_id=None if system else project, system_scope=system, roles=said)


class Placement:
    """The service under test; `start` gives it an empty database."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.app: Any = None
        self.service: Service
        self.db: Database | None = None

    def start(self, rules: Mapping[str, str] | None = None) -> None:
        self.run(self._start(rules or {}))

    async def _start(self, rules: Mapping[str, str]) -> None:
        if self.db is not None:
            await self.db.close()
        db, clock, ids = await Database.open("sqlite://"), Clock(), Ids(1)
        await db.create_schema()
        self.db = db
        kit = Kit(db=db, bus=Loopback(), clock=clock, ids=ids, sagas=Sagas(db, clock, ids, "gabbits"), ticker=Ticker(clock, ids),
                  policy=Policy(DEFAULTS, dict(rules)), metrics=Metrics())
        self.service = Service(kit, PlacementConfig())
        edge = Edge(services=SimpleNamespace(placement=self.service, kit=kit), authenticate=authenticate, policy=kit.policy, ids=ids,
                    metrics=kit.metrics)
        self.app = build([API], edge)

    def run(self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        if self.db is not None:
            self.run(self.db.close())
        self.loop.close()

    def wsgi(self) -> Callable[[dict, Callable], list[bytes]]:
        """What gabbi sends its requests to. Upstream's placement is at the root, ours below /placement."""

        def answer(environ: dict, start_response: Callable) -> list[bytes]:
            headers = {k[5:].replace("_", "-").lower(): v for k, v in environ.items() if k.startswith("HTTP_")}
            if environ.get("CONTENT_TYPE"):
                headers["content-type"] = environ["CONTENT_TYPE"]
            length = environ.get("CONTENT_LENGTH") or ""
            body = environ["wsgi.input"].read(int(length)) if length.isdecimal() else b""
            if length and not length.isdecimal():
                headers["content-length"] = length
            got = self.run(self._send(environ, headers, body))
            data = got.content.replace(b"/placement/", b"/")
            sent = [(k, v.replace("/placement/", "/")) for k, v in got.headers.items() if k.lower() != "content-length"]
            if data or got.status_code not in (204, 304):
                sent.append(("content-length", str(len(data))))
            start_response(f"{got.status_code} {got.status_code}", sent)
            return [data]

        return answer

    async def _send(self, environ: dict, headers: dict[str, str], body: bytes) -> Any:
        async with falcon.testing.ASGIConductor(self.app) as conductor:
            return await conductor.simulate_request(
                environ["REQUEST_METHOD"], "/placement" + environ["PATH_INFO"], host=environ["SERVER_NAME"],
                port=int(environ["SERVER_PORT"]), query_string=environ.get("QUERY_STRING", ""), headers=headers, body=body or None)
