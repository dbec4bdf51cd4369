"""Logins: from proofs of who somebody is to a token for what they want to act on.

Every refusal is the same Unauthenticated. What is not the same must at least take the same time: a user who does not exist
costs as much as a wrong password.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

import msgspec

from pileus.core.errors import Invalid, Unauthenticated
from pileus.identity.errors import Refused, TokenNotFound
from pileus.identity.model import DomainRef, Login, Project, ProjectRef, Scope, Trust, TrustRef, User, UserRef
from pileus.identity.passwords import Passwords
from pileus.identity.payload import DOMAIN, LONGEST_CHAIN, PROJECT, SYSTEM, UNSCOPED, Payload, audit_id
from pileus.identity.service.assignments import Assignments
from pileus.identity.service.core import Core
from pileus.identity.service.generations import TOKENS
from pileus.identity.service.tokens import Tokens, Verified

#: Logins remembered: who was meant, and what for.
REMEMBERED = 10_000


class Resolved(msgspec.Struct, frozen=True):
    """What the names of a login stand for, as of a generation, and the hash of the password that proves it."""

    generation: int
    user_id: str
    hash: str
    scope: int
    target_id: str | None


class Logins:
    def __init__(self, core: Core, passwords: Passwords, tokens: Tokens, assignments: Assignments):
        self.core, self.passwords, self.tokens, self.assignments = core, passwords, tokens, assignments
        self.projects, self.users = core.store.projects, core.store.users
        self.cache: dict[tuple[UserRef, Scope | str | None], Resolved] = {}

    async def log_in(self, login: Login) -> Verified:
        """A token. Raises Unauthenticated, Invalid for a request that contradicts itself, TokenNotFound for a token that proves nothing."""
        # Read before the proofs are looked at: what is revoked from now on, revokes this token too.
        generation = (await self.core.generations.read())[TOKENS]
        if login.token is None and login.user is not None:
            return await self._by_password(login.user, login, generation)
        parent = await self.tokens.find(login.token) if login.token is not None else None
        if parent is None:
            raise TokenNotFound()
        if parent.payload.trust_id is not None:
            raise Refused(why="A token of a trust cannot be exchanged for another one.")
        user_id, methods = parent.payload.user_id, parent.payload.methods | {"token"}
        if login.user is not None:
            if (await self._prove(login.user, login.password or ""))[0] != user_id:
                raise Unauthenticated()
            methods |= {"password"}
        if (trust := _trust(login.scope)) is not None:
            return await self._by_trust(user_id, methods, trust, generation, parent)
        scope, target = await self._scope(user_id, login.scope)
        return await self._issue(user_id, methods, scope, target, generation, parent)

    async def _by_password(self, ref: UserRef, login: Login, generation: int) -> Verified:
        """What is asked again and again, while nothing changes, needs only the password looked at, and that is remembered too."""
        key, password = (ref, login.scope), login.password or ""
        known = self.cache.get(key)
        if known is not None and known.generation == generation and await self.passwords.verify(password, known.hash):
            return await self._issue(known.user_id, frozenset({"password"}), known.scope, known.target_id, generation)
        if known is not None and known.generation == generation:
            raise Unauthenticated()
        user_id, hashed = await self._prove(ref, password)
        if (trust := _trust(login.scope)) is not None:
            return await self._by_trust(user_id, frozenset({"password"}), trust, generation)
        scope, target = await self._scope(user_id, login.scope)
        verified = await self._issue(user_id, frozenset({"password"}), scope, target, generation)
        self.cache.pop(key, None)
        if len(self.cache) >= REMEMBERED:
            del self.cache[next(iter(self.cache))]
        self.cache[key] = Resolved(generation, user_id, hashed, scope, target)
        return verified

    async def _by_trust(
        self, user_id: str, methods: frozenset[str], ref: TrustRef, generation: int, parent: Verified | None = None
    ) -> Verified:
        """A token for the trustee. A use is taken only together with the token, and the token lives no longer than the trust."""
        trust = await self.core.store.trusts.find(ref.id)
        if trust is None or trust.trustee_user_id != user_id:
            raise Unauthenticated()
        acting = trust.trustor_user_id if trust.impersonation else user_id
        if trust.remaining_uses is None:
            return await self._issue(acting, methods, PROJECT, trust.project_id, generation, parent, trust)
        async with self.core.db.transaction():
            if not await self.core.store.trusts.use(trust.id):
                raise Unauthenticated()
            return await self._issue(acting, methods, PROJECT, trust.project_id, generation, parent, trust)

    async def _issue(
        self,
        user_id: str,
        methods: frozenset[str],
        scope: int,
        target: str | None,
        generation: int,
        parent: Verified | None = None,
        trust: Trust | None = None,
    ) -> Verified:
        now = self.core.clock.now()
        expires_at = (
            parent.payload.expires_at if parent is not None else now + timedelta(seconds=self.core.config.token_expiration_s)
        )
        if trust is not None and trust.expires_at is not None:
            expires_at = min(expires_at, trust.expires_at)
        return await self.tokens.issue(
            Payload(
                user_id=user_id,
                methods=methods,
                scope=scope,
                target_id=target,
                issued_at=now,
                expires_at=expires_at,
                generation=generation if parent is None else min(generation, parent.generation),
                audit_ids=self._chain(parent),
                trust_id=trust.id if trust is not None else None,
            )
        )

    async def _prove(self, ref: UserRef, password: str) -> tuple[str, str]:
        """(user, hash) of who this is. Disabled or not: `issue` refuses them, after the same work."""
        user = await self._find_user(ref)
        secret = await self.users.password(user.id) if user is not None else None
        if not await self.passwords.verify(password, secret.hash if secret is not None else None) or secret is None:
            raise Unauthenticated()
        return secret.user_id, secret.hash

    async def _find_user(self, ref: UserRef) -> User | None:
        if ref.id is not None:
            return await self.users.find(ref.id)
        if ref.name is None or ref.domain is None:
            raise Invalid("Expecting to find the id, or the name and the domain, of the user.")
        domain = await self._find_domain(ref.domain)
        return await self.users.named(ref.name, domain.id) if domain is not None else None

    async def _find_domain(self, ref: DomainRef) -> Project | None:
        if ref.id is None and ref.name is None:
            raise Invalid("Expecting to find the id or the name of the domain.")
        found = await self.projects.find(ref.id) if ref.id is not None else await self.projects.named(ref.name or "", "")
        return found if found is not None and found.is_domain else None

    async def _find_project(self, ref: ProjectRef) -> Project | None:
        if ref.id is not None:
            return await self.projects.find(ref.id)
        if ref.name is None or ref.domain is None:
            raise Invalid("Expecting to find the id, or the name and the domain, of the project.")
        domain = await self._find_domain(ref.domain)
        return await self.projects.named(ref.name, domain.id) if domain is not None else None

    async def _scope(self, user_id: str, scope: Scope | str | None) -> tuple[int, str | None]:
        """(kind of scope, id). That the user has a role there is found out when the token is issued."""
        if scope is None:
            return await self._default_scope(user_id)
        if not isinstance(scope, Scope):
            return UNSCOPED, None
        if sum(part is not None for part in (scope.project, scope.domain, scope.system)) != 1:
            raise Invalid("Expecting to find exactly one of project, domain, system, OS-TRUST:trust in scope.")
        if scope.system is not None:
            if not scope.system.all:
                raise Invalid("Expecting the system scope to be all.")
            return SYSTEM, None
        if scope.project is not None:
            kind, found = PROJECT, await self._find_project(scope.project)
        else:
            kind, found = DOMAIN, await self._find_domain(scope.domain or DomainRef())
        if found is None:
            raise Unauthenticated()
        return kind, found.id

    async def _default_scope(self, user_id: str) -> tuple[int, str | None]:
        """The user's default project, if they may act on it; otherwise none."""
        user = await self.users.find(user_id)
        project = await self.projects.find(user.default_project_id) if user is not None and user.default_project_id else None
        if project is None or not project.enabled or not (await self.projects.get(project.domain_id)).enabled:
            return UNSCOPED, None
        return (PROJECT, project.id) if await self.assignments.on_project(user_id, project) else (UNSCOPED, None)

    def _chain(self, parent: Verified | None) -> tuple[str, ...]:
        """The audit ids of a new token: its own, the first of the chain, those between."""
        own = audit_id(self.core.ids.secret(16))
        if parent is None:
            return (own,)
        before, first, *between = *parent.payload.audit_ids, None, None
        chain = (own, before) if first is None else (own, first, before, *(a for a in between if a is not None))
        if len(chain) > LONGEST_CHAIN:
            raise Unauthenticated("The token was rescoped too often. Log in again.")
        return chain


def _trust(scope: Scope | str | None) -> TrustRef | None:
    """The trust that is asked for, if one is. Raises Invalid when something else is asked for as well."""
    if not isinstance(scope, Scope) or scope.trust is None:
        return None
    if any(part is not None for part in (scope.project, scope.domain, scope.system)):
        raise Invalid("Expecting to find nothing beside OS-TRUST:trust in scope.")
    return scope.trust
