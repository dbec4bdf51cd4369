"""The shape of all stores: rows in, records out, every read scoped."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

import sqlalchemy as sa
from msgspec.structs import replace

from pileus.core.context import EVERYONE
from pileus.core.db import Database, row
from pileus.core.errors import CloudError
from pileus.network.model import Wanted
from pileus.network.store.base import Clause, Listing, Project, Tags

R = TypeVar("R", bound=Any)


class Store(Generic[R]):
    """One kind of resource. `find` may return None, `get` raises the resource's NotFound, also when it is someone else's."""

    table: ClassVar[sa.Table]
    kind: ClassVar[type[Any]]
    listing: ClassVar[Listing]
    absent: ClassVar[type[CloudError]]      # what is raised, and how its id is called in it
    named: ClassVar[str]

    def __init__(self, db: Database):
        self.db, self.tags = db, Tags(db)
        self._find = sa.select(self.table).where(self.table.c.id == sa.bindparam("id"))
        self._find_visible = self._find.where(self.visible(sa.bindparam("scope", type_=sa.String)))
        self._locked = {stmt: stmt.with_for_update() for stmt in (self._find, self._find_visible)}

    # What differs from kind to kind
    def missing(self, id: str) -> CloudError:
        facts: dict[str, Any] = {self.named: id}
        return self.absent(**facts)

    def visible(self, project: Project) -> Clause:
        """Which rows a project sees. The project may be a parameter."""
        return self.table.c.project_id == project

    def seen(self, scope: str | None) -> Clause | None:
        """Which rows a scope sees; None: all."""
        return None if scope == EVERYONE else self.visible(scope)

    async def dress(self, found: Sequence[R], scope: str | None = None) -> list[R]:
        """The records with what belongs to them and is kept elsewhere."""
        tags = await self.tags.of([record.id for record in found])
        return [replace(record, tags=tags[record.id]) if record.id in tags else record for record in found]

    # What is the same
    async def find(self, id: str) -> R | None:
        """The bare row."""
        return await self.db.one(self.kind, self._find, {"id": id})

    async def bare(self, id: str, scope: str | None = EVERYONE, *, lock: bool = False) -> R:
        """The bare row of a resource. `lock` keeps it from others until the transaction ends, where databases are shared."""
        stmt, facts = (self._find, {"id": id}) if scope == EVERYONE else (self._find_visible, {"id": id, "scope": scope})
        found = await self.db.one(self.kind, self._locked[stmt] if lock else stmt, facts)
        if found is None:
            raise self.missing(id)
        return found

    async def get(self, id: str, scope: str | None, *, lock: bool = False) -> R:
        """The whole record."""
        return (await self.dress([await self.bare(id, scope, lock=lock)], scope))[0]

    async def page(self, scope: str | None, wanted: Wanted) -> list[R]:
        stmt = self.listing.select(wanted, self.seen(scope))
        return await self.dress(await self.listing.page(self.db, self.kind, stmt, wanted, self.missing), scope)

    async def all(self, *clauses: Clause) -> list[R]:
        """Bare rows, in no order that means anything."""
        return await self.db.all(self.kind, sa.select(self.table).where(*clauses).order_by(self.table.c.id))

    async def count(self, *clauses: Clause) -> int:
        return await self.db.scalar(sa.select(sa.func.count()).select_from(self.table).where(*clauses))

    async def insert(self, record: R) -> None:
        await self.db.insert(self.table, record)

    async def update(self, id: str, now: datetime, **changes: Any) -> int:
        """Change columns; counts the revision, so that others can tell."""
        values = row(changes) | {"revision_number": self.table.c.revision_number + 1, "updated_at": now}
        return await self.db.execute(self.table.update().where(self.table.c.id == id).values(**values))

    async def delete(self, id: str) -> int:
        await self.tags.clear(id)
        return await self.db.delete(self.table, id=id)
