"""Users and groups."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from pileus.core.errors import Invalid
from pileus.identity.errors import DomainNotFound, LastAdmin, NotAMember, PasswordExpired
from pileus.identity.federation.model import FederatedIdentity, FederatedUser
from pileus.identity.model import Group, NewPassword, Project, Secret, User
from pileus.identity.passwords import Passwords
from pileus.identity.service.compliance import Compliance
from pileus.identity.service.core import Core, clean_name
from pileus.identity.service.projects import merge
from pileus.identity.service.throttle import Throttle
from pileus.identity.store.base import Filter


class Users:
    def __init__(self, core: Core, passwords: Passwords, compliance: Compliance, throttle: Throttle):
        self.core, self.db, self.store, self.passwords = core, core.db, core.store.users, passwords
        self.compliance, self.throttle = compliance, throttle

    async def get(self, id: str) -> User:
        return await self.store.get(id)

    async def find(self, id: str) -> User | None:
        return await self.store.find(id)

    async def find_named(self, name: str, domain_id: str) -> User | None:
        return await self.store.named(name, domain_id)

    async def matching(self, filters: list[Filter]) -> list[User]:
        return await self.store.matching(filters)

    async def page(self, filters: list[Filter], limit: int | None, marker: str | None) -> tuple[list[User], bool]:
        """Those behind the marker, and whether there are more."""
        return await self.store.page(filters, limit, marker)

    async def federated(self, id: str) -> list[FederatedUser]:
        """Whom of identity providers a user is."""
        return await self.core.store.federated_users.of_user(id)

    async def create(
        self,
        *,
        name: str,
        domain_id: str,
        password: NewPassword | None = None,
        enabled: bool = True,
        default_project_id: str | None = None,
        options: dict | None = None,
        extra: dict | None = None,
        federated: list[FederatedIdentity] | None = None,
    ) -> User:
        """`federated`: whom of identity providers the user is from the beginning."""
        user = User(
            id=self.core.ids.hex(),
            name=clean_name(name),
            domain_id=domain_id,
            enabled=enabled,
            default_project_id=default_project_id,
            options=options or {},
            extra=extra or {},
        )
        await self._check(user)
        hashed = await self._hash(password)
        async with self.db.transaction():
            await self.core.check_writable(domain_id)
            await self._check(user)  # again: hashing took a while
            await self.store.add(user)
            if password is not None:
                user = await self._keep(user, hashed, password)
            await self._federate(user.id, federated)
        return user

    async def update(
        self,
        id: str,
        values: dict[str, Any],
        *,
        password: NewPassword | None = None,
        no_password: bool = False,
        federated: list[FederatedIdentity] | None = None,
    ) -> User:
        """Change some columns, the password (`no_password` takes it away), or whom of identity providers the user is.

        A changed password voids the user's tokens, as disabling does. Enabling a user, or giving them a password, opens an
        account that was locked.
        """
        await self.store.get(id)
        hashed = await self._hash(password)
        async with self.db.transaction():
            user = await self.store.get(id, lock=True)
            await self.core.check_writable(user.domain_id)
            if values.pop("domain_id", user.domain_id) != user.domain_id:
                raise Invalid("Update of `domain_id` is not allowed.")
            merge(user, values)
            changed = await self.store.change(user, values)
            await self._check(changed)
            if no_password:
                await self.store.drop_password(id)
            if password is not None:
                changed = await self._keep(changed, hashed, password)
            await self._federate(id, federated)
            if password is not None or values.get("enabled"):
                await self.core.store.standings.clear(id)
            disabled = user.enabled and not changed.enabled
            if disabled or password is not None or no_password or federated:
                await self.core.generations.revoke(f"user:{id}")
            elif {"name", "enabled", "default_project_id", "options"} & values.keys():
                await self.core.generations.raise_()
            if disabled or no_password:
                await self.core.keep_an_admin()
        return changed

    async def change_password(self, id: str, original: str, password: str, *, source: str = "") -> None:
        """By the user, who proves to be one with the original password, expired or not.

        Raises Unauthenticated, always for the same reason.
        """
        user = await self.store.find(id)
        secret = await self.compliance.secret_of(user) if user is not None else None
        with suppress(PasswordExpired):
            async with self.throttle.attempt(source, id):
                await self.compliance.prove(user, secret.hash if secret is not None else None, original)
        assert user is not None and secret is not None
        if user.options.get("lock_password"):
            raise Invalid("Password cannot be changed: it is locked by the administrator.")
        if original == password:
            raise Invalid("The new password cannot be identical to the original password.")
        await self.compliance.check_change(user, secret, password)
        await self.update(id, {}, password=NewPassword(text=password, by_user=True))

    async def ensure_password(self, user: User, password: NewPassword) -> None:
        """Give a user this password, unless they have it."""
        secret = await self.store.password(user.id)
        if secret is None or not await self.passwords.verify(password.text, secret.hash):
            await self.update(user.id, {}, password=password)

    async def delete(self, id: str) -> None:
        async with self.db.transaction():
            await self.core.check_writable((await self.store.get(id)).domain_id)
            await self.core.store.assignments.remove_of_actor(id)
            await self.store.remove(id)
            await self.core.generations.revoke(f"user:{id}")
            await self.core.keep_an_admin()

    async def revoke_tokens(self, id: str) -> None:
        """Void all tokens of a user."""
        async with self.db.transaction():
            await self.store.get(id)
            await self.core.generations.revoke(f"user:{id}")

    async def disable_inactive(self) -> int:
        """Disable who has not logged in for too long, except the last administrator; says how many."""
        gone = 0
        for standing in await self.core.store.standings.seen_until(self.core.clock.now() - self.compliance.inactive_after):
            user = await self.store.find(standing.user_id)
            if user is None or not user.enabled or not self.compliance.is_inactive(user, standing, self.core.clock.now()):
                continue
            try:
                await self.update(user.id, {"enabled": False})
            except LastAdmin:
                continue
            gone += 1
        return gone

    async def _federate(self, user_id: str, identities: list[FederatedIdentity] | None) -> None:
        """Raises Invalid for a provider or a protocol that does not exist, Taken for somebody who is another user."""
        store = self.core.store
        for who in identities or ():
            if await store.identity_providers.find(who.idp_id) is None:
                raise Invalid(f"Could not find Identity Provider: {who.idp_id}")
            if who.protocol_id not in {p.id for p in await store.protocols.of(who.idp_id)}:
                raise Invalid(f"Could not find federated protocol {who.protocol_id} for Identity Provider: {who.idp_id}.")
        if identities:
            await store.federated_users.replace(user_id, identities)

    async def _hash(self, password: NewPassword | None) -> str:
        """Raises for one that breaks the rules."""
        if password is None:
            return ""
        if not password.by_operator:
            self.compliance.check(password.text)
        return await self.passwords.hash(password.text, cheap=password.generated)

    async def _keep(self, user: User, hashed: str, password: NewPassword) -> User:
        secret = Secret(user_id=user.id, hash=hashed, created_at=self.core.clock.now())
        await self.store.set_password(secret)
        if count := self.core.config.unique_last_password_count:
            await self.store.remember_password(self.core.ids.hex(), secret, count)
        ends = self.compliance.expires_at(user.options, by_user=password.by_user) if not password.by_operator else None
        return await self.store.change(user, {"password_expires_at": ends}) if ends != user.password_expires_at else user

    async def _check(self, user: User) -> None:
        await check_domain(self.core, user.domain_id)
        if user.default_project_id is not None:
            project = await self.core.store.projects.find(user.default_project_id)
            if project is not None and project.is_domain:
                raise Invalid("User's default project ID cannot be a domain.")


class Groups:
    def __init__(self, core: Core):
        self.core, self.db, self.store = core, core.db, core.store.groups

    async def get(self, id: str) -> Group:
        return await self.store.get(id)

    async def find(self, id: str) -> Group | None:
        return await self.store.find(id)

    async def matching(self, filters: list[Filter]) -> list[Group]:
        return await self.store.matching(filters)

    async def page(self, filters: list[Filter], limit: int | None, marker: str | None) -> tuple[list[Group], bool]:
        """Those behind the marker, and whether there are more."""
        return await self.store.page(filters, limit, marker)

    async def create(self, *, name: str, domain_id: str, description: str | None = "", extra: dict | None = None) -> Group:
        group = Group(
            id=self.core.ids.hex(), name=clean_name(name), domain_id=domain_id, description=description, extra=extra or {}
        )
        async with self.db.transaction():
            await check_domain(self.core, domain_id)
            await self.core.check_writable(domain_id)
            await self.store.add(group)
        return group

    async def update(self, id: str, values: dict[str, Any]) -> Group:
        async with self.db.transaction():
            group = await self.store.get(id, lock=True)
            await self.core.check_writable(group.domain_id)
            if values.pop("domain_id", group.domain_id) != group.domain_id:
                raise Invalid("Update of `domain_id` is not allowed.")
            merge(group, values)
            return await self.store.change(group, values)

    async def delete(self, id: str) -> None:
        async with self.db.transaction():
            await self.core.check_writable((await self.store.get(id)).domain_id)
            await self.core.store.assignments.remove_of_actor(id)
            await self.store.remove(id)
            await self.core.generations.raise_()
            await self.core.keep_an_admin()

    async def members(self, id: str, filters: list[Filter]) -> list[User]:
        await self.store.get(id)
        return await self.core.store.users.in_group(id, filters)

    async def of_user(self, user_id: str, filters: list[Filter]) -> list[Group]:
        await self.core.store.users.get(user_id)
        return await self.store.of_user(user_id, filters)

    async def expiries(self, user_id: str) -> dict[str, datetime]:
        """Of those of a user's memberships that end by themselves."""
        return await self.store.expiries(user_id)

    async def add_member(self, id: str, user_id: str) -> None:
        """Repeatable."""
        async with self.db.transaction():
            await self.core.check_writable((await self.store.get(id)).domain_id)
            await self.core.store.users.get(user_id)
            if await self.store.add_member(id, user_id):
                await self.core.generations.raise_()

    async def remove_member(self, id: str, user_id: str) -> None:
        async with self.db.transaction():
            await self.check_member(id, user_id)
            await self.core.check_writable((await self.store.get(id)).domain_id)
            await self.store.remove_member(id, user_id)
            await self.core.generations.raise_()
            await self.core.keep_an_admin()

    async def check_member(self, id: str, user_id: str) -> None:
        """Raise NotAMember, or what is missing."""
        await self.store.get(id)
        await self.core.store.users.get(user_id)
        if not await self.store.has(id, user_id):
            raise NotAMember(user=user_id, group=id)


async def check_domain(core: Core, domain_id: str) -> Project:
    """The domain users and groups are to be in. Raises DomainNotFound."""
    found = await core.store.projects.find(domain_id, lock=core.db.in_transaction)
    if found is None or not found.is_domain:
        raise DomainNotFound(id=domain_id)
    return found
