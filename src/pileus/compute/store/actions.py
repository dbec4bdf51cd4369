"""What was done to servers, by whom and how it ended (`os-instance-actions`)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from pileus.compute.store.tables import server_actions as table
from pileus.core.clock import Clock
from pileus.core.context import Context
from pileus.core.db import Database, Duplicate


class ServerAction(msgspec.Struct, frozen=True, kw_only=True):
    request_id: str
    server_id: str
    action: str
    project_id: str | None = None
    user_id: str | None = None
    message: str | None = None
    started_at: datetime
    updated_at: datetime | None = None
    events: list[dict[str, Any]] = []       # finish_time, result and details of what it came to


class ServerActions:
    def __init__(self, db: Database, clock: Clock):
        self.db, self.clock = db, clock

    async def begin(self, server_id: str, action: str, who: Context) -> None:
        """Note that `who` began an action; the request's id is its name."""
        now = self.clock.now()
        try:
            await self.db.insert(table, ServerAction(
                request_id=who.request_id, server_id=server_id, action=action, project_id=who.project_id, user_id=who.user_id,
                started_at=now, updated_at=now))
        except Duplicate:
            return                                     # the same request did two things: the first one names it

    async def finish(self, request_id: str, server_id: str, *, error: str | None = None) -> None:
        """Note what it came to, if it was noted that it began."""
        now = self.clock.now()
        event = {"finish_time": now, "result": "Error" if error else "Success", "details": error}
        await self.db.update(table, {"request_id": request_id, "server_id": server_id}, updated_at=now,
                             message="Error" if error else None, events=[event])

    async def find(self, server_id: str, request_id: str) -> ServerAction | None:
        return await self.db.find(ServerAction, table, server_id=server_id, request_id=request_id)

    async def list(self, server_id: str, *, limit: int | None = None, marker: str | None = None, changes_since: datetime | None = None,
                   changes_before: datetime | None = None) -> list[ServerAction]:
        """Newest first."""
        stmt = sa.select(table).where(table.c.server_id == server_id).order_by(table.c.started_at.desc(), table.c.request_id.desc())
        if changes_since is not None:
            stmt = stmt.where(table.c.updated_at >= changes_since)
        if changes_before is not None:
            stmt = stmt.where(table.c.updated_at <= changes_before)
        if marker is not None and (last := await self.find(server_id, marker)) is not None:
            stmt = stmt.where(sa.or_(table.c.started_at < last.started_at,
                                     sa.and_(table.c.started_at == last.started_at, table.c.request_id < last.request_id)))
        return await self.db.all(ServerAction, stmt.limit(limit) if limit else stmt)
