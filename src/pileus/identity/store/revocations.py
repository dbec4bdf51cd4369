"""What is void, and the generations by which every copy of the control plane notices a change."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from pileus.core.db import Database, Duplicate
from pileus.identity.model import Revocation
from pileus.identity.store.tables import generations, revocations


class Revocations:
    def __init__(self, db: Database):
        self.db = db

    async def begin_generations(self, names: tuple[str, ...]) -> None:
        """Repeatable."""
        for name in names:
            try:
                await self.db.execute(generations.insert(), {"name": name, "value": 1})
            except Duplicate:
                pass

    async def generations(self) -> dict[str, int]:
        return {r.name: r.value for r in await self.db.rows(_GENERATIONS)}

    async def raise_generation(self, name: str) -> int:
        """Only inside a transaction: the row stays locked until its end, so generations are in the order of commits."""
        await self.db.execute(generations.update().where(generations.c.name == name).values(value=generations.c.value + 1))
        return await self.db.scalar(sa.select(generations.c.value).where(generations.c.name == name))

    async def revoke(self, revocation: Revocation) -> None:
        await self.db.execute(revocations.delete().where(revocations.c.key == revocation.key))
        await self.db.insert(revocations, revocation)

    async def since(self, moment: datetime | None) -> list[Revocation]:
        """All, or those that were revoked then or later; in their order."""
        later = [] if moment is None else [revocations.c.revoked_at >= moment]
        return await self.db.all(Revocation, sa.select(revocations).where(*later).order_by(revocations.c.generation, revocations.c.key))

    async def any_since(self, keys: list[str], generation: int) -> bool:
        """Whether one of the keys was revoked after `generation`."""
        return bool(await self.db.rows(_ANY_SINCE, {"keys": keys, "issued": generation}))

    async def purge(self, now: datetime) -> int:
        return await self.db.execute(revocations.delete().where(revocations.c.expires_at < now))


_GENERATIONS = sa.select(generations)
_ANY_SINCE = (
    sa.select(revocations.c.key)
    .where(revocations.c.key.in_(sa.bindparam("keys", expanding=True)), revocations.c.generation > sa.bindparam("issued"))
    .limit(1)
)
