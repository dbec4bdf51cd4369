"""Tokens: made, verified, remembered, revoked.

`verify` is on the path of every request to every service: a token seen before costs a look into a dictionary as long as the
generation is the one it was verified at. After a change it is checked again: five small reads of the database.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import msgspec

from pileus.core.clock import iso
from pileus.core.context import Context
from pileus.core.errors import Unauthenticated
from pileus.identity.keys import Keys
from pileus.identity.model import Project, Role, User
from pileus.identity.payload import DOMAIN, PROJECT, SYSTEM, UNSCOPED, Payload, pack, unpack
from pileus.identity.service.assignments import Assignments
from pileus.identity.service.core import Core
from pileus.identity.service.generations import TOKENS

#: No token of ours is longer; what is longer is not even looked at.
LONGEST = 2048


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A valid token and all that it means, as of a generation."""

    token: str
    payload: Payload
    user: User
    user_domain: Project
    project: Project | None = None
    project_domain: Project | None = None
    domain: Project | None = None
    roles: list[Role] = []
    context: Context
    generation: int


class Tokens:
    def __init__(self, core: Core, keys: Keys, assignments: Assignments):
        self.core, self.keys, self.assignments = core, keys, assignments
        self.cache: dict[str, Verified] = {}

    async def verify(self, token: str) -> Verified:
        """What a token means now. Raises Unauthenticated for one that is none, is expired, was revoked, or means nothing any more."""
        found = self.cache.get(token)
        generation = await self.core.generations.current(TOKENS)
        if found is not None and found.generation == generation and found.payload.expires_at > self.core.clock.now():
            return found
        payload = found.payload if found is not None else self._open(token)
        if payload is None or payload.expires_at <= self.core.clock.now() or await self._revoked(payload):
            self.cache.pop(token, None)
            raise Unauthenticated()
        return await self._remember(token, payload, generation)

    async def find(self, token: str) -> Verified | None:
        """As `verify`, but None for a token that is not valid."""
        try:
            return await self.verify(token)
        except Unauthenticated:
            return None

    async def issue(self, payload: Payload) -> Verified:
        """A token, provided that what it says would be valid."""
        generation = await self.core.generations.current(TOKENS)
        if await self._revoked(payload):
            raise Unauthenticated()
        return await self._remember(self.keys.seal(pack(payload)), payload, generation)

    async def revoke(self, verified: Verified, *, cascade: bool) -> None:
        """Void a token; with `cascade` those that were rescoped from it as well."""
        own = verified.payload.audit_ids[0]
        async with self.core.db.transaction():
            await self.core.generations.revoke(f"{'audit' if cascade else 'token'}:{own}")

    def _open(self, token: str) -> Payload | None:
        data = self.keys.open_token(token) if 0 < len(token) <= LONGEST else None
        return unpack(data) if data is not None else None

    async def _remember(self, token: str, payload: Payload, generation: int) -> Verified:
        try:
            verified = await self._meaning(token, payload, generation)
        except Unauthenticated:
            self.cache.pop(token, None)
            raise
        if len(self.cache) >= self.core.config.token_cache and token not in self.cache and self.cache:
            del self.cache[next(iter(self.cache))]
        if self.core.config.token_cache and not self.core.db.in_transaction:
            self.cache[token] = verified
        return verified

    async def _revoked(self, p: Payload) -> bool:
        """Whether the token itself, or one it comes from, was revoked, or everything of its user or scope until some moment."""
        keys = [f"user:{p.user_id}", f"token:{p.audit_ids[0]}", *(f"audit:{a}" for a in p.audit_ids)]
        if p.scope == PROJECT:
            keys.append(f"project:{p.target_id}")
        elif p.scope == DOMAIN:
            keys.append(f"domain:{p.target_id}")
        return await self.core.store.revocations.any_since(keys, p.generation)

    async def _meaning(self, token: str, p: Payload, generation: int) -> Verified:
        store = self.core.store
        user = _usable(await store.users.find(p.user_id))
        user_domain = _usable(await store.projects.find(user.domain_id))
        project = project_domain = domain = None
        roles: list[Role] = []
        if p.scope == PROJECT:
            project = _usable(await store.projects.find(p.target_id or ""))
            # A domain used as a project is its own domain.
            project_domain = project if project.is_domain else _usable(await store.projects.find(project.domain_id))
            roles = await self.assignments.on_project(user.id, project)
        elif p.scope == DOMAIN:
            domain = _usable(await store.projects.find(p.target_id or ""))
            roles = await self.assignments.on_domain(user.id, domain.id)
        elif p.scope == SYSTEM:
            roles = await self.assignments.on_system(user.id)
        if p.scope != UNSCOPED and not roles:
            raise Unauthenticated()
        domains = {f"domain:{d.id}" for d in (user_domain, project_domain) if d is not None}
        if await store.revocations.any_since(sorted(domains), p.generation):
            raise Unauthenticated()
        context = Context(
            user_id=user.id,
            user_name=user.name,
            user_domain_id=user.domain_id,
            project_id=project.id if project else None,
            project_name=project.name if project else "",
            project_domain_id=project_domain.id if project_domain else None,
            domain_id=domain.id if domain else None,
            system_scope="all" if p.scope == SYSTEM else None,
            roles=frozenset(r.name.lower() for r in roles),
            token=token,
            audit_id=p.audit_ids[0],
            expires_at=stamp(p.expires_at),
        )
        return Verified(
            token=token,
            payload=p,
            user=user,
            user_domain=user_domain,
            project=project,
            project_domain=project_domain,
            domain=domain,
            roles=roles,
            context=context,
            generation=generation,
        )


def _usable(record):
    """The record, if it is there and enabled: otherwise no token with it means anything."""
    if record is None or not record.enabled:
        raise Unauthenticated()
    return record


def stamp(moment: datetime) -> str:
    """A moment as Keystone writes it."""
    return iso(moment, micro=True) or ""
