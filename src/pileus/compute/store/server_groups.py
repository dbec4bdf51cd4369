"""The `compute_server_groups` and `compute_server_group_members` tables."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from pileus.compute.model.server_group import ServerGroup
from pileus.compute.store.tables import server_group_members, server_groups, servers
from pileus.core.context import EVERYONE
from pileus.core.db import Database

#: Deleted servers are members no more, whether or not somebody said so.
LIVE = sa.and_(servers.c.id == server_group_members.c.server_id, servers.c.deleted_at.is_(None))


def _scoped(scope: str | None) -> sa.ColumnElement[bool]:
    return sa.true() if scope == EVERYONE else server_groups.c.project_id == scope

GROUPS_OF = sa.select(server_group_members.c.server_id, server_group_members.c.group_id).where(
    server_group_members.c.server_id.in_(sa.bindparam("ids", expanding=True)))


class ServerGroups:
    def __init__(self, db: Database):
        self.db = db

    async def find(self, id: str, scope: str | None) -> ServerGroup | None:
        return await self.db.one(ServerGroup, sa.select(server_groups).where(server_groups.c.id == id, _scoped(scope)))

    async def insert(self, group: ServerGroup) -> None:
        await self.db.insert(server_groups, group)

    async def delete(self, id: str) -> int:
        await self.db.execute(server_group_members.delete().where(server_group_members.c.group_id == id))
        return await self.db.execute(server_groups.delete().where(server_groups.c.id == id))

    async def members(self, ids: Collection[str]) -> dict[str, list[str]]:
        """group → its servers, oldest first."""
        stmt = sa.select(server_group_members.c.group_id, servers.c.id).where(server_group_members.c.group_id.in_(ids), LIVE)
        found: dict[str, list[str]] = {id: [] for id in ids}
        for group_id, server_id in await self.db.rows(stmt.order_by(servers.c.created_at, servers.c.id)):
            found[group_id].append(server_id)
        return found

    async def groups_of(self, server_ids: Collection[str]) -> dict[str, list[str]]:
        """server → its groups."""
        found: dict[str, list[str]] = {id: [] for id in server_ids}
        for server_id, group_id in await self.db.rows(GROUPS_OF, {"ids": list(server_ids)}):
            found[server_id].append(group_id)
        return found

    async def add(self, group_id: str, server_id: str) -> None:
        await self.db.insert(server_group_members, {"group_id": group_id, "server_id": server_id})

    async def remove(self, server_id: str, group_id: str | None) -> None:
        stmt = server_group_members.delete().where(server_group_members.c.server_id == server_id)
        await self.db.execute(stmt if group_id is None else stmt.where(server_group_members.c.group_id == group_id))

    async def list(self, scope: str | None) -> list[ServerGroup]:
        stmt = sa.select(server_groups).where(_scoped(scope))
        return await self.db.all(ServerGroup, stmt.order_by(server_groups.c.created_at, server_groups.c.id))
