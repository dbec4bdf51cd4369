"""Role assignments."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.core.db import Database, Duplicate
from pileus.identity.model import Assignment
from pileus.identity.store.domain_configs import domain_configs
from pileus.identity.store.federation import federated_users
from pileus.identity.store.tables import assignments, groups, members, passwords, projects, roles, users

t = assignments.c


# Built once: every token needs them.
_HELD_BY_USER = sa.or_(
    t.actor_id == sa.bindparam("user"),
    t.actor_id.in_(sa.select(members.c.group_id).where(members.c.user_id == sa.bindparam("user"))),
)
_THERE = sa.and_(t.target_type == sa.bindparam("type"), t.target_id == sa.bindparam("target"), t.inherited == sa.false())
_ABOVE = sa.and_(t.target_id.in_(sa.bindparam("above", expanding=True)), t.inherited == sa.true())
_ROLES = sa.select(t.role_id).where(_HELD_BY_USER, _THERE)
_ROLES_WITH_HEIRS = sa.select(t.role_id).where(_HELD_BY_USER, sa.or_(_THERE, _ABOVE))


class Assignments:
    def __init__(self, db: Database):
        self.db = db

    async def add(self, assignment: Assignment) -> bool:
        """Whether it was not there already."""
        try:
            await self.db.insert(assignments, assignment)
            return True
        except Duplicate:
            return False

    async def remove(self, assignment: Assignment) -> bool:
        return bool(await self.db.execute(assignments.delete().where(*_same(assignment))))

    async def has(self, assignment: Assignment) -> bool:
        return bool(await self.db.rows(sa.select(t.role_id).where(*_same(assignment))))

    async def remove_of_actor(self, actor_id: str) -> None:
        await self.db.execute(assignments.delete().where(t.actor_id == actor_id))

    async def remove_on_target(self, target_id: str) -> None:
        await self.db.execute(assignments.delete().where(t.target_id == target_id))

    async def remove_of_domain(self, domain_id: str) -> None:
        """Those of a domain's users and groups, on its projects, and on itself."""
        actors = sa.union(
            sa.select(users.c.id).where(users.c.domain_id == domain_id),
            sa.select(groups.c.id).where(groups.c.domain_id == domain_id),
        )
        targets = sa.select(projects.c.id).where(projects.c.domain_id == domain_id)
        await self.db.execute(
            assignments.delete().where(sa.or_(t.actor_id.in_(actors), t.target_id.in_(targets), t.target_id == domain_id))
        )

    async def matching(
        self,
        *,
        actor_ids: list[str] | None = None,
        target_ids: list[str] | None = None,
        target_type: str | None = None,
        role_id: str | None = None,
        inherited: bool | None = None,
    ) -> list[Assignment]:
        conditions: list[sa.ColumnElement[bool]] = []
        if actor_ids is not None:
            conditions.append(t.actor_id.in_(actor_ids))
        if target_ids is not None:
            conditions.append(t.target_id.in_(target_ids))
        if target_type is not None:
            conditions.append(t.target_type == target_type)
        if role_id is not None:
            conditions.append(t.role_id == role_id)
        if inherited is not None:
            conditions.append(t.inherited == inherited)
        return await self.db.all(
            Assignment, sa.select(assignments).where(*conditions).order_by(t.target_id, t.actor_id, t.role_id, t.inherited)
        )

    async def of_user(self, user_id: str) -> list[Assignment]:
        """Those of a user and of the groups they are in."""
        query = sa.select(assignments).where(_HELD_BY_USER).order_by(t.target_id, t.role_id)
        return await self.db.all(Assignment, query, {"user": user_id})

    async def role_ids(self, user_id: str, target_type: str, target_id: str, above: list[str]) -> set[str]:
        """The roles a user has on a target: given there, or inherited from one of those above it."""
        asked = {"user": user_id, "type": target_type, "target": target_id} | ({"above": above} if above else {})
        return {r.role_id for r in await self.db.rows(_ROLES_WITH_HEIRS if above else _ROLES, asked)}

    async def anybody_has(self, role_name: str) -> bool:
        """Whether somebody who can log in has a global role of this name on something enabled, by themselves or by a group."""
        grouped = sa.select(members.c.group_id).where(members.c.user_id.in_(_CAN_LOG_IN), members.c.expires_at.is_(None))
        query = (
            sa.select(t.actor_id)
            .join(roles, roles.c.id == t.role_id)
            .where(
                roles.c.name == role_name,
                roles.c.domain_id == "",
                sa.or_(t.actor_id.in_(_CAN_LOG_IN), t.actor_id.in_(grouped)),
                sa.or_(t.target_type == "system", t.target_id.in_(_USABLE)),
            )
            .limit(1)
        )
        return bool(await self.db.rows(query))


def _same(a: Assignment) -> list[sa.ColumnElement[bool]]:
    return [
        t.actor_id == a.actor_id,
        t.actor_type == a.actor_type,
        t.target_id == a.target_id,
        t.target_type == a.target_type,
        t.role_id == a.role_id,
        t.inherited == a.inherited,
    ]


_domains = projects.alias("domains")
#: Enabled projects and domains.
_USABLE = (
    sa.select(projects.c.id)
    .outerjoin(_domains, _domains.c.id == projects.c.domain_id)
    .where(projects.c.enabled, sa.or_(projects.c.is_domain, _domains.c.enabled))
)
_IN_DIRECTORIES = sa.select(domain_configs.c.domain_id).where(
    sa.type_coerce(domain_configs.c.options, sa.Text).contains('"driver":"ldap"')
)
#: Enabled users of enabled domains who have a password, or whom somebody else proves: a directory (theirs are the long ids, and
#: where there is one, passwords kept here are not asked for), or an identity provider.
_CAN_LOG_IN = sa.select(users.c.id).where(
    users.c.enabled,
    users.c.domain_id.in_(_USABLE),
    sa.or_(
        sa.and_(users.c.id.in_(sa.select(passwords.c.user_id)), users.c.domain_id.not_in(_IN_DIRECTORIES)),
        sa.and_(sa.func.length(users.c.id) == 64, users.c.domain_id.in_(_IN_DIRECTORIES)),
        users.c.id.in_(sa.select(federated_users.c.user_id)),
    ),
)
