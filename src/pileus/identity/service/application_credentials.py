"""Application credentials: secrets by which programs act as a user on one project, and the access rules that narrow them.

What a token of one means is worked out from the credential and from the roles its user has *now* (`meanings`): with a role
that is lost, every credential that has it is void at once, and soon after it is deleted. So is one of a user or a project
that is gone.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
from datetime import datetime

import msgspec

from pileus.core.context import Context
from pileus.core.errors import Invalid
from pileus.identity.errors import AccessRuleNotFound, ApplicationCredentialNotFound, Refused, RoleNotFound
from pileus.identity.model import AccessRule, ApplicationCredential, Role
from pileus.identity.passwords import Passwords
from pileus.identity.service.assignments import Assignments
from pileus.identity.service.core import Core, clean_name
from pileus.identity.service.delegation import pick

SECRET_OCTETS = 64


class RuleWanted(msgspec.Struct, frozen=True, kw_only=True):
    """A rule the user has, by id, or a new one."""

    id: str | None = None
    service: str = ""
    method: str = ""
    path: str = ""


class CredentialWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a new one. `roles`: (id, name) of each, None for all. Without a secret, one is made that nobody can guess."""

    name: str
    description: str | None = None
    secret: str | None = None
    expires_at: datetime | None = None
    roles: list[tuple[str | None, str | None]] | None = None
    unrestricted: bool = False
    access_rules: list[RuleWanted] | None = None


class ApplicationCredentials:
    def __init__(self, core: Core, passwords: Passwords, assignments: Assignments):
        self.core, self.db, self.passwords, self.assignments = core, core.db, passwords, assignments
        self.store, self.rules = core.store.application_credentials, core.store.access_rules

    async def get(self, user_id: str, id: str) -> ApplicationCredential:
        """Of this user: everybody else's are not there."""
        found = await self.store.find(id)
        if found is None or found.user_id != user_id:
            raise ApplicationCredentialNotFound(id=id)
        return found

    async def of_user(self, user_id: str, name: str | None = None) -> list[ApplicationCredential]:
        return await self.store.of_user(user_id, name)

    async def create(self, who: Context, wanted: CredentialWanted) -> tuple[ApplicationCredential, str]:
        """(it, its secret), for the caller's user and project, with no more roles than the caller's token has."""
        if wanted.expires_at is not None and wanted.expires_at <= self.core.clock.now():
            raise Invalid("The expiration date of an application credential must be in the future.")
        secret = wanted.secret
        if secret is None:
            secret = base64.urlsafe_b64encode(self.core.ids.secret(SECRET_OCTETS)).decode().rstrip("=")
        hashed = await self.passwords.hash(secret, cheap=wanted.secret is None)
        user_id, project_id = who.user_id or "", who.project_id or ""
        async with self.db.transaction():
            await self.core.store.users.get(user_id, lock=True)
            project = await self.core.store.projects.get(project_id, lock=True)
            held = [r for r in await self.assignments.on_project(user_id, project) if r.name.lower() in who.roles]
            credential = ApplicationCredential(
                id=self.core.ids.hex(),
                user_id=user_id,
                project_id=project_id,
                name=clean_name(wanted.name),
                hash=hashed,
                roles=_granted(held, wanted.roles),
                description=wanted.description,
                expires_at=wanted.expires_at,
                unrestricted=wanted.unrestricted,
                access_rules=await self._rules(user_id, wanted.access_rules),
            )
            await self.store.add(credential)
        return credential, secret

    async def delete(self, user_id: str, id: str) -> None:
        """Its tokens end with it."""
        async with self.db.transaction():
            await self.get(user_id, id)
            await self.store.remove(id)
            await self.core.generations.raise_()

    async def roles(self, credential: ApplicationCredential) -> list[Role]:
        return await self.core.store.roles.some(credential.roles)

    async def rules_of(self, credential: ApplicationCredential) -> list[AccessRule] | None:
        """None when it is not limited to any."""
        if credential.access_rules is None:
            return None
        found = {r.id: r for r in await self.rules.of_user(credential.user_id)}
        return [found[id] for id in credential.access_rules if id in found]

    async def remove_orphans(self) -> int:
        """Delete those with a role that their user has no longer; says how many."""
        lost = [c for c in await self.store.everybodys() if not await self._holds(c)]
        async with self.db.transaction():
            gone = 0
            for credential in lost:
                if not await self._holds(credential):  # the role may have come back since
                    await self.store.remove(credential.id)
                    gone += 1
        return gone

    # ---- access rules ------------------------------------------------------------------------------------------------
    async def access_rules(self, user_id: str) -> list[AccessRule]:
        return await self.rules.of_user(user_id)

    async def access_rule(self, user_id: str, id: str) -> AccessRule:
        found = await self.rules.find(id)
        if found is None or found.user_id != user_id:
            raise AccessRuleNotFound(id=id)
        return found

    async def delete_access_rule(self, user_id: str, id: str) -> None:
        """Raises Refused while an application credential has it."""
        async with self.db.transaction():
            await self.core.store.users.get(user_id, lock=True)
            await self.access_rule(user_id, id)
            if any(id in (c.access_rules or ()) for c in await self.store.of_user(user_id)):
                raise Refused(why=f"Access rule {id} is used by an application credential.")
            await self.rules.remove(id)

    async def _rules(self, user_id: str, wanted: list[RuleWanted] | None) -> tuple[str, ...] | None:
        """The ids of the rules; those that the user has not yet are made."""
        if wanted is None:
            return None
        there = await self.rules.of_user(user_id)
        by_id, by_what = {r.id for r in there}, {(r.service, r.method, r.path): r.id for r in there}
        ids = []
        for rule in wanted:
            what = (rule.service, rule.method, rule.path)
            if rule.id is not None and rule.id not in by_id:
                raise AccessRuleNotFound(id=rule.id)
            if rule.id is None and what not in by_what:
                new = AccessRule(id=self.core.ids.hex(), user_id=user_id, service=rule.service, method=rule.method, path=rule.path)
                await self.rules.add(new)
                by_what[what] = new.id
            ids.append(rule.id or by_what[what])
        return tuple(dict.fromkeys(ids))

    async def _holds(self, credential: ApplicationCredential) -> bool:
        project = await self.core.store.projects.find(credential.project_id)
        if project is None:
            return False
        held = {r.id for r in await self.assignments.on_project(credential.user_id, project)}
        return held.issuperset(credential.roles)


def _granted(held: list[Role], wanted: list[tuple[str | None, str | None]] | None) -> tuple[str, ...]:
    """The ids of the roles that are wanted. Raises Invalid for one that is not held, and for none at all."""
    try:
        granted = held if wanted is None else [pick(held, id, name) for id, name in wanted]
    except RoleNotFound as missing:
        raise Invalid(f"Cannot create an application credential with an unassigned role: {missing}") from missing
    if not granted:
        raise Invalid("At least one role should be specified.")
    return tuple(dict.fromkeys(role.id for role in granted))
