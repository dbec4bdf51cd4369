"""The `compute_keypairs` table."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.compute.model.keypair import Keypair
from pileus.compute.store.tables import keypairs
from pileus.core.db import Database


class Keypairs:
    def __init__(self, db: Database):
        self.db = db

    async def find(self, user_id: str, name: str) -> Keypair | None:
        return await self.db.one(Keypair, sa.select(keypairs).where(keypairs.c.user_id == user_id, keypairs.c.name == name))

    async def list(self, user_id: str) -> list[Keypair]:
        return await self.db.all(Keypair, sa.select(keypairs).where(keypairs.c.user_id == user_id).order_by(keypairs.c.name))

    async def next_number(self) -> int:
        return (await self.db.scalar(sa.select(sa.func.max(keypairs.c.number))) or 0) + 1

    async def insert(self, keypair: Keypair) -> None:
        await self.db.insert(keypairs, keypair)

    async def delete(self, user_id: str, name: str) -> int:
        return await self.db.execute(keypairs.delete().where(keypairs.c.user_id == user_id, keypairs.c.name == name))
