"""The `image_members` table."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from pileus.core.db import Database
from pileus.image.model import Member
from pileus.image.store.tables import members


class Members:
    def __init__(self, db: Database):
        self.db = db

    async def add(self, member: Member) -> None:
        """Raises Duplicate when the project is a member already."""
        await self.db.insert(members, member)

    async def find(self, image_id: str, member_id: str | None) -> Member | None:
        return await self.db.one(Member, sa.select(members).where(members.c.image_id == image_id, members.c.member_id == member_id))

    async def all(self, image_id: str, only: str | None = None) -> list[Member]:
        stmt = sa.select(members).where(members.c.image_id == image_id).order_by(members.c.created_at, members.c.member_id)
        return await self.db.all(Member, stmt if only is None else stmt.where(members.c.member_id == only))

    async def count(self, image_id: str) -> int:
        return await self.db.scalar(sa.select(sa.func.count()).select_from(members).where(members.c.image_id == image_id))

    async def set_status(self, image_id: str, member_id: str, status: str, now: datetime) -> bool:
        stmt = members.update().where(members.c.image_id == image_id, members.c.member_id == member_id)
        return bool(await self.db.execute(stmt.values(status=status, updated_at=now)))

    async def remove(self, image_id: str, member_id: str | None = None) -> bool:
        stmt = members.delete().where(members.c.image_id == image_id)
        return bool(await self.db.execute(stmt if member_id is None else stmt.where(members.c.member_id == member_id)))
