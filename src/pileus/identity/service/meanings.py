"""What a user's acting on something means: who and what they are now, and the user's roles there.

All tokens of a user for one scope (and by one trust, or one application credential) mean the same, so it is worked out once per generation.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec
from msgspec.structs import replace

from pileus.core.errors import Unauthenticated
from pileus.identity.access_rules import Gate, gate
from pileus.identity.federation.model import FederatedUser, ServiceProvider
from pileus.identity.model import AccessRule, AccessToken, ApplicationCredential, Project, Role, Trust, User
from pileus.identity.payload import DOMAIN, PROJECT, SYSTEM, UNSCOPED, Payload
from pileus.identity.service.assignments import Assignments
from pileus.identity.service.core import Core
from pileus.identity.store.base import Filter

_ENABLED = [Filter("enabled", "equals", True)]


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    user: User
    user_domain: Project
    project: Project | None = None
    project_domain: Project | None = None
    domain: Project | None = None
    trust: Trust | None = None
    trusting: frozenset[str] = frozenset()  # everybody whom it takes for the trust: trustors and trustees, down to the first
    app_cred: ApplicationCredential | None = None
    access: AccessToken | None = None
    access_rules: list[AccessRule] | None = None  # of the application credential; None: any request
    gate: Gate | None = None  # the same, compiled
    roles: list[Role] = []
    role_names: frozenset[str] = frozenset()  # in lower case
    federated: FederatedUser | None = None
    federated_groups: list[str] = []
    service_providers: list[ServiceProvider] = []  # that are enabled: other clouds the token opens a way to
    generation: int


class _Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is held at a scope: roles, and what they were given by when not by assignments."""

    project: Project | None = None
    project_domain: Project | None = None
    domain: Project | None = None
    trusts: list[Trust] = []
    app_cred: ApplicationCredential | None = None
    rules: list[AccessRule] | None = None
    access: AccessToken | None = None
    roles: list[Role] = []


class Meanings:
    def __init__(self, core: Core, assignments: Assignments):
        self.core, self.assignments = core, assignments
        self.cache: dict[tuple[str | int | None, ...], Meaning] = {}

    async def of(self, p: Payload, generation: int) -> Meaning:
        """Raises Unauthenticated when it means nothing: somebody or something is gone or disabled, or there is no role."""
        key = (p.user_id, p.scope, p.target_id, p.trust_id, p.app_cred_id, p.access_token_id, p.idp_id, p.protocol_id)
        found = self.cache.get(key)
        if found is not None and found.generation == generation:
            return found
        self.cache.pop(key, None)
        found = await self._work_out(p, generation)
        if not self.core.db.in_transaction:
            if len(self.cache) >= self.core.config.token_cache and self.cache:
                del self.cache[next(iter(self.cache))]
            self.cache[key] = found
        return found

    async def _work_out(self, p: Payload, generation: int) -> Meaning:
        store = self.core.store
        user = _usable(await store.users.find(p.user_id))
        user_domain = _usable(await store.projects.find(user.domain_id))
        federated = await self._federated(p, user)
        if (p.app_cred_id or p.access_token_id) is not None and p.scope != PROJECT:
            raise Unauthenticated()
        held = await self._held(p, user, user_domain)
        if p.scope != UNSCOPED and not held.roles:
            raise Unauthenticated()
        return Meaning(
            user=user,
            user_domain=user_domain,
            project=held.project,
            project_domain=held.project_domain,
            domain=held.domain,
            trust=held.trusts[0] if held.trusts else None,
            trusting=_parties(held.trusts),
            app_cred=held.app_cred,
            access=held.access,
            federated=federated,
            federated_groups=[g.id for g in await store.groups.of_user(user.id)] if federated is not None else [],
            service_providers=await store.service_providers.matching(_ENABLED) if held.project is not None else [],
            access_rules=held.rules,
            gate=gate(held.rules) if held.rules is not None else None,
            roles=held.roles,
            role_names=frozenset(r.name.lower() for r in held.roles),
            generation=generation,
        )

    async def _held(self, p: Payload, user: User, user_domain: Project) -> _Held:
        """The roles at the scope, and by what."""
        find = self.core.store.projects.find
        if p.scope == DOMAIN:
            domain = _usable(await find(p.target_id or ""))
            return _Held(domain=domain, roles=await self.assignments.on_domain(user.id, domain.id))
        if p.scope == SYSTEM:
            return _Held(roles=await self.assignments.on_system(user.id))
        if p.scope != PROJECT:
            return _Held()
        project = _usable(await find(p.target_id or ""))
        at = project.domain_id or project.id                  # a domain used as a project is its own domain
        held = _Held(project=project, project_domain=user_domain if at == user_domain.id else _usable(await find(at)))
        if p.trust_id is not None:
            trusts, roles = await self._entrusted(p.trust_id, user.id, project)
            return replace(held, trusts=trusts, roles=roles)
        if p.app_cred_id is not None:
            app_cred, rules, roles = await self._credited(p.app_cred_id, user.id, project)
            return replace(held, app_cred=app_cred, rules=rules, roles=roles)
        if p.access_token_id is not None:
            access, roles = await self._let_in(p.access_token_id, user.id, project)
            return replace(held, access=access, roles=roles)
        return replace(held, roles=await self.assignments.on_project(user.id, project))

    async def _federated(self, p: Payload, user: User) -> FederatedUser | None:
        """As whom of an identity provider the user is here. Who is nobody but somebody of providers needs one that is enabled."""
        providers, identities = self.core.store.identity_providers, await self.core.store.federated_users.of_user(user.id)
        if p.idp_id is not None:
            _usable(await providers.find(p.idp_id))
            return next((f for f in identities if (f.idp_id, f.protocol_id) == (p.idp_id, p.protocol_id)), None)
        if identities and await self.core.store.users.password(user.id) is None:
            found = [await providers.find(id) for id in {f.idp_id for f in identities}]
            _usable(next((idp for idp in found if idp is not None and idp.enabled), None))
        return None

    async def _credited(
        self, id: str, user_id: str, project: Project
    ) -> tuple[ApplicationCredential, list[AccessRule] | None, list[Role]]:
        """The application credential, its rules and its roles: all of them, as long as its user has all of them."""
        found = await self.core.store.application_credentials.find(id)
        if found is None or (found.user_id, found.project_id) != (user_id, project.id):
            raise Unauthenticated()
        held = {r.id for r in await self.assignments.on_project(user_id, project)}
        if not held.issuperset(found.roles):
            raise Unauthenticated()
        rules = None
        if found.access_rules is not None:
            there = {r.id: r for r in await self.core.store.access_rules.of_user(user_id)}
            rules = [there[rule] for rule in found.access_rules if rule in there]
        return found, rules, (await self.assignments.roles.index()).expand(found.roles)

    async def _let_in(self, id: str, user_id: str, project: Project) -> tuple[AccessToken, list[Role]]:
        """The access token and its roles: all of them, as long as its user has all of them."""
        found = await self.core.store.access_tokens.find(id)
        if found is None or (found.user_id, found.project_id) != (user_id, project.id):
            raise Unauthenticated()
        if not {r.id for r in await self.assignments.on_project(user_id, project)}.issuperset(found.roles):
            raise Unauthenticated()
        return found, (await self.assignments.roles.index()).expand(found.roles)

    async def _entrusted(self, trust_id: str, user_id: str, project: Project) -> tuple[list[Trust], list[Role]]:
        """The trust, those it was handed on from, and the roles it gives: all of them, as long as the first trustor has them all."""
        store = self.core.store
        if await store.trusts.find(trust_id) is None:
            raise Unauthenticated()
        chain = await store.trusts.chain(trust_id)
        trust = chain[0]
        if trust.project_id != project.id:
            raise Unauthenticated()
        if user_id != (trust.trustor_user_id if trust.impersonation else trust.trustee_user_id):
            raise Unauthenticated()
        for party in _parties(chain):
            _usable(await store.projects.find(_usable(await store.users.find(party)).domain_id))
        held = {r.id for r in await self.assignments.on_project(chain[-1].trustor_user_id, project)}
        if not held.issuperset(trust.roles):
            raise Unauthenticated()
        return chain, (await self.assignments.roles.index()).expand(trust.roles)


def _parties(chain: list[Trust]) -> frozenset[str]:
    return frozenset(party for t in chain for party in (t.trustor_user_id, t.trustee_user_id))


def _usable(record):
    """The record, if it is there and enabled: otherwise nothing with it means anything."""
    if record is None or not record.enabled:
        raise Unauthenticated()
    return record
