"""Logins of people whom an identity provider has identified: they become users of its domain, known again by their id there.

Groups are as the provider says now: a login puts them in and takes them out, and they end when no login has confirmed them
for `authorization_ttl` (at least the life of a token). Groups somebody here gave a user are left alone.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

from pileus.core.errors import Forbidden, Unauthenticated
from pileus.core.log import Log
from pileus.identity.federation.mapping import Assertion, Domain, LocalProject, LocalUser, Mapped, NotMapped, apply
from pileus.identity.federation.model import FederatedIdentity, FederatedUser, IdentityProvider, Protocol
from pileus.identity.model import Assignment, Project, Scope, User
from pileus.identity.payload import FEDERATED
from pileus.identity.service.core import Core
from pileus.identity.service.federation import Federation
from pileus.identity.service.generations import TOKENS
from pileus.identity.service.logins import Logins
from pileus.identity.service.proofs import Proven
from pileus.identity.service.tokens import Verified

log = Log("pileus.identity.federation")

LONGEST = 255


class FederatedLogins:
    def __init__(self, core: Core, federation: Federation, logins: Logins):
        self.core, self.db, self.store, self.federation, self.logins = core, core.db, core.store, federation, logins

    async def log_in(self, idp_id: str, protocol_id: str, assertion: Assertion, scope: Scope | str = "unscoped") -> Verified:
        """A token, without a scope unless one is asked for.

        Raises Forbidden for a provider that is disabled or another one, Unauthenticated for nobody.
        """
        generation = (await self.core.generations.read())[TOKENS]
        idp = await self.federation.idps.get(idp_id)
        protocol = await self.federation.protocols.get(idp_id, protocol_id)
        self._check_provider(idp, protocol, assertion)
        rules = await self.federation.mappings.get(protocol.mapping_id)
        try:
            mapped = apply(rules.rules, rules.schema_version, assertion)
        except NotMapped as problem:
            log.info("nobody could be made of what an identity provider said", idp=idp_id, why=str(problem))
            raise Unauthenticated(str(problem)) from problem
        method = protocol_id if protocol_id in FEDERATED else "mapped"
        user_id = await (self._local(mapped.user) if mapped.user.type == "local" else self._shadow(idp, protocol, mapped, assertion))
        proven = Proven(user_id=user_id, methods=frozenset({method}), generation=generation, provider=(idp.id, protocol.id))
        return await self.logins.issue_federated(proven, scope)

    async def end_memberships(self) -> int:
        async with self.db.transaction():
            gone = await self.store.federated_users.drop_expired(self.core.clock.now())
            if gone:
                await self.core.generations.raise_()
        return gone

    def _check_provider(self, idp: IdentityProvider, protocol: Protocol, assertion: Assertion) -> None:
        if not idp.enabled:
            raise Forbidden(f"Identity Provider {idp.id} is disabled.")
        attribute = protocol.remote_id_attribute or self.core.config.remote_id_attribute
        said = assertion.get(attribute, assertion.get("OIDC-iss", [])) if attribute else assertion.get("OIDC-iss", [])
        if idp.remote_ids and (len(said) != 1 or said[0] not in idp.remote_ids):
            raise Forbidden("Incoming identity provider identifier not included among the accepted identifiers.")

    async def _local(self, wanted: LocalUser) -> str:
        """A user there is already; nothing about them changes."""
        if wanted.id is not None:
            user = await self.store.users.find(wanted.id)
        else:
            domain = await self._domain(wanted.domain)
            user = await self.store.users.named(wanted.name or "", domain.id) if domain is not None else None
        if user is None:
            raise Unauthenticated()
        return user.id

    async def _shadow(self, idp: IdentityProvider, protocol: Protocol, mapped: Mapped, assertion: Assertion) -> str:
        """The user that stands for somebody, made at their first login."""
        name = mapped.user.name or mapped.user.id or next(iter(assertion.get("REMOTE_USER", [])), None)
        unique_id = mapped.user.id or name
        if not name or not unique_id or max(len(name), len(unique_id)) > LONGEST or not name.strip():
            raise Unauthenticated("The mapping gives no usable id or name of a user.")
        async with self.db.transaction():
            known = await self.store.federated_users.find(FederatedIdentity(idp_id=idp.id, protocol_id=protocol.id, unique_id=unique_id))
            if known is None:
                user = await self._create(idp, protocol, mapped.user, name, unique_id)
            else:
                user = await self._refresh(known, mapped.user, name)
            changed = await self._join(user, idp, mapped)
            changed |= await self._give(user, idp, mapped)
            if changed:
                await self.core.generations.raise_()
        return user.id

    async def _create(self, idp: IdentityProvider, protocol: Protocol, said: LocalUser, name: str, unique_id: str) -> User:
        domain = await self._domain(said.domain or Domain(id=idp.domain_id))
        if domain is None:
            raise Unauthenticated("The mapping names a domain that does not exist.")
        extra = {"email": said.email} if said.email else {}
        taken = await self.store.users.named(name.strip(), domain.id) is not None
        user_id = self.core.ids.hex()
        # Names are unique in a domain: who comes second under one is called by an id that nobody else has.
        user = User(id=user_id, name=user_id if taken else name.strip(), domain_id=domain.id, extra=extra)
        await self.store.users.add(user)
        await self.store.federated_users.add(
            FederatedUser(user_id=user.id, idp_id=idp.id, protocol_id=protocol.id, unique_id=unique_id)
        )
        return user

    async def _refresh(self, known: FederatedUser, said: LocalUser, name: str) -> User:
        user = await self.store.users.get(known.user_id, lock=True)
        values: dict = {}
        if name.strip() != user.name and await self.store.users.named(name.strip(), user.domain_id) is None:
            values["name"] = name.strip()
            await self.core.generations.raise_()
        if said.email and said.email != user.extra.get("email"):
            values["extra"] = user.extra | {"email": said.email}
        return await self.store.users.change(user, values)

    async def _join(self, user: User, idp: IdentityProvider, mapped: Mapped) -> bool:
        """Put the user into the groups; says whether any changed. An id that is no group's is a mistake in the mapping."""
        wanted = []
        for id in mapped.group_ids:
            if await self.store.groups.find(id) is None:
                raise Unauthenticated(f"Group {id} returned by the mapping was not found.")
            wanted.append(id)
        for named in mapped.groups:
            domain = await self._domain(named.domain)
            group = await self.store.groups.named(named.name or "", domain.id) if domain is not None else None
            if group is not None:
                wanted.append(group.id)
        life = max(60 * (idp.authorization_ttl or 0), self.core.config.token_expiration_s)
        return await self.store.federated_users.set_groups(user.id, wanted, self.core.clock.now() + timedelta(seconds=life))

    async def _give(self, user: User, idp: IdentityProvider, mapped: Mapped) -> bool:
        """The roles on projects, which are made when missing; what is not named any more goes when the mapping says so."""
        changed, named = False, set()
        for project in mapped.projects:
            found = await self._project(project, idp)
            for role in project.roles:
                known = await self.store.roles.named(role.name)
                if known is None:
                    raise Unauthenticated(f"The mapping names a role that does not exist: {role.name}.")
                given = Assignment(
                    actor_type="user", actor_id=user.id, target_type="project", target_id=found.id, role_id=known.id
                )
                named.add((found.id, known.id))
                changed |= await self.store.assignments.add(given)
        if mapped.synced:
            for old in await self.store.assignments.matching(actor_ids=[user.id], target_type="project"):
                if (old.target_id, old.role_id) not in named:
                    changed |= await self.store.assignments.remove(old)
            if changed:
                await self.core.keep_an_admin()
        return changed

    async def _project(self, wanted: LocalProject, idp: IdentityProvider) -> Project:
        domain = await self._domain(wanted.domain or Domain(id=idp.domain_id))
        if domain is None:
            raise Unauthenticated("The mapping names a domain that does not exist.")
        found = await self.store.projects.named(wanted.name, domain.id)
        if found is None:
            if len(wanted.name) > 64 or not wanted.name.strip():
                raise Unauthenticated("The mapping gives no usable name of a project.")
            found = Project(id=self.core.ids.hex(), name=wanted.name, domain_id=domain.id, parent_id=domain.id)
            await self.store.projects.add(found)
        return found

    async def _domain(self, wanted: Domain | None) -> Project | None:
        if wanted is None:
            return None
        if wanted.id is not None:
            found = await self.store.projects.find(wanted.id)
        else:
            found = await self.store.projects.named(wanted.name or "")
        return found if found is not None and found.is_domain else None


