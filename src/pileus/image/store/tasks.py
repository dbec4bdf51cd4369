"""The `image_tasks` table."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pileus.core.db import Database
from pileus.image.model import Task, WantedTasks
from pileus.image.store.query import behind, in_order
from pileus.image.store.tables import tasks


class Tasks:
    def __init__(self, db: Database):
        self.db = db

    async def add(self, task: Task) -> None:
        await self.db.insert(tasks, task)

    async def find(self, id: str) -> Task | None:
        return await self.db.one(Task, sa.select(tasks).where(tasks.c.id == id))

    async def of_image(self, image_id: str) -> list[Task]:
        return await self.db.all(Task, sa.select(tasks).where(tasks.c.image_id == image_id).order_by(tasks.c.created_at, tasks.c.id))

    async def page(self, wanted: WantedTasks) -> list[Task]:
        stmt = sa.select(tasks)
        for name, value in wanted.equal:
            stmt = stmt.where(tasks.c[name] == value)
        if wanted.after is not None:
            stmt = stmt.where(behind(tasks, wanted.after, wanted.sort))
        return await self.db.all(Task, in_order(stmt, tasks, wanted.sort).limit(wanted.limit))

    async def update(self, id: str, now: datetime, **values: Any) -> None:
        await self.db.execute(tasks.update().where(tasks.c.id == id).values(updated_at=now, **values))

    async def expire(self, now: datetime) -> int:
        return await self.db.execute(tasks.delete().where(tasks.c.expires_at < now))
