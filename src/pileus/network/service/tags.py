"""Tags: short texts on networks, subnets, ports, routers, subnet pools, floating IPs and security groups."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pileus.core.context import Context
from pileus.core.db import Duplicate
from pileus.network import errors
from pileus.network.service.part import Part
from pileus.network.store.resource import Store


class Tags(Part):
    """`collection` is the store of the resource's kind: a resource that the caller does not see has no tags (OSSA-2024-005)."""

    async def of(self, who: Context, collection: Store, id: str) -> tuple[str, ...]:
        return (await collection.get(id, who.scope)).tags

    async def replace(self, who: Context, collection: Store, id: str, names: Sequence[str]) -> tuple[str, ...]:
        async with self.db.transaction():
            await collection.bare(id, who.scope, lock=True)
            await self.stores.tags.clear(id)
            await self.add_tags(id, names)
            await collection.update(id, self.now())
        return await self.of(who, collection, id)

    async def add(self, who: Context, collection: Store, id: str, names: Sequence[str]) -> tuple[str, ...]:
        """Tags that are there already stay."""
        async with self.db.transaction():
            await collection.bare(id, who.scope, lock=True)
            have = (await self.stores.tags.of([id])).get(id, ())
            new = [name for name in names if name not in have]
            if len(have) + len(new) > self.config.max_tags:
                raise errors.InvalidInput(why=f"The number of tags exceed the per-resource limit of {self.config.max_tags}")
            try:
                await self.stores.tags.add(id, new)
            except Duplicate:
                return await self.of(who, collection, id)
            if new:
                await collection.update(id, self.now())
        return await self.of(who, collection, id)

    async def remove(self, who: Context, collection: Store, id: str, name: str | None = None) -> None:
        """One tag, or (None) all of them. Raises TagNotFound."""
        async with self.db.transaction():
            record: Any = await collection.bare(id, who.scope, lock=True)
            if name is None:
                await self.stores.tags.clear(record.id)
            elif not await self.stores.tags.remove(id, name):
                raise errors.TagNotFound(tag=name)
            await collection.update(id, self.now())
