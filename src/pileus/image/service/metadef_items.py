"""What is in a namespace: one kind of it, all kinds alike."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol

from pileus.core.context import Context
from pileus.core.db import Duplicate
from pileus.core.kit import Kit
from pileus.image.metadefs.errors import ItemExists, ItemNotFound, NamespaceProtected
from pileus.image.metadefs.model import AnItem, Namespace, Order
from pileus.image.store.metadefs import Items


class Namespaces(Protocol):
    async def get(self, name: str, scope: str | None, *, lock: bool = False) -> Namespace: ...


class Parts(Generic[AnItem]):
    """The parts of one kind. Each call names a namespace, and raises NamespaceNotFound when the caller has none of that name."""

    def __init__(self, kit: Kit, namespaces: Namespaces, items: Items[AnItem], what: str):
        self.kit, self.namespaces, self.items, self.what = kit, namespaces, items, what

    async def get(self, who: Context, namespace: str, name: str) -> AnItem:
        return await self._get(await self.namespaces.get(namespace, who.scope), name)

    async def page(self, who: Context, namespace: str, order: Order) -> list[AnItem]:
        found = await self.namespaces.get(namespace, who.scope)
        after = None if order.after is None else await self._get(found, order.after)
        return await self.items.page(found.id, order, after)

    async def all(self, who: Context, namespace: str) -> list[AnItem]:
        return await self.items.all((await self.namespaces.get(namespace, who.scope)).id)

    async def add(self, who: Context, namespace: str, make: Callable[[Namespace], Sequence[AnItem]], *,
                  instead: bool = False) -> list[AnItem]:
        """Add what `make` makes for the namespace; `instead` of all there is. Raises ItemExists: then nothing is changed."""
        async with self.kit.db.transaction():
            found = await self.namespaces.get(namespace, who.scope, lock=True)
            made = list(make(found))
            if instead:
                await self.items.remove(found.id)
            await self.insert(found, made)
        return made

    async def insert(self, namespace: Namespace, made: Sequence[AnItem]) -> None:
        """In the caller's transaction. Raises ItemExists."""
        try:
            await self.items.add(made)
        except Duplicate as taken:
            raise ItemExists(what=self.what, name=made[0].name if len(made) == 1 else "one of these",
                             namespace=namespace.namespace) from taken

    async def replace(self, who: Context, namespace: str, name: str, make: Callable[[AnItem], AnItem]) -> AnItem:
        """`make` gets the old one. Raises ItemNotFound, or ItemExists when its new name is taken."""
        async with self.kit.db.transaction():
            found = await self.namespaces.get(namespace, who.scope, lock=True)
            new = make(await self._get(found, name))
            try:
                await self.items.replace(found.id, name, new)
            except Duplicate as taken:
                raise ItemExists(what=self.what, name=new.name, namespace=namespace) from taken
        return new

    async def remove(self, who: Context, namespace: str, name: str | None = None) -> None:
        """One, or all. Raises NamespaceProtected or ItemNotFound."""
        async with self.kit.db.transaction():
            found = await self.namespaces.get(namespace, who.scope, lock=True)
            if found.protected:
                raise NamespaceProtected(namespace=namespace, what=f"the {self.what} in it")
            if not await self.items.remove(found.id, name) and name is not None:
                raise ItemNotFound(what=self.what, name=name, namespace=namespace)

    async def _get(self, namespace: Namespace, name: str) -> AnItem:
        item = await self.items.find(namespace.id, name)
        if item is None:
            raise ItemNotFound(what=self.what, name=name, namespace=namespace.namespace)
        return item
