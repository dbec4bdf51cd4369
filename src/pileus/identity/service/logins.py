"""Logins: from proofs of who somebody is to a token for what they want to act on.

Every refusal is the same Unauthenticated. What is not the same must at least take the same time: a user who does not exist
costs as much as a wrong password.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

from pileus.core.errors import Invalid, Unauthenticated
from pileus.identity.errors import TokenNotFound
from pileus.identity.model import DomainRef, Login, Project, ProjectRef, Scope, User, UserRef
from pileus.identity.passwords import Passwords
from pileus.identity.payload import DOMAIN, LONGEST_CHAIN, PROJECT, SYSTEM, UNSCOPED, Payload, audit_id
from pileus.identity.service.core import Core
from pileus.identity.service.generations import TOKENS
from pileus.identity.service.tokens import Tokens, Verified


class Logins:
    def __init__(self, core: Core, passwords: Passwords, tokens: Tokens):
        self.core, self.passwords, self.tokens = core, passwords, tokens
        self.projects, self.users = core.store.projects, core.store.users

    async def log_in(self, login: Login) -> Verified:
        """A token. Raises Unauthenticated, Invalid for a request that contradicts itself, TokenNotFound for a token that proves nothing."""
        # Read before the proofs are looked at: what is revoked from now on, revokes this token too.
        generation = (await self.core.generations.read())[TOKENS]
        parent = await self.tokens.find(login.token) if login.token is not None else None
        if parent is None and login.token is not None:
            raise TokenNotFound()
        user_id = parent.user.id if parent is not None else None
        methods = parent.payload.methods | {"token"} if parent is not None else frozenset()
        if login.user is not None:
            user = await self._by_password(login.user, login.password or "")
            if user_id not in (None, user.id):
                raise Unauthenticated()
            user_id, methods = user.id, methods | {"password"}
        if user_id is None:
            raise Invalid("Expecting to find at least one method of authentication in the request.")
        now = self.core.clock.now()
        expires_at = (
            parent.payload.expires_at if parent is not None else now + timedelta(seconds=self.core.config.token_expiration_s)
        )
        scope, target = await self._scope(user_id, login.scope)
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
            )
        )

    async def _by_password(self, ref: UserRef, password: str) -> User:
        user = await self._find_user(ref)
        secret = await self.users.password(user.id) if user is not None else None
        if not await self.passwords.verify(password, secret.hash if secret is not None else None) or user is None:
            raise Unauthenticated()
        return user  # disabled or not: `issue` refuses, after the same work

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
            raise Invalid("Expecting to find exactly one of project, domain, system in scope.")
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
        return (PROJECT, project.id) if await self.tokens.assignments.on_project(user_id, project) else (UNSCOPED, None)

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
