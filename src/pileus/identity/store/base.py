"""What every table of records with an id can do, and the filters of lists."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from pileus.core.db import Database, Duplicate
from pileus.core.errors import NotFound
from pileus.identity.errors import MarkerNotFound, Taken
from pileus.identity.model import Record

R = TypeVar("R", bound=Record)


#: Ids in one statement.
AT_ONCE = 500


class Filter(msgspec.Struct, frozen=True):
    """One condition of a list: a column, a comparison (`COMPARISONS`) and a value."""

    column: str
    comparison: str
    value: Any


#: As the API spells them behind `__`; the database decides whether the plain ones look at the case of letters.
COMPARISONS = {
    "equals": lambda column, value: column == value,
    "iequals": lambda column, value: sa.func.lower(column) == value.lower(),
    "contains": lambda column, value: column.contains(value, autoescape=True),
    "icontains": lambda column, value: column.icontains(value, autoescape=True),
    "startswith": lambda column, value: column.startswith(value, autoescape=True),
    "istartswith": lambda column, value: column.istartswith(value, autoescape=True),
    "endswith": lambda column, value: column.endswith(value, autoescape=True),
    "iendswith": lambda column, value: column.iendswith(value, autoescape=True),
}


#: As the API spells them before a moment: `password_expires_at=lt:2026-01-01T00:00:00Z`.
ORDERINGS = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
    "neq": operator.ne,
}


class Table(Generic[R]):
    """Records of one kind."""

    table: ClassVar[sa.Table]
    kind: ClassVar[type]
    noun: ClassVar[str]
    not_found: ClassVar[type[NotFound]]

    def __init__(self, db: Database):
        self.db = db
        # Built once: putting a statement together costs more than SQLite needs to carry it out.
        self._by_id = sa.select(self.table).where(self.table.c.id == sa.bindparam("wanted"))
        self._by_id_locked = self._by_id.with_for_update()
        if {"name", "domain_id"} <= set(self.table.c.keys()):
            self._by_name = sa.select(self.table).where(
                self.table.c.name == sa.bindparam("wanted"), self.table.c.domain_id == sa.bindparam("domain")
            )

    async def find(self, id: str, *, lock: bool = False) -> R | None:
        """The record or None; `lock` keeps other writers away until the transaction ends (SQLite has only one anyway)."""
        return await self.db.one(self.kind, self._by_id_locked if lock else self._by_id, {"wanted": id})

    async def named(self, name: str, domain_id: str = "") -> R | None:
        """The record of a name in a domain. Only of kinds that have both."""
        return await self.db.one(self.kind, self._by_name, {"wanted": name, "domain": domain_id})

    async def get(self, id: str, *, lock: bool = False) -> R:
        found = await self.find(id, lock=lock)
        if found is None:
            raise self.not_found(id=id)
        return found

    async def some(self, ids: Iterable[str]) -> list[R]:
        """Those of the ids that exist. However many: a statement takes only so many parameters."""
        wanted = sorted(set(ids))
        found: list[R] = []
        for at in range(0, len(wanted), AT_ONCE):
            query = sa.select(self.table).where(self.table.c.id.in_(wanted[at : at + AT_ONCE])).order_by(self.table.c.name)
            found += await self.db.all(self.kind, query)
        return found

    async def matching(self, filters: tuple[Filter, ...] | list[Filter] = ()) -> list[R]:
        conditions = self.conditions(filters)
        order = self.table.c.name if "name" in self.table.c else self.table.c.id
        return await self.db.all(self.kind, sa.select(self.table).where(*conditions).order_by(order, self.table.c.id))

    def conditions(self, filters: Iterable[Filter]) -> list[sa.ColumnElement[bool]]:
        return [(COMPARISONS.get(f.comparison) or ORDERINGS[f.comparison])(self.table.c[f.column], f.value) for f in filters]

    async def page(self, filters: list[Filter], limit: int | None, marker: str | None) -> tuple[list[R], bool]:
        """(records behind the marker, whether there are more): by id when a page is asked for, otherwise all by name.

        Raises MarkerNotFound for a marker that is no record.
        """
        if limit is None and marker is None:
            return await self.matching(filters), False
        conditions = self.conditions(filters)
        if marker is not None:
            if await self.find(marker) is None:
                raise MarkerNotFound(marker=marker)
            conditions.append(self.table.c.id > marker)
        query = sa.select(self.table).where(*conditions).order_by(self.table.c.id)
        if limit is None:
            return await self.db.all(self.kind, query), False
        found: list[R] = await self.db.all(self.kind, query.limit(limit + 1))
        return found[:limit], len(found) > limit

    async def add(self, record: R) -> None:
        try:
            await self.db.insert(self.table, record)
        except Duplicate as problem:
            raise Taken(kind=self.noun, why=self.taken(record)) from problem

    async def change(self, record: R, values: Mapping[str, Any]) -> R:
        """Write some columns; returns the record as it then is."""
        changed = msgspec.structs.replace(record, **values)
        if values:
            try:
                await self.db.execute(self.table.update().where(self.table.c.id == record.id).values(**values))
            except Duplicate as problem:
                raise Taken(kind=self.noun, why=self.taken(changed)) from problem
        return changed

    async def remove(self, id: str) -> None:
        if not await self.db.execute(self.table.delete().where(self.table.c.id == id)):
            raise self.not_found(id=id)

    def taken(self, record: R) -> str:
        """Why a record cannot be stored beside those there are."""
        return f"Duplicate entry found with name {getattr(record, 'name', record.id)}"
