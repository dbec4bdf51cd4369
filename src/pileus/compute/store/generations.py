"""Numbers that grow whenever something that processes keep in memory has changed."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.compute.store.tables import generations
from pileus.core.db import Database, Duplicate

CURRENT = sa.select(generations.c.value).where(generations.c.name == sa.bindparam("name"))


async def current(db: Database, name: str) -> int:
    return await db.scalar(CURRENT, {"name": name}) or 0


async def next_of(db: Database, name: str) -> int:
    """The next number, inside the caller's transaction: who comes second waits, so numbers are in the order of commits."""
    grow = generations.update().where(generations.c.name == name).values(value=generations.c.value + 1)
    if not await db.execute(grow):
        try:
            await db.insert(generations, {"name": name, "value": 1})
        except Duplicate:
            await db.execute(grow)
    return await current(db, name)
