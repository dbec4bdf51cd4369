"""Metadata definitions in the database."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Generic

import sqlalchemy as sa

from pileus.core.context import EVERYONE
from pileus.core.db import Database, Duplicate, row
from pileus.image.metadefs.model import AnItem, Association, Namespace, Object, Order, Property, ResourceType, Tag
from pileus.image.store.metadef_tables import associations, namespaces, objects, properties, resource_types, tags


class Items(Generic[AnItem]):
    """One kind of content of namespaces."""

    def __init__(self, db: Database, table: sa.Table, kind: type[AnItem]):
        self.db, self.table, self.kind = db, table, kind

    async def find(self, namespace_id: str, name: str) -> AnItem | None:
        return await self.db.one(self.kind, sa.select(self.table).where(*self._is(namespace_id, name)))

    async def page(self, namespace_id: str, order: Order, after: AnItem | None = None) -> list[AnItem]:
        stmt = sa.select(self.table).where(self.table.c.namespace_id == namespace_id)
        return await self.db.all(self.kind, _paged(stmt, self.table.c, order, "name", after))

    async def all(self, namespace_id: str) -> list[AnItem]:
        stmt = sa.select(self.table).where(self.table.c.namespace_id == namespace_id)
        return await self.db.all(self.kind, stmt.order_by(self.table.c.created_at, self.table.c.name))

    async def of(self, namespace_ids: Sequence[str]) -> list[AnItem]:
        """The content of several namespaces."""
        stmt = sa.select(self.table).where(self.table.c.namespace_id.in_(namespace_ids))
        return await self.db.all(self.kind, stmt.order_by(self.table.c.created_at, self.table.c.name))

    async def add(self, items: Sequence[AnItem]) -> None:
        """Raises Duplicate when a name is taken."""
        if items:
            await self.db.execute(self.table.insert(), [row(item) for item in items])

    async def replace(self, namespace_id: str, name: str, item: AnItem) -> bool:
        """Raises Duplicate when the new name is taken."""
        return bool(await self.db.execute(self.table.update().where(*self._is(namespace_id, name)).values(**row(item))))

    async def remove(self, namespace_id: str, name: str | None = None) -> int:
        """One, or all."""
        stmt = self.table.delete().where(self.table.c.namespace_id == namespace_id)
        return await self.db.execute(stmt if name is None else stmt.where(self.table.c.name == name))

    def _is(self, namespace_id: str, name: str) -> tuple[sa.ColumnElement[bool], ...]:
        return self.table.c.namespace_id == namespace_id, self.table.c.name == name


class Metadefs:
    """The `image_metadef_*` tables."""

    def __init__(self, db: Database):
        self.db = db
        self.properties: Items[Property] = Items(db, properties, Property)
        self.objects: Items[Object] = Items(db, objects, Object)
        self.tags: Items[Tag] = Items(db, tags, Tag)
        self.associations: Items[Association] = Items(db, associations, Association)

    async def find(self, name: str, scope: str | None, *, lock: bool = False) -> Namespace | None:
        """With `lock` nobody else changes the namespace until the transaction around ends."""
        stmt = sa.select(namespaces).where(namespaces.c.namespace == name, _seen(scope))
        return await self.db.one(Namespace, stmt.with_for_update() if lock else stmt)

    async def page(self, scope: str | None, order: Order, after: Namespace | None, *, visibility: str | None = None,
                   types: Sequence[str] = ()) -> list[Namespace]:
        stmt = sa.select(namespaces).where(_seen(scope))
        if visibility is not None:
            stmt = stmt.where(namespaces.c.visibility == visibility)
        if types:
            stmt = stmt.where(sa.exists().where(associations.c.namespace_id == namespaces.c.id, associations.c.name.in_(types)))
        return await self.db.all(Namespace, _paged(stmt, namespaces.c, order, "namespace", after))

    async def names(self) -> set[str]:
        return {found[0] for found in await self.db.rows(sa.select(namespaces.c.namespace))}

    async def add(self, namespace: Namespace) -> None:
        """Raises Duplicate when the name is taken."""
        await self.db.insert(namespaces, namespace)

    async def update(self, id: str, values: dict[str, Any]) -> None:
        """Raises Duplicate when the new name is taken."""
        await self.db.execute(namespaces.update().where(namespaces.c.id == id).values(**values))

    async def remove(self, id: str) -> None:
        for items in (self.properties, self.objects, self.tags, self.associations):
            await items.remove(id)
        await self.db.execute(namespaces.delete().where(namespaces.c.id == id))

    # ---- resource types ----------------------------------------------------------------------------------------------
    async def resource_types(self) -> list[ResourceType]:
        return await self.db.all(ResourceType, sa.select(resource_types).order_by(resource_types.c.name))

    async def ensure_types(self, types: Sequence[ResourceType]) -> None:
        known = {kind.name for kind in await self.resource_types()}
        for kind in types:
            if kind.name not in known:
                with suppress(Duplicate):              # somebody else was quicker
                    await self.db.insert(resource_types, kind)


def _seen(scope: str | None) -> sa.ColumnElement[bool]:
    """Namespaces that exist for a project."""
    if scope == EVERYONE:
        return sa.true()
    return sa.or_(namespaces.c.visibility == "public", namespaces.c.owner == scope)


def _paged(stmt: sa.Select, columns: Any, order: Order, unique: str, after: Any) -> sa.Select:
    """One page in a total order: by the key asked for, then by the name."""
    first, name = sa.func.coalesce(columns[order.key], ""), columns[unique]
    if after is not None:
        value, last = row(after)[order.key] or "", getattr(after, unique)
        if order.descending:
            stmt = stmt.where(sa.or_(first < value, sa.and_(first == value, name < last)))
        else:
            stmt = stmt.where(sa.or_(first > value, sa.and_(first == value, name > last)))
    keys = [first.desc(), name.desc()] if order.descending else [first.asc(), name.asc()]
    return stmt.order_by(*keys).limit(order.limit)
