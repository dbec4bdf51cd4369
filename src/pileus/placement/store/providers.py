"""Resource providers, their traits and their aggregates."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from pileus.core.db import Database
from pileus.placement.model import Provider
from pileus.placement.query import Filters
from pileus.placement.store.tables import INVENTORIES, PROVIDER_AGGREGATES, PROVIDER_TRAITS, PROVIDERS

P, I, T, G = PROVIDERS.c, INVENTORIES.c, PROVIDER_TRAITS.c, PROVIDER_AGGREGATES.c  # noqa: E741 one letter per table, as in SQL
BY_ID = sa.select(PROVIDERS).where(P.id == sa.bindparam("provider"))
CAS = PROVIDERS.update().where(P.id == sa.bindparam("provider"), P.generation == sa.bindparam("seen")).values(
    generation=P.generation + 1, updated_at=sa.bindparam("now"))


SIGNED_PROVIDERS = sa.select(sa.func.count(), sa.func.sum(P.generation), sa.func.max(P.updated_at)).select_from(PROVIDERS)
SIGNED_USE = sa.select(sa.func.sum(I.used))
STATES = sa.select(P.id, P.generation, P.updated_at, P.root_id)
USE = sa.select(I.provider_id, sa.func.sum(I.used)).group_by(I.provider_id)
#: By the first digits of their ids providers are in a few hundred heaps, of which a change touches few.
HEAP, HEAP_OF_USE = sa.func.substr(P.id, 1, 2), sa.func.substr(I.provider_id, 1, 2)
HEAPS = sa.select(HEAP, sa.func.count(), sa.func.sum(P.generation), sa.func.max(P.updated_at)).group_by(HEAP)
USE_OF_HEAPS = sa.select(HEAP_OF_USE, sa.func.sum(I.used)).group_by(HEAP_OF_USE)


def among(column: sa.Column, ids: Collection[str] | None) -> sa.ColumnElement[bool]:
    """Rows of these providers; None: of all."""
    return sa.true() if ids is None else column.in_(list(ids))


def _in(column: sa.Column, heaps: Collection[str]) -> sa.ColumnElement[bool]:
    """As ranges, for which there is an index: behind the first digits of an id comes another hexadecimal digit."""
    return sa.or_(sa.false(), *(sa.and_(column >= heap, column < heap + "g") for heap in heaps))


class Providers:
    def __init__(self, db: Database):
        self.db = db

    async def find(self, provider_id: str) -> Provider | None:
        return await self.db.one(Provider, BY_ID, {"provider": provider_id})

    async def by_name(self, name: str) -> Provider | None:
        return await self.db.one(Provider, sa.select(PROVIDERS).where(P.name == name))

    async def insert(self, provider: Provider) -> None:
        await self.db.insert(PROVIDERS, provider)

    async def update(self, provider_id: str, **values: object) -> None:
        await self.db.execute(PROVIDERS.update().where(P.id == provider_id).values(**values))

    async def reroot(self, provider_ids: Collection[str], root_id: str) -> None:
        await self.db.execute(PROVIDERS.update().where(P.id.in_(provider_ids)).values(root_id=root_id))

    async def bump(self, provider_id: str, seen: int, now: datetime) -> bool:
        """The next generation, if the present one is `seen`; whether it was."""
        return bool(await self.db.execute(CAS, {"provider": provider_id, "seen": seen, "now": now}))

    async def delete(self, provider_id: str) -> None:
        """The provider with its traits, aggregates and inventories."""
        for table in (PROVIDER_TRAITS, PROVIDER_AGGREGATES, INVENTORIES):
            await self.db.execute(table.delete().where(table.c.provider_id == provider_id))
        await self.db.execute(PROVIDERS.delete().where(P.id == provider_id))

    async def has_children(self, provider_id: str) -> bool:
        return await self.db.scalar(sa.select(P.id).where(P.parent_id == provider_id).limit(1)) is not None

    async def in_use(self, provider_id: str) -> bool:
        return await self.db.scalar(sa.select(I.provider_id).where(I.provider_id == provider_id, I.used > 0).limit(1)) is not None

    async def tree(self, root_id: str) -> dict[str, str | None]:
        """{provider: its parent} of a whole tree."""
        return {p: parent for p, parent in await self.db.rows(sa.select(P.id, P.parent_id).where(P.root_id == root_id))}

    async def everybody(self, ids: Collection[str] | None = None) -> list[Provider]:
        """All providers, or these."""
        return await self.db.all(Provider, sa.select(PROVIDERS).where(among(P.id, ids)))

    async def signature(self) -> tuple:
        """Changes whenever a provider, an inventory or an allocation does."""
        return (*(await self.db.rows(SIGNED_PROVIDERS))[0], await self.db.scalar(SIGNED_USE))

    async def heaps(self) -> dict[str, tuple]:
        """heap → what changes whenever one of its providers, an inventory or an allocation there does."""
        used = {heap: amount for heap, amount in await self.db.rows(USE_OF_HEAPS)}
        return {heap: (*sums, used.get(heap)) for heap, *sums in await self.db.rows(HEAPS)}

    async def states(self, heaps: Collection[str] | None = None) -> dict[str, tuple]:
        """provider → what changes whenever something of it does; of all, or of those in these heaps."""
        found, use = (STATES, USE) if heaps is None else (STATES.where(_in(P.id, heaps)), USE.where(_in(I.provider_id, heaps)))
        used = {id: amount for id, amount in await self.db.rows(use)}
        return {id: (generation, updated, root, used.get(id, 0)) for id, generation, updated, root in await self.db.rows(found)}

    async def list(self, filters: Filters) -> list[Provider]:
        stmt = sa.select(PROVIDERS)
        if filters.id is not None:
            stmt = stmt.where(P.id == filters.id)
        if filters.name is not None:
            stmt = stmt.where(P.name == filters.name)
        if filters.in_tree is not None:
            stmt = stmt.where(P.root_id.in_(sa.select(P.root_id).where(P.id == filters.in_tree).scalar_subquery()))
        for any_of in filters.member_of:
            stmt = stmt.where(P.id.in_(sa.select(G.provider_id).where(G.aggregate_id.in_(any_of))))
        if filters.not_member_of:
            stmt = stmt.where(P.id.not_in(sa.select(G.provider_id).where(G.aggregate_id.in_(filters.not_member_of))))
        for any_of in filters.required:
            stmt = stmt.where(P.id.in_(sa.select(T.provider_id).where(T.trait.in_(any_of))))
        if filters.forbidden:
            stmt = stmt.where(P.id.not_in(sa.select(T.provider_id).where(T.trait.in_(filters.forbidden))))
        for name, amount in filters.resources.items():
            room = sa.and_(I.resource_class == name, I.used + amount <= (I.total - I.reserved) * I.allocation_ratio,
                           I.min_unit <= amount, I.max_unit >= amount, amount % I.step_size == 0)
            stmt = stmt.where(P.id.in_(sa.select(I.provider_id).where(room)))
        return await self.db.all(Provider, stmt.order_by(P.name))

    async def traits(self, provider_id: str) -> set[str]:
        return {name for name, in await self.db.rows(sa.select(T.trait).where(T.provider_id == provider_id))}

    async def aggregates(self, provider_id: str) -> set[str]:
        return {name for name, in await self.db.rows(sa.select(G.aggregate_id).where(G.provider_id == provider_id))}

    async def set_traits(self, provider_id: str, old: set[str], new: set[str]) -> None:
        await self._set(PROVIDER_TRAITS, T.trait, provider_id, old, new)

    async def set_aggregates(self, provider_id: str, old: set[str], new: set[str]) -> None:
        await self._set(PROVIDER_AGGREGATES, G.aggregate_id, provider_id, old, new)

    async def _set(self, table: sa.Table, column: sa.Column, provider_id: str, old: set[str], new: set[str]) -> None:
        if gone := old - new:
            await self.db.execute(table.delete().where(table.c.provider_id == provider_id, column.in_(gone)))
        if more := new - old:
            await self.db.execute(table.insert(), [{"provider_id": provider_id, column.name: name} for name in sorted(more)])

    async def all_traits(self, ids: Collection[str] | None = None) -> dict[str, set[str]]:
        return await self._all(T.provider_id, T.trait, ids)

    async def all_aggregates(self, ids: Collection[str] | None = None) -> dict[str, set[str]]:
        return await self._all(G.provider_id, G.aggregate_id, ids)

    async def _all(self, key: sa.Column, value: sa.Column, ids: Collection[str] | None) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for provider, name in await self.db.rows(sa.select(key, value).where(among(key, ids))):
            found[provider].add(name)
        return found
