"""What the tables of all resources share: standard columns, tags, filters, sorting and paging."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from pileus.core.context import EVERYONE
from pileus.core.db import METADATA, Database, Id, Time
from pileus.core.errors import CloudError, Invalid
from pileus.network.model import Wanted

T = TypeVar("T")
Clause = sa.ColumnElement[bool]
#: A project's id, or the parameter of a statement that has one.
Project = str | sa.ColumnElement | None
Special = Callable[[tuple[str, ...]], Clause]

TRUE, FALSE = frozenset({"true", "1", "t", "yes", "on"}), frozenset({"false", "0", "f", "no", "off"})
#: SQLite and PostgreSQL bound the number of parameters of one statement.
CHUNK = 10_000

tags = sa.Table(
    "network_tags", METADATA,
    Id("resource_id", primary_key=True),
    sa.Column("tag", sa.String(255), primary_key=True),
)
TAGS_OF = sa.select(tags).where(tags.c.resource_id.in_(sa.bindparam("ids", expanding=True))).order_by(tags.c.tag)
DELETE_TAGS = tags.delete().where(tags.c.resource_id == sa.bindparam("id"))


def standard() -> list[sa.Column]:
    """The columns of every resource that can be named."""
    return [
        Id("id", primary_key=True),
        Id("project_id", nullable=False, index=True),
        sa.Column("name", sa.String(255), nullable=False, default=""),
        sa.Column("description", sa.String(255), nullable=False, default=""),
        sa.Column("revision_number", sa.Integer, nullable=False, default=0),
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=False),
    ]


class Listing:
    """How one kind of resource is filtered, sorted and paged: API name → column, and filters that are more than that."""

    def __init__(self, table: sa.Table, renamed: Mapping[str, str] | None = None, special: Mapping[str, Special] | None = None,
                 hidden: Iterable[str] = ()):
        new = {old: name for name, old in (renamed or {}).items()}
        self.table = table
        self.columns = {new.get(column.name, column.name): column for column in table.c if column.name not in hidden}
        if "project_id" in self.columns:
            self.columns["tenant_id"] = self.columns["project_id"]
        self.special = {**_tag_filters(table), **(special or {})}

    def select(self, wanted: Wanted, visible: Clause | None = None, *more: Any) -> sa.Select:
        stmt = sa.select(self.table, *more)
        if visible is not None:
            stmt = stmt.where(visible)
        return stmt.where(*self.clauses(wanted.filters))

    def clauses(self, filters: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[Clause]:
        """Attributes nobody knows are no filter, as upstream has it."""
        for name, values in filters:
            if name in self.special:
                yield self.special[name](values)
            elif name in self.columns:
                yield matches(self.columns[name], values)

    async def page(
        self, db: Database, kind: type[T], stmt: sa.Select, wanted: Wanted, missing: Callable[[str], CloudError]
    ) -> list[T]:
        """The rows of one page. Raises Invalid for an unknown sort key, what `missing` makes for an unknown marker."""
        order = self._order(wanted)
        if wanted.marker is not None:
            row = await db.rows(sa.select(*(key for key, _ in order)).where(self.table.c.id == wanted.marker))
            if not row:
                raise missing(wanted.marker)
            stmt = stmt.where(_behind(order, row[0]))
        stmt = stmt.order_by(*(key.desc() if down else key for key, down in order))
        if wanted.limit is not None:
            stmt = stmt.limit(wanted.limit)
        found = await db.all(kind, stmt)
        return found[::-1] if wanted.reverse else found

    def _order(self, wanted: Wanted) -> list[tuple[sa.ColumnElement, bool]]:
        keys = []
        for name, down in wanted.sort:
            if name not in self.columns:
                raise Invalid(f"[{name!r}] is invalid attribute for sort key")
            column = self.columns[name]
            keys.append(
                (sa.func.coalesce(column, 0 if isinstance(column.type, sa.Integer | sa.Boolean) else ""), down != wanted.reverse)
            )
        return [*keys, (self.table.c.id, wanted.reverse)]


def matches(column: sa.Column, values: tuple[str, ...]) -> Clause:
    """The column has one of the values, which are texts of a query string; an empty one stands for nothing as well."""
    texts = [value for value in values if value != "" or not column.nullable]
    wanted: list[Any] = texts
    if isinstance(column.type, sa.Boolean):
        wanted = [value.lower() in TRUE for value in texts if value.lower() in TRUE | FALSE]
    elif isinstance(column.type, sa.Integer):
        wanted = [int(value) for value in texts if value.lstrip("-").isdecimal()]
    clause = column == wanted[0] if len(wanted) == 1 else column.in_(wanted)
    return clause if len(texts) == len(values) else sa.or_(clause, column.is_(None), column == "")


def _behind(order: Sequence[tuple[sa.ColumnElement, bool]], row: Sequence[Any]) -> Clause:
    """Rows that come after `row` in this order."""
    options = []
    for i, (key, down) in enumerate(order):
        same = [order[j][0] == row[j] for j in range(i)]
        options.append(sa.and_(*same, key < row[i] if down else key > row[i]))
    return sa.or_(*options)


def _tag_filters(table: sa.Table) -> dict[str, Special]:
    def any_of(names: Sequence[str]) -> Clause:
        return table.c.id.in_(sa.select(tags.c.resource_id).where(tags.c.tag.in_(names)))

    def all_of(names: Sequence[str]) -> Clause:
        return sa.and_(*(any_of([name]) for name in names))

    def listed(values: tuple[str, ...]) -> list[str]:
        return [name for value in values for name in value.split(",")]

    return {
        "tags": lambda values: all_of(listed(values)),
        "tags-any": lambda values: any_of(listed(values)),
        "not-tags": lambda values: sa.not_(all_of(listed(values))),
        "not-tags-any": lambda values: sa.not_(any_of(listed(values))),
    }


def owned(table: sa.Table, scope: str | None) -> Clause | None:
    """The rows of one project, or (None) of all."""
    return None if scope == EVERYONE else table.c.project_id == scope


def chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(ids), CHUNK):
        yield ids[at : at + CHUNK]


async def gather(db: Database, stmt: sa.Executable, ids: Sequence[str]) -> list[sa.Row]:
    """The rows of a statement with an expanding parameter `ids`, however many ids there are."""
    found: list[sa.Row] = []
    for part in chunks(ids):
        found.extend(await db.rows(stmt, {"ids": part}))
    return found


def grouped(rows: Iterable[Any], key: Callable[[Any], str], value: Callable[[Any], T]) -> dict[str, tuple[T, ...]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(value(row))
    return {name: tuple(values) for name, values in found.items()}


class Tags:
    """The tags of resources of any kind: their ids never meet."""

    def __init__(self, db: Database):
        self.db = db

    async def of(self, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return grouped(await gather(self.db, TAGS_OF, ids), lambda row: row.resource_id, lambda row: row.tag)

    async def add(self, resource_id: str, names: Iterable[str]) -> None:
        """Names it has already raise Duplicate."""
        for name in dict.fromkeys(names):
            await self.db.execute(tags.insert(), {"resource_id": resource_id, "tag": name})

    async def remove(self, resource_id: str, name: str) -> int:
        return await self.db.execute(tags.delete().where(tags.c.resource_id == resource_id, tags.c.tag == name))

    async def clear(self, resource_id: str) -> None:
        await self.db.execute(DELETE_TAGS, {"id": resource_id})
