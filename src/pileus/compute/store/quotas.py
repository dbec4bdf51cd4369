"""The `compute_quotas` table, and the sums over what it limits."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.compute.model.quota import DEFAULT_CLASS, Limit
from pileus.compute.store import generations
from pileus.compute.store.tables import keypairs, quotas, server_groups, servers
from pileus.core.db import Database, Duplicate


def class_id(name: str) -> str:
    return f"class:{name}"

LIMITS = sa.select(quotas).where(quotas.c.project_id.in_(sa.bindparam("ids", expanding=True)))
USAGE = sa.select(
    sa.func.count(),
    sa.func.coalesce(sa.func.sum(servers.c.vcpus), 0),
    sa.func.coalesce(sa.func.sum(servers.c.memory_mb), 0),
).where(servers.c.project_id == sa.bindparam("project"), servers.c.deleted_at.is_(None), servers.c.vm_state != "soft-delete")
USERS_USAGE = USAGE.where(servers.c.user_id == sa.bindparam("user"))


class Quotas:
    def __init__(self, db: Database):
        self.db = db

    async def limits(self, project_id: str) -> list[Limit]:
        """What was set for the default class, the project and all its users."""
        return await self.db.all(Limit, LIMITS, {"ids": [class_id(DEFAULT_CLASS), project_id]})

    async def class_limits(self, name: str) -> dict[str, int]:
        stmt = sa.select(quotas.c.resource, quotas.c.limit).where(quotas.c.project_id == class_id(name))
        return {row[0]: row[1] for row in await self.db.rows(stmt)}

    async def set(self, limit: Limit) -> None:
        """Store a limit, in place of the one before."""
        key = sa.and_(
            quotas.c.project_id == limit.project_id, quotas.c.user_id == limit.user_id, quotas.c.resource == limit.resource
        )
        change = quotas.update().where(key).values(limit=limit.limit)
        if not await self.db.execute(change):
            try:
                await self.db.insert(quotas, limit)
            except Duplicate:
                await self.db.execute(change)

    async def delete(self, project_id: str, user_id: str | None) -> None:
        """Forget what was set for a project, its users included, or for one user."""
        stmt = quotas.delete().where(quotas.c.project_id == project_id)
        await self.db.execute(stmt if user_id is None else stmt.where(quotas.c.user_id == user_id))

    async def lock(self, project_id: str) -> None:
        """Let one transaction after the other count a project. SQLite has one writer anyway."""
        if self.db.dialect != "sqlite":
            await generations.next_of(self.db, f"quota {project_id}")

    async def usage(self, project_id: str, user_id: str | None = None) -> dict[str, int]:
        """instances, cores and ram of the servers that are not deleted, softly or for good."""
        stmt, mine = (USAGE, {"project": project_id}) if user_id is None else (USERS_USAGE, {"project": project_id, "user": user_id})
        ((instances, cores, ram),) = await self.db.rows(stmt, mine)
        return {"instances": int(instances), "cores": int(cores), "ram": int(ram)}

    async def count_groups(self, project_id: str, user_id: str | None = None) -> int:
        mine = server_groups.c.project_id == project_id
        if user_id is not None:
            mine = sa.and_(mine, server_groups.c.user_id == user_id)
        return await self.db.scalar(sa.select(sa.func.count()).select_from(server_groups).where(mine))

    async def count_keypairs(self, user_id: str) -> int:
        return await self.db.scalar(sa.select(sa.func.count()).select_from(keypairs).where(keypairs.c.user_id == user_id))
