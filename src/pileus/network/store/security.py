"""Security groups, their rules, and every project's default group."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from msgspec.structs import replace

from pileus.core.context import EVERYONE
from pileus.core.db import METADATA, Database, Id, Time, record
from pileus.network import errors
from pileus.network.model import SecurityGroup, SecurityGroupRule, Wanted
from pileus.network.store.base import Clause, Listing, gather, grouped, standard
from pileus.network.store.ports import port_groups
from pileus.network.store.resource import Store

groups = sa.Table(
    "network_security_groups", METADATA, *standard(),
    sa.Column("stateful", sa.Boolean, nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
)
#: Projects that have a default group. The row is also what a project's quotas are counted under.
projects = sa.Table(
    "network_projects", METADATA,
    Id("project_id", primary_key=True),
    Id("default_group_id"),
)
rules = sa.Table(
    "network_security_group_rules", METADATA,
    Id("id", primary_key=True),
    Id("project_id", nullable=False, index=True),
    Id("security_group_id", sa.ForeignKey("network_security_groups.id"), nullable=False),
    sa.Column("direction", sa.String(8), nullable=False),
    sa.Column("ethertype", sa.String(8), nullable=False),
    sa.Column("protocol", sa.String(40)),
    sa.Column("port_range_min", sa.Integer),
    sa.Column("port_range_max", sa.Integer),
    sa.Column("remote_ip_prefix", sa.String(64)),
    Id("remote_group_id", sa.ForeignKey("network_security_groups.id"), index=True),
    sa.Column("normalized_cidr", sa.String(64)),
    sa.Column("description", sa.String(255), nullable=False),
    sa.Column("revision_number", sa.Integer, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
    sa.Column("fingerprint", sa.String(255), nullable=False),
    sa.UniqueConstraint("security_group_id", "fingerprint"),
)
RULES_OF = (
    sa.select(rules)
    .where(rules.c.security_group_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(rules.c.created_at, rules.c.id)
)
DEFAULT_OF = sa.select(projects.c.default_group_id).where(projects.c.project_id == sa.bindparam("project_id"))


class SecurityGroups(Store[SecurityGroup]):
    table, kind = groups, SecurityGroup
    absent, named = errors.SecurityGroupNotFound, "security_group_id"
    listing = Listing(groups, hidden=("is_default",))

    async def dress(self, found: Sequence[SecurityGroup], scope: str | None = None) -> list[SecurityGroup]:
        ids = [group.id for group in found]
        tags, of = await self.tags.of(ids), await self.rules_of(ids)
        return [replace(group, tags=tags.get(group.id, ()), rules=of.get(group.id, ())) for group in found]

    async def rules_of(self, ids: Sequence[str]) -> dict[str, tuple[SecurityGroupRule, ...]]:
        found = [record(SecurityGroupRule, row) for row in await gather(self.db, RULES_OF, ids)]
        return grouped(found, lambda rule: rule.security_group_id, lambda rule: rule)

    async def default_of(self, project_id: str) -> str | None:
        return await self.db.scalar(DEFAULT_OF, {"project_id": project_id})

    async def set_default(self, project_id: str, group_id: str | None) -> None:
        """Raises Duplicate when another control plane was faster with a project's first group."""
        if not await self.db.execute(
            projects.update()
            .where(projects.c.project_id == project_id, projects.c.default_group_id.is_(None))
            .values(default_group_id=group_id)
        ):
            await self.db.execute(projects.insert(), {"project_id": project_id, "default_group_id": group_id})

    async def forget_default(self, group_id: str) -> None:
        await self.db.execute(projects.update().where(projects.c.default_group_id == group_id).values(default_group_id=None))

    async def missing_of(self, ids: Iterable[str], scope: str) -> set[str]:
        """Those of the ids that this scope cannot use."""
        wanted = set(ids)
        if not wanted:
            return wanted
        stmt = sa.select(groups.c.id).where(groups.c.id.in_(wanted))
        mine = self.seen(scope)
        return wanted - {row.id for row in await self.db.rows(stmt if mine is None else stmt.where(mine))}

    async def named_in(self, project_id: str, name: str) -> list[SecurityGroup]:
        return await self.all(groups.c.project_id == project_id, groups.c.name == name)

    async def in_use(self, group_id: str) -> bool:
        """Whether a port has it."""
        return bool(
            await self.db.scalar(sa.select(sa.func.count()).select_from(port_groups).where(port_groups.c.group_id == group_id))
        )

    async def referring_to(self, group_id: str) -> list[str]:
        """Groups with a rule that lets this one's members in or out."""
        rows = await self.db.rows(sa.select(rules.c.security_group_id).distinct().where(rules.c.remote_group_id == group_id))
        return [row.security_group_id for row in rows]

    async def delete(self, id: str) -> int:
        """With its rules, and the rules that refer to it."""
        await self.db.execute(rules.delete().where(sa.or_(rules.c.security_group_id == id, rules.c.remote_group_id == id)))
        return await super().delete(id)

    async def names(self, ids: Sequence[str]) -> dict[str, str]:
        stmt = sa.select(groups.c.id, groups.c.name).where(groups.c.id.in_(sa.bindparam("ids", expanding=True)))
        return {row.id: row.name for row in await gather(self.db, stmt, ids)}


class Rules:
    """Rules on their own: they have no name and no tags."""

    listing = Listing(rules, hidden=("fingerprint",))

    def __init__(self, db: Database):
        self.db = db

    def missing(self, id: str) -> errors.SecurityGroupRuleNotFound:
        return errors.SecurityGroupRuleNotFound(rule_id=id)

    def seen(self, scope: str | None) -> Clause | None:
        """A project's own, and those that somebody else (an administrator) put into its groups."""
        if scope == EVERYONE:
            return None
        return sa.or_(
            rules.c.project_id == scope, rules.c.security_group_id.in_(sa.select(groups.c.id).where(groups.c.project_id == scope))
        )

    async def get(self, id: str, scope: str | None) -> SecurityGroupRule:
        stmt = sa.select(rules).where(rules.c.id == id)
        mine = self.seen(scope)
        found = await self.db.one(SecurityGroupRule, stmt if mine is None else stmt.where(mine))
        if found is None:
            raise self.missing(id)
        return found

    async def page(self, scope: str | None, wanted: Wanted) -> list[SecurityGroupRule]:
        stmt = self.listing.select(wanted, self.seen(scope))
        return await self.listing.page(self.db, SecurityGroupRule, stmt, wanted, self.missing)

    async def insert(self, rule: SecurityGroupRule) -> None:
        """Raises Duplicate for a rule that the group has already."""
        await self.db.insert(rules, rule, fingerprint=rule.fingerprint)

    async def twin(self, rule: SecurityGroupRule) -> str | None:
        """The id of the same rule in the same group."""
        return await self.db.scalar(sa.select(rules.c.id).where(
            rules.c.security_group_id == rule.security_group_id, rules.c.fingerprint == rule.fingerprint))

    async def delete(self, id: str) -> None:
        await self.db.execute(rules.delete().where(rules.c.id == id))

