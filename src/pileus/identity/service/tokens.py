"""Tokens: made, verified, remembered, revoked.

`verify` is on the path of every request to every service: a token seen before costs a look into a dictionary as long as the
generation is the one it was verified at. After a change it is checked again: one read says whether it was revoked, and what
it means is worked out once for all tokens that mean the same.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from pileus.core.clock import iso
from pileus.core.context import Context
from pileus.core.errors import Unauthenticated
from pileus.identity.formats import Formats
from pileus.identity.payload import DOMAIN, PROJECT, SIGNED, SYSTEM, Payload
from pileus.identity.service.core import Core
from pileus.identity.service.generations import TOKENS
from pileus.identity.service.meanings import Meaning, Meanings


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A valid token and all that it means, as of a generation."""

    token: str
    payload: Payload
    meaning: Meaning
    context: Context
    generation: int


class Tokens:
    def __init__(self, core: Core, formats: Formats, meanings: Meanings):
        self.core, self.formats, self.meanings = core, formats, meanings
        self.cache: dict[str, Verified] = {}

    async def verify(self, token: str) -> Verified:
        """What a token means now. Raises Unauthenticated for one that is none, is expired, was revoked, or means nothing any more."""
        found = self.cache.get(token)
        generation = await self.core.generations.current(TOKENS)
        if found is not None and found.generation == generation and found.payload.expires_at > self.core.clock.now():
            return found
        self.cache.pop(token, None)
        payload = found.payload if found is not None else self.formats.read(token)
        if payload is None:
            raise Unauthenticated()
        return await self._remember(token, payload, generation)

    async def verify_late(self, token: str) -> Verified:
        """As `verify`, but a token may have expired some time ago: services finish what they began while it was good."""
        payload, now = self.formats.read(token), self.core.clock.now()
        if payload is None or payload.expires_at > now:
            return await self.verify(token)
        if payload.expires_at + timedelta(seconds=self.core.config.allow_expired_window_s) <= now:
            raise Unauthenticated()
        verified = await self._checked(token, payload, await self.core.generations.current(TOKENS))
        for by in (verified.meaning.trust, verified.meaning.app_cred, verified.meaning.access):
            if by is not None and by.expires_at is not None and by.expires_at <= now:
                raise Unauthenticated()
        return verified

    async def find(self, token: str, *, late: bool = False) -> Verified | None:
        """As `verify`, or `verify_late`, but None for a token that is not valid."""
        try:
            return await (self.verify_late(token) if late else self.verify(token))
        except Unauthenticated:
            return None

    async def issue(self, payload: Payload) -> Verified:
        """A token, provided that it would be valid."""
        generation = await self.core.generations.current(TOKENS)
        return await self._remember(self.formats.write(payload), payload, generation)

    async def revoke(self, verified: Verified, *, cascade: bool) -> None:
        """Void a token; with `cascade` those that were rescoped from it as well."""
        own = verified.payload.audit_ids[0]
        async with self.core.db.transaction():
            await self.core.generations.revoke(f"{'audit' if cascade else 'token'}:{own}")

    def forget_expired(self) -> int:
        """Let go of remembered tokens that have expired; says how many."""
        now = self.core.clock.now()
        expired = [token for token, verified in self.cache.items() if verified.payload.expires_at <= now]
        for token in expired:
            del self.cache[token]
        return len(expired)

    async def _remember(self, token: str, payload: Payload, generation: int) -> Verified:
        if payload.expires_at <= self.core.clock.now():
            raise Unauthenticated()
        verified = await self._checked(token, payload, generation)
        if self.core.config.token_cache and not self.core.db.in_transaction:
            if len(self.cache) >= self.core.config.token_cache:
                del self.cache[next(iter(self.cache))]
            self.cache[token] = verified
        return verified

    async def _checked(self, token: str, payload: Payload, generation: int) -> Verified:
        """What a token means, unless it was revoked or means nothing any more."""
        meaning = await self.meanings.of(payload, generation)
        if payload.generation < generation and await self.core.store.revocations.any_since(
            _keys(payload, meaning), payload.generation
        ):
            raise Unauthenticated()
        return Verified(
            token=token, payload=payload, meaning=meaning, context=_context(token, payload, meaning), generation=generation
        )


def _keys(p: Payload, m: Meaning) -> list[str]:
    """What could have been revoked: the token or one it comes from, or everything of its user, its scope or their domains."""
    keys = {f"user:{p.user_id}", f"domain:{m.user_domain.id}", f"token:{p.audit_ids[0]}", *(f"audit:{a}" for a in p.audit_ids)}
    if m.project is not None and m.project_domain is not None:
        keys |= {f"project:{m.project.id}", f"domain:{m.project_domain.id}"}
    keys |= {f"user:{party}" for party in m.trusting}
    if p.credential_id is not None:
        keys.add(f"credential:{p.credential_id}")
    if m.domain is not None:
        keys.add(f"domain:{m.domain.id}")
    return sorted(keys)


def _context(token: str, p: Payload, m: Meaning) -> Context:
    return Context(
        user_id=m.user.id,
        user_name=m.user.name,
        user_domain_id=m.user.domain_id,
        project_id=p.target_id if p.scope == PROJECT else None,
        project_name=m.project.name if m.project else "",
        project_domain_id=m.project_domain.id if m.project_domain else None,
        domain_id=p.target_id if p.scope == DOMAIN else None,
        system_scope="all" if p.scope == SYSTEM else None,
        roles=m.role_names,
        token=token,
        audit_id=p.audit_ids[0],
        expires_at=stamp(p.expires_at),
        trust_id=p.trust_id,
        app_cred_id=p.app_cred_id,
        certificate=p.thumbprint,
        by_keys=not SIGNED.isdisjoint(p.methods),
        unrestricted=m.app_cred is not None and m.app_cred.unrestricted,
    )


def stamp(moment: datetime) -> str:
    """A moment as Keystone writes it."""
    return iso(moment, micro=True) or ""
