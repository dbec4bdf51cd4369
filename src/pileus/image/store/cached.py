"""The `image_cached` table, as one host sees it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import sqlalchemy as sa

from pileus.core.db import Database, Duplicate
from pileus.image.model import Cached
from pileus.image.store.tables import cached


class CachedImages:
    def __init__(self, db: Database, node: str):
        self.db, self.node = db, node

    async def find(self, image_id: str) -> Cached | None:
        return await self.db.one(Cached, sa.select(cached).where(self._copy(image_id)))

    async def all(self) -> list[Cached]:
        stmt = sa.select(cached).where(cached.c.node == self.node)
        return await self.db.all(Cached, stmt.order_by(cached.c.queued_at, cached.c.image_id))

    async def nodes(self, image_id: str) -> list[str]:
        """Every host that has a copy, not only this one."""
        stmt = sa.select(cached.c.node).where(cached.c.image_id == image_id, cached.c.cached_at.is_not(None))
        return [node for (node,) in await self.db.rows(stmt.order_by(cached.c.node))]

    async def queued(self) -> list[Cached]:
        return [copy for copy in await self.all() if copy.cached_at is None]

    async def queue(self, image_id: str, now: datetime) -> None:
        """Repeatable: what is there already stays as it is."""
        if await self.find(image_id) is None:
            with suppress(Duplicate):
                await self.db.insert(cached, Cached(node=self.node, image_id=image_id, queued_at=now, accessed_at=now))

    async def cached(self, image_id: str, size: int, now: datetime) -> bool:
        """All bytes are there. False when the copy is not wanted any more."""
        return bool(await self.db.execute(cached.update().where(self._copy(image_id)).values(size=size, cached_at=now, accessed_at=now)))

    async def hit(self, image_id: str, now: datetime) -> bool:
        """Count that a copy is read; False when there is none."""
        stmt = cached.update().where(self._copy(image_id), cached.c.cached_at.is_not(None))
        return bool(await self.db.execute(stmt.values(hits=cached.c.hits + 1, accessed_at=now)))

    async def remove(self, image_id: str) -> None:
        await self.db.execute(cached.delete().where(self._copy(image_id)))

    def _copy(self, image_id: str) -> sa.ColumnElement[bool]:
        return sa.and_(cached.c.node == self.node, cached.c.image_id == image_id)
