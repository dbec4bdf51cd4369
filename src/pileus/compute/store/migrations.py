"""The `compute_migrations` table."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from pileus.compute.model.migration import OPEN, Migration
from pileus.compute.store.tables import migrations as table
from pileus.core.db import Database

OF_SERVER = sa.select(table).where(table.c.server_id == sa.bindparam("server"),
                                   table.c.status.in_(sa.bindparam("statuses", expanding=True))).order_by(table.c.id.desc())


class MigrationFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is narrowed to; None is not asked."""

    host: str | None = None                 # source or destination
    source: str | None = None
    status: str | None = None
    type: str | None = None
    server_id: str | None = None
    user_id: str | None = None
    project_id: str | None = None
    changes_since: datetime | None = None
    changes_before: datetime | None = None


class Migrations:
    def __init__(self, db: Database):
        self.db = db

    async def add(self, migration: Migration) -> None:
        counted = {name: getattr(migration, name) for name in migration.__struct_fields__ if name != "id"}
        await self.db.insert(table, counted)

    async def find(self, uuid: str) -> Migration | None:
        return await self.db.one(Migration, sa.select(table).where(table.c.uuid == uuid))

    async def of_server(self, server_id: str, statuses: Collection[str] = OPEN) -> list[Migration]:
        """Newest first; only those that are under way unless told otherwise."""
        return await self.db.all(Migration, OF_SERVER, {"server": server_id, "statuses": list(statuses)})

    async def on_host(self, host: str) -> list[Migration]:
        """Those under way from or to a host."""
        here = sa.or_(table.c.source_host == host, table.c.dest_host == host)
        return await self.db.all(Migration, sa.select(table).where(here, table.c.status.in_(list(OPEN))))

    async def waiting(self, before: datetime) -> list[Migration]:
        """Resizes that have waited to be confirmed since before a moment."""
        stmt = sa.select(table).where(table.c.status == "finished", table.c.type.in_(["resize", "migration"]), table.c.updated_at < before)
        return await self.db.all(Migration, stmt)

    async def update(self, uuid: str, now: datetime, /, **values: Any) -> bool:
        plain = {k: msgspec.to_builtins(v) if isinstance(v, msgspec.Struct) else v for k, v in values.items()}
        return bool(await self.db.execute(table.update().where(table.c.uuid == uuid).values(updated_at=now, **plain)))

    async def enter(self, uuid: str, now: datetime, status: str, *, allowed: Collection[str]) -> bool:
        """Change the status if it is one of those; one statement, so that two callers cannot both win."""
        stmt = table.update().where(table.c.uuid == uuid, table.c.status.in_(list(allowed)))
        return bool(await self.db.execute(stmt.values(status=status, updated_at=now)))

    async def list(self, wanted: MigrationFilter, *, limit: int | None = None, marker: Migration | None = None) -> list[Migration]:
        """Newest first, from behind `marker`."""
        c, w = table.c, wanted
        exact = {c.source_host: w.source, c.status: w.status, c.type: w.type, c.server_id: w.server_id, c.user_id: w.user_id,
                 c.project_id: w.project_id}
        found: list[sa.ColumnElement[bool]] = [column == value for column, value in exact.items() if value is not None]
        if w.host is not None:
            found.append(sa.or_(c.source_host == w.host, c.dest_host == w.host))
        if w.changes_since is not None:
            found.append(c.updated_at >= w.changes_since)
        if w.changes_before is not None:
            found.append(c.updated_at <= w.changes_before)
        if marker is not None:
            found.append(c.id < marker.id)
        stmt = sa.select(table).where(*found).order_by(c.id.desc())
        return await self.db.all(Migration, stmt.limit(limit) if limit else stmt)
