"""One service's API in this process, with callers made up by the test instead of identity's tokens.

    api = Harness([API], services)
    api.as_("member", project="p1").get("/network/v2.0/networks")
"""

import json as jsonlib
from types import SimpleNamespace
from typing import Any

from pileus.core import errors
from pileus.core.bus import Loopback
from pileus.core.clock import VirtualClock
from pileus.core.context import Context
from pileus.core.db import Database
from pileus.core.http.app import Edge, build
from pileus.core.ids import Ids
from pileus.core.kit import Kit
from pileus.core.metrics import Metrics
from pileus.core.periodic import Ticker
from pileus.core.policy import Policy
from pileus.core.saga import Sagas
from tests.wire import pieces, send

ROLES = {"reader": {"reader"}, "member": {"reader", "member"}, "manager": {"reader", "member", "manager"},
         "admin": {"reader", "member", "manager", "admin"}, "service": {"service"}}


async def make_kit(policy_defaults, url: str = "sqlite://", seed: int = 1) -> Kit:
    """A kit on a fresh database in memory, with virtual time and a seed."""
    db = await Database.open(url)
    await db.create_schema()
    clock, ids = VirtualClock(), Ids(seed)
    return Kit(db=db, bus=Loopback(strict=True), clock=clock, ids=ids, sagas=Sagas(db, clock, ids, "test"),
               ticker=Ticker(clock, ids), policy=Policy(policy_defaults), metrics=Metrics())


class Answer(SimpleNamespace):
    status: int
    headers: dict
    json: Any
    text: str
    data: bytes


class Harness:
    def __init__(self, apis, kit: Kit, services: Any):
        self.callers: dict[str, Context] = {}
        edge = Edge(services=services, authenticate=self._authenticate, policy=kit.policy, ids=kit.ids, metrics=kit.metrics)
        self.app = build(apis, edge)

    async def _authenticate(self, req):
        found = self.callers.get(req.header("x-auth-token") or "")
        if found is None:
            raise errors.Unauthenticated()
        return found

    def as_(self, role: str = "member", *, project: str | None = "p1", user: str = "", system: bool = False,
            domain: str | None = None) -> "Caller":
        project_id = None if system or domain else project
        token = f"{role}:{project_id}:{user or f'user-of-{project}'}:{system}:{domain}"
        who = Context(token=token, user_id=user or f"user-of-{project}", user_domain_id="default", project_id=project_id,
                      project_domain_id="default", domain_id=domain, system_scope="all" if system else None, roles=frozenset(ROLES[role]))
        self.callers[token] = who
        return Caller(self.app, token)

    def anonymous(self) -> "Caller":
        return Caller(self.app, "")


class Caller:
    """Speaks ASGI to the application, inside the running loop."""

    def __init__(self, app, token: str, headers: dict[str, str] | None = None):
        self.app, self.token, self.headers = app, token, headers or {}

    def with_headers(self, **headers: str) -> "Caller":
        return Caller(self.app, self.token, self.headers | {k.replace("_", "-"): v for k, v in headers.items()})

    async def request(self, method: str, path: str, *, json: Any = None, body: bytes | None = None,
                      headers: dict[str, str] | None = None) -> Answer:
        sent = {"X-Auth-Token": self.token} | self.headers | (headers or {})
        path, _, query = path.partition("?")
        if json is not None:
            body = jsonlib.dumps(json).encode()
            sent = {"Content-Type": "application/json"} | sent
        if body:
            sent = {"Content-Length": str(len(body))} | sent
        got = await send(self.app, method, path, pieces(*[body] if body else []), {k: v for k, v in sent.items() if v}, query=query)
        content = got.data
        try:
            value = jsonlib.loads(content) if content else None
        except ValueError:
            value = None
        return Answer(status=got.status, headers=got.headers, json=value, text=content.decode("utf-8", "replace"), data=content)

    async def get(self, path, **kw):
        return await self.request("GET", path, **kw)

    async def post(self, path, json=None, **kw):
        return await self.request("POST", path, json=json, **kw)

    async def put(self, path, json=None, **kw):
        return await self.request("PUT", path, json=json, **kw)

    async def patch(self, path, json=None, **kw):
        return await self.request("PATCH", path, json=json, **kw)

    async def delete(self, path, **kw):
        return await self.request("DELETE", path, **kw)

    async def head(self, path, **kw):
        return await self.request("HEAD", path, **kw)
