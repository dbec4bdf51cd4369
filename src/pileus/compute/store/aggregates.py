"""The `compute_aggregates` table, kept in memory: there are few, and every list of hosts wants their zones."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from pileus.compute.model.aggregate import Aggregate
from pileus.compute.store import generations
from pileus.compute.store.tables import aggregates
from pileus.core.db import Database

NAME = "aggregates"


class Aggregates:
    def __init__(self, db: Database):
        self.db = db
        self._seen = -1
        self._all: tuple[Aggregate, ...] = ()

    async def all(self) -> tuple[Aggregate, ...]:
        """Every aggregate by id; the same tuple as before when nothing changed. Inside a transaction nothing is remembered."""
        if self.db.in_transaction:
            return await self._read()
        generation = await generations.current(self.db, NAME)
        if generation != self._seen:
            self._all, self._seen = await self._read(), generation
        return self._all

    async def _read(self) -> tuple[Aggregate, ...]:
        return tuple(await self.db.all(Aggregate, sa.select(aggregates).order_by(aggregates.c.id)))

    async def find(self, id: int) -> Aggregate | None:
        return await self.db.one(Aggregate, sa.select(aggregates).where(aggregates.c.id == id))

    async def change(self) -> None:
        """Say, at the begin of a transaction, that it changes aggregates. It waits for those that said so before."""
        await generations.next_of(self.db, NAME)

    async def next_id(self) -> int:
        return (await self.db.scalar(sa.select(sa.func.max(aggregates.c.id))) or 0) + 1

    async def insert(self, aggregate: Aggregate) -> None:
        await self.db.insert(aggregates, aggregate)

    async def update(self, id: int, values: dict[str, Any]) -> int:
        return await self.db.execute(aggregates.update().where(aggregates.c.id == id).values(**values))

    async def delete(self, id: int) -> int:
        return await self.db.execute(aggregates.delete().where(aggregates.c.id == id))
