"""Identity alone in this process, with everything real: tokens, passwords, policy, HTTP. Only time is virtual."""

import contextlib
from types import SimpleNamespace
from typing import Any

import falcon.testing  # noqa: F401  loaded before the first request is timed

from pileus.core.http.app import Edge, build
from pileus.identity.api import API
from pileus.identity.api.validations import Validations
from pileus.identity.config import IdentityConfig
from pileus.identity.policy import DEFAULTS
from pileus.identity.service import Identity
from tests.harness import Answer, Caller, make_kit

V3 = "/identity/v3"
CATALOG = [
    ("identity", "keystone", "http://cloud/identity"),
    ("compute", "nova", "http://cloud/compute/v2.1"),
    ("block-storage", "cinder", "http://cloud/volume/v3/$(project_id)s", ("volumev3",)),
]


class Booted:
    """A bootstrapped identity and what tests say to it."""

    def __init__(self, kit, identity: Identity):
        self.kit, self.identity = kit, identity
        app = build(
            [API],
            Edge(
                services=SimpleNamespace(identity=identity),
                authenticate=identity.authenticate_request,
                policy=kit.policy,
                ids=kit.ids,
                metrics=kit.metrics,
            ),
        )
        self.app = Validations(app, identity, kit.ids, kit.metrics)
        self.anonymous = Caller(self.app, "")

    async def auth(
        self, user: str = "admin", password: str = "secret", *, domain: str = "Default", scope: Any = None, query: str = ""
    ) -> Answer:
        who = {"name": user, "domain": {"name": domain}, "password": password}
        return await self.login({"methods": ["password"], "password": {"user": who}}, scope, query)

    async def login(self, identity: dict, scope: Any = None, query: str = "") -> Answer:
        body = {"auth": {"identity": identity} | ({} if scope is None else {"scope": scope})}
        return await self.anonymous.post(f"{V3}/auth/tokens{query}", body)

    async def as_(
        self,
        user: str = "admin",
        password: str = "secret",
        *,
        domain: str = "Default",
        project: str | None = "admin",
        scope: Any = None,
    ) -> Caller:
        """A caller with a token: by default scoped to a project of the user's domain."""
        got = await self.auth(
            user,
            password,
            domain=domain,
            scope=scope or ({"project": {"name": project, "domain": {"name": domain}}} if project else "unscoped"),
        )
        assert got.status == 201, got.text
        return Caller(self.app, got.headers["x-subject-token"])

    async def rescope(self, token: str, scope: Any = None) -> Answer:
        return await self.login({"methods": ["token"], "token": {"id": token}}, scope)

    async def token(self, user: str, **scope: Any) -> str:
        """A token of a user whose password is their name; of their project of the same name unless a scope is given."""
        caller = await self.as_(user, user, project=user) if not scope else await self.as_(user, user, scope=scope)
        return caller.token

    async def works(self, token: str) -> bool:
        """Whether a token opens a door that is open to every valid one."""
        return (await Caller(self.app, token).get(f"{V3}/regions")).status == 200

    async def member(self, name: str, project: str = "", role: str = "member") -> tuple[str, str]:
        """(user, project): made when missing; the password is the name, and the project's name too unless one is given."""
        found = await self.identity.ensure_project(project or name)
        user = await self.identity.ensure_user(name, name, project_id=found.id, role=role)
        return user.id, found.id


@contextlib.asynccontextmanager
async def booted(url: str = "sqlite://", **config: Any):
    kit = await make_kit(DEFAULTS, url)
    identity = Identity(kit, IdentityConfig(**({"bcrypt_cost": 4, "hash_threads": 0} | config)))
    await identity.start()
    await identity.bootstrap(admin_password="secret", services=CATALOG)
    try:
        yield Booted(kit, identity)
    finally:
        await identity.stop()
        await kit.db.close()
