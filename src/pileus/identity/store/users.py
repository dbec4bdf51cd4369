"""Users, their passwords, groups and who is in them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from pileus.core.clock import parse_iso
from pileus.core.db import Duplicate
from pileus.identity.errors import GroupNotFound, UserNotFound
from pileus.identity.model import Group, Secret, User
from pileus.identity.store.base import COMPARISONS, Filter, Table
from pileus.identity.store.federation import federated_users
from pileus.identity.store.tables import former_passwords, groups, members, passwords, projects, users

_PASSWORD = sa.select(passwords).where(passwords.c.user_id == sa.bindparam("user"))


class Users(Table[User]):
    table, kind, noun, not_found = users, User, "user", UserNotFound

    def conditions(self, filters: Iterable[Filter]) -> list[sa.ColumnElement[bool]]:
        """What is said of the user, and of whom of an identity provider they are: all of it of the same one."""
        own = [f for f in filters if f.column in users.c]
        federated = [COMPARISONS[f.comparison](federated_users.c[f.column], f.value) for f in filters if f.column not in users.c]
        found = super().conditions(own)
        return [*found, users.c.id.in_(sa.select(federated_users.c.user_id).where(*federated))] if federated else found

    async def in_group(self, group_id: str, filters: list[Filter]) -> list[User]:
        query = sa.select(users).join(members).where(members.c.group_id == group_id, *self.conditions(filters))
        return await self.db.all(User, query.order_by(users.c.name))

    async def password(self, user_id: str) -> Secret | None:
        return await self.db.one(Secret, _PASSWORD, {"user": user_id})

    async def set_password(self, secret: Secret) -> None:
        await self.drop_password(secret.user_id)
        await self.db.insert(passwords, secret)

    async def former_passwords(self, user_id: str, count: int) -> list[str]:
        """The hashes of the last so many passwords, the present one among them."""
        t = former_passwords.c
        query = sa.select(t.hash).where(t.user_id == user_id).order_by(t.created_at.desc(), t.id).limit(count)
        present = await self.password(user_id)
        return list(dict.fromkeys(([present.hash] if present is not None else []) + [r.hash for r in await self.db.rows(query)]))

    async def remember_password(self, id: str, secret: Secret, keep: int) -> None:
        """Keep a hash in the user's history, and no more than `keep` of them."""
        t = former_passwords.c
        await self.db.insert(former_passwords, {"id": id, "user_id": secret.user_id, "hash": secret.hash, "created_at": secret.created_at})
        query = sa.select(t.id).where(t.user_id == secret.user_id).order_by(t.created_at.desc(), t.id)
        old = [r.id for r in await self.db.rows(query)][keep:]
        if old:
            await self.db.execute(former_passwords.delete().where(t.id.in_(old)))

    async def drop_password(self, user_id: str) -> None:
        await self.db.execute(passwords.delete().where(passwords.c.user_id == user_id))

    async def forget_default_project(self, project_id: str) -> None:
        await self.db.execute(users.update().where(users.c.default_project_id == project_id).values(default_project_id=None))

    async def forget_default_projects_of(self, domain_id: str) -> None:
        inside = sa.select(projects.c.id).where(projects.c.domain_id == domain_id)
        await self.db.execute(users.update().where(users.c.default_project_id.in_(inside)).values(default_project_id=None))

    async def remove_in_domain(self, domain_id: str) -> None:
        await self.db.execute(users.delete().where(users.c.domain_id == domain_id))


class Groups(Table[Group]):
    table, kind, noun, not_found = groups, Group, "group", GroupNotFound

    async def has(self, group_id: str, user_id: str) -> bool:
        return bool(
            await self.db.rows(sa.select(members.c.user_id).where(members.c.group_id == group_id, members.c.user_id == user_id))
        )

    async def add_member(self, group_id: str, user_id: str) -> bool:
        """For good. Whether the user was not a member already."""
        try:
            await self.db.execute(members.insert(), {"group_id": group_id, "user_id": user_id})
            return True
        except Duplicate:
            same = (members.c.group_id == group_id, members.c.user_id == user_id)
            await self.db.execute(members.update().where(*same).values(expires_at=None))
            return False

    async def expiries(self, user_id: str) -> dict[str, datetime]:
        """When a user stops being a member, of those groups where they do."""
        query = sa.select(members.c.group_id, members.c.expires_at).where(members.c.user_id == user_id)
        return {r.group_id: parse_iso(r.expires_at) for r in await self.db.rows(query.where(members.c.expires_at.is_not(None)))}

    async def remove_member(self, group_id: str, user_id: str) -> bool:
        return bool(await self.db.execute(members.delete().where(members.c.group_id == group_id, members.c.user_id == user_id)))

    async def of_user(self, user_id: str, filters: Iterable[Filter] = ()) -> list[Group]:
        wanted = sa.select(groups).join(members).where(members.c.user_id == user_id, *self.conditions(filters))
        return await self.db.all(Group, wanted.order_by(groups.c.name))

    async def memberships(self) -> list[tuple[str, str]]:
        """(group, user) of all groups."""
        return [(r.group_id, r.user_id) for r in await self.db.rows(sa.select(members.c.group_id, members.c.user_id))]

    async def remove_in_domain(self, domain_id: str) -> None:
        await self.db.execute(groups.delete().where(groups.c.domain_id == domain_id))
