"""Inventories as stored: totals with what is in use of them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from pileus.core.db import Database, row
from pileus.placement.model import Inventory, Stock
from pileus.placement.store.tables import INVENTORIES

I = INVENTORIES.c  # noqa: E741 one letter per table, as in SQL
OF = sa.select(INVENTORIES).where(I.provider_id == sa.bindparam("provider"))


class Stocks:
    def __init__(self, db: Database):
        self.db = db

    async def of(self, provider_id: str) -> dict[str, Stock]:
        return {s.resource_class: s for s in await self.db.all(Stock, OF, {"provider": provider_id})}

    async def everything(self, ids: Collection[str] | None = None) -> list[Stock]:
        """The inventories of all providers, or of these."""
        mine = sa.true() if ids is None else I.provider_id.in_(list(ids))
        return await self.db.all(Stock, sa.select(INVENTORIES).where(mine))

    async def insert(self, provider_id: str, resource_class: str, inventory: Inventory, now: datetime) -> None:
        await self.db.insert(INVENTORIES, amounts(inventory), provider_id=provider_id, resource_class=resource_class, used=0,
                             updated_at=now)

    async def update(self, provider_id: str, resource_class: str, inventory: Inventory, now: datetime) -> None:
        await self.db.execute(INVENTORIES.update().where(I.provider_id == provider_id, I.resource_class == resource_class).values(
            **amounts(inventory), updated_at=now))

    async def delete(self, provider_id: str, resource_class: str) -> bool:
        """Whether there was an inventory of which nothing is in use; it is gone then."""
        unused = INVENTORIES.delete().where(I.provider_id == provider_id, I.resource_class == resource_class, I.used == 0)
        return bool(await self.db.execute(unused))


def amounts(inventory: Inventory) -> dict:
    """Only what an Inventory says, also when it is a Stock."""
    found = row(inventory)
    return {name: found[name] for name in Inventory.__struct_fields__}
