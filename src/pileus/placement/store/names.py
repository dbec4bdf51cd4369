"""Custom resource classes and custom traits: names with a date. The standard ones are not stored."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from pileus.core.db import Database
from pileus.placement.model import Named
from pileus.placement.store.tables import CLASSES, INVENTORIES, PROVIDER_TRAITS, TRAITS


class Names:
    """One of the two tables, with the column elsewhere that uses its names."""

    def __init__(self, db: Database, table: sa.Table, used_in: sa.Column):
        self.db, self.table, self.used_in = db, table, used_in

    @classmethod
    def classes(cls, db: Database) -> Names:
        return cls(db, CLASSES, INVENTORIES.c.resource_class)

    @classmethod
    def traits(cls, db: Database) -> Names:
        return cls(db, TRAITS, PROVIDER_TRAITS.c.trait)

    async def find(self, name: str) -> Named | None:
        return await self.db.one(Named, sa.select(self.table).where(self.table.c.name == name))

    async def list(self) -> list[Named]:
        return await self.db.all(Named, sa.select(self.table).order_by(self.table.c.name))

    async def known(self, names: Collection[str]) -> set[str]:
        return {name for name, in await self.db.rows(sa.select(self.table.c.name).where(self.table.c.name.in_(names)))}

    async def insert(self, named: Named) -> None:
        """Raises Duplicate."""
        await self.db.insert(self.table, named)

    async def rename(self, old: str, named: Named) -> None:
        """Raises Duplicate."""
        await self.db.execute(self.table.update().where(self.table.c.name == old).values(name=named.name, updated_at=named.updated_at))

    async def delete(self, name: str) -> None:
        await self.db.execute(self.table.delete().where(self.table.c.name == name))

    async def used(self) -> set[str]:
        """The names that some provider has."""
        return {name for name, in await self.db.rows(sa.select(self.used_in).distinct())}

    async def in_use(self, name: str) -> bool:
        return await self.db.scalar(sa.select(self.used_in).where(self.used_in == name).limit(1)) is not None
