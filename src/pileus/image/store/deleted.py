"""The `image_deleted` table: images whose bytes are kept for a while."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from pileus.core.db import Database
from pileus.image.model import DeletedImage
from pileus.image.store.tables import deleted


class DeletedImages:
    def __init__(self, db: Database):
        self.db = db

    async def add(self, one: DeletedImage) -> None:
        await self.db.insert(deleted, one)

    async def find(self, id: str) -> DeletedImage | None:
        return await self.db.one(DeletedImage, sa.select(deleted).where(deleted.c.id == id))

    async def due(self, now: datetime) -> list[DeletedImage]:
        return await self.db.all(DeletedImage, sa.select(deleted).where(deleted.c.scrub_at <= now).order_by(deleted.c.scrub_at))

    async def remove(self, id: str) -> bool:
        """False when somebody else was quicker."""
        return bool(await self.db.execute(deleted.delete().where(deleted.c.id == id)))
