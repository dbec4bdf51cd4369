"""Resource providers: their inventories, traits and aggregates. Every change is a new generation of the provider."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping

from msgspec import UNSET, UnsetType

from pileus.core.db import Duplicate
from pileus.core.kit import Kit
from pileus.placement import store
from pileus.placement.errors import (
    ConcurrentUpdate,
    DuplicateName,
    InventoryAbsent,
    InventoryExists,
    InventoryInUse,
    InventoryNotFound,
    NoSuchClass,
    NoSuchTrait,
    ProviderHasChildren,
    ProviderInUse,
    ProviderNotFound,
    TreeInvalid,
)
from pileus.placement.model import STANDARD_CLASSES, Inventory, Named, Provider, Stock, standard_traits
from pileus.placement.query import Filters


class Providers:
    def __init__(self, kit: Kit):
        self.kit = kit
        self.providers, self.stocks = store.Providers(kit.db), store.Stocks(kit.db)
        self.class_names, self.trait_names = store.Names.classes(kit.db), store.Names.traits(kit.db)

    # ---- providers ---------------------------------------------------------------------------------------------------
    async def get_provider(self, id: str) -> Provider:
        """Raises ProviderNotFound."""
        found = await self.providers.find(id)
        if found is None:
            raise ProviderNotFound(id=id)
        return found

    async def has_provider(self, id: str) -> bool:
        return await self.providers.find(id) is not None

    async def list_providers(self, filters: Filters) -> list[Provider]:
        return await self.providers.list(filters)

    async def create_provider(self, id: str, name: str, parent: str | None = None) -> Provider:
        """Raises DuplicateName, and TreeInvalid for a parent that does not exist."""
        now = self.kit.clock.now()
        async with self.kit.db.transaction():
            if await self.providers.find(id) is not None:
                raise DuplicateName(what=f"uuid: {id}")
            if parent == id:
                raise TreeInvalid(verb="create", name=f'"{name}", ', id=id, why="parent provider UUID cannot be same as UUID.")
            root = (await self._above(parent, "create", id)).root_id if parent is not None else id
            made = Provider(id=id, name=name, parent_id=parent, root_id=root, created_at=now, updated_at=now)
            try:
                await self.providers.insert(made)
            except Duplicate as taken:
                raise DuplicateName(what=f"name: {name}") from taken
        return made

    async def ensure_provider(self, id: str, name: str, parent: str | None = None) -> Provider:
        """The provider, made when it is missing, renamed when its name is another."""
        found = await self.providers.find(id)
        if found is None:
            return await self.create_provider(id, name, parent)
        return found if found.name == name else await self.rename_provider(id, name)

    async def rename_provider(self, id: str, name: str) -> Provider:
        return await self.update_provider(id, name)

    async def update_provider(self, id: str, name: str, parent: str | UnsetType | None = UNSET, *, may_leave: bool = False) -> Provider:
        """Rename it and, when `parent` is given, hang it with all below it there (None: nowhere).

        Raises DuplicateName, and TreeInvalid for a loop or when it may not leave the parent it has."""
        async with self.kit.db.transaction():
            provider = await self.get_provider(id)
            if parent is not UNSET and parent != provider.parent_id:
                await self._move(provider, parent, may_leave)
            try:
                await self.providers.update(id, name=name, updated_at=self.kit.clock.now())
            except Duplicate as taken:
                raise DuplicateName(what=f"name: {name}") from taken
            return await self.get_provider(id)

    async def _move(self, provider: Provider, parent: str | None, may_leave: bool) -> None:
        if provider.parent_id is not None and not may_leave:
            why = f"{'re' if parent else 'un'}-parenting a provider is not currently allowed."
            raise TreeInvalid(verb="save", name="", id=provider.id, why=why)
        below = _below(provider.id, await self.providers.tree(provider.root_id))
        if parent in below:
            raise TreeInvalid(verb="save", name="", id=provider.id, why="creating loop in the provider tree is not allowed.")
        root = (await self._above(parent, "save", provider.id)).root_id if parent is not None else provider.id
        await self.providers.update(provider.id, parent_id=parent)
        await self.providers.reroot(below, root)

    async def _above(self, parent: str, verb: str, id: str) -> Provider:
        found = await self.providers.find(parent)
        if found is None:
            raise TreeInvalid(verb=verb, name="", id=id, why=f"parent provider UUID does not exist: {parent}")
        return found

    async def delete_provider(self, id: str) -> None:
        """Raises ProviderNotFound, ProviderInUse or ProviderHasChildren."""
        async with self.kit.db.transaction():
            if (provider := await self.providers.find(id)) is None:
                raise ProviderNotFound(f"No resource provider with uuid {id} found for delete")
            await self._bump(provider, None)                             # claims of it wait for this from here on
            if await self.providers.has_children(id):
                raise ProviderHasChildren(id=id)
            if await self.providers.in_use(id):
                raise ProviderInUse(id=id)
            await self.providers.delete(id)

    # ---- inventories -------------------------------------------------------------------------------------------------
    async def inventory(self, id: str) -> dict[str, Stock]:
        await self.get_provider(id)
        return await self.stocks.of(id)

    async def stocks_by_provider(self) -> dict[str, dict[str, Stock]]:
        """provider → class → its inventory with what is used of it, of all providers in one query."""
        found: dict[str, dict[str, Stock]] = {}
        for stock in await self.stocks.everything():
            found.setdefault(stock.provider_id, {})[stock.resource_class] = stock
        return found

    async def set_inventory(self, id: str, wanted: Mapping[str, Inventory], generation: int | None = None) -> None:
        """Make the inventories of a provider these. Nothing happens when they are so already and no generation is given.

        Raises ConcurrentUpdate for another generation than the provider's, NoSuchClass, and InventoryInUse for a class that would go."""
        async with self.kit.db.transaction():
            now, provider, known = self.kit.clock.now(), await self.get_provider(id), await self.stocks.of(id)
            if generation is None and {n: s.plain for n, s in known.items()} == dict(wanted):
                return
            await self._check_classes(id, wanted)
            await self._bump(provider, generation)
            gone = known.keys() - wanted.keys()
            if held := sorted((name for name in gone if known[name].used), key=in_order):
                raise InventoryInUse(resource_class=", ".join(held), provider=id)
            for name in gone:
                await self._drop(id, name)
            for name, inventory in wanted.items():
                if name not in known:
                    await self.stocks.insert(id, name, inventory, now)
                elif known[name].plain != inventory:
                    await self.stocks.update(id, name, inventory, now)

    async def add_inventory(self, id: str, name: str, inventory: Inventory, generation: int | None = None) -> None:
        """One class more. Raises InventoryExists when the provider has some of it."""
        async with self.kit.db.transaction():
            known = await self.inventory(id)
            if name in known:
                raise InventoryExists(resource_class=name)
            await self.set_inventory(id, {n: s.plain for n, s in known.items()} | {name: inventory}, generation)

    async def put_inventory(self, id: str, name: str, inventory: Inventory, generation: int | None) -> None:
        """One class. Raises InventoryAbsent when the provider has none of it."""
        async with self.kit.db.transaction():
            known = await self.inventory(id)
            if generation is not None and (await self.get_provider(id)).generation != generation:
                raise ConcurrentUpdate()
            if name not in known:
                raise InventoryAbsent(resource_class=name, provider=id)
            await self.set_inventory(id, {n: s.plain for n, s in known.items()} | {name: inventory}, generation)

    async def delete_inventory(self, id: str, name: str) -> None:
        async with self.kit.db.transaction():
            provider = await self.get_provider(id)
            if name not in await self.stocks.of(id):
                raise InventoryNotFound(f"No inventory of class {name} found for delete.")
            await self._bump(provider, None)
            await self._drop(id, name)

    async def _drop(self, id: str, name: str) -> None:
        if not await self.stocks.delete(id, name):
            raise InventoryInUse(resource_class=name, provider=id)

    async def _check_classes(self, id: str, names: Mapping[str, object]) -> None:
        custom = {n for n in names if n not in STANDARD_CLASSES}
        for name in sorted(custom - await self.class_names.known(custom)) if custom else ():
            raise NoSuchClass(f"Unknown resource class in inventory for resource provider {id}: No such resource class {name}.")

    # ---- traits and aggregates ---------------------------------------------------------------------------------------
    async def traits(self, id: str) -> set[str]:
        await self.get_provider(id)
        return await self.providers.traits(id)

    async def set_traits(self, id: str, wanted: set[str], generation: int | None = None) -> None:
        """Raises NoSuchTrait and ConcurrentUpdate. Custom traits of a caller in this process are made as they come."""
        async with self.kit.db.transaction():
            provider, known = await self.get_provider(id), await self.providers.traits(id)
            if generation is None and known == wanted:
                return
            custom = wanted - standard_traits()
            missing = custom - await self.trait_names.known(custom) if custom else custom
            if generation is None and all(name.startswith("CUSTOM_") for name in missing):
                for name in sorted(missing):
                    await self.trait_names.insert(Named(name=name, updated_at=self.kit.clock.now()))
            elif missing:
                raise NoSuchTrait(name=", ".join(sorted(missing)))
            await self._bump(provider, generation)
            await self.providers.set_traits(id, known, wanted)

    async def aggregates(self, id: str) -> set[str]:
        await self.get_provider(id)
        return await self.providers.aggregates(id)

    async def set_aggregates(self, id: str, wanted: set[str], generation: int | None = None) -> None:
        async with self.kit.db.transaction():
            provider, known = await self.get_provider(id), await self.providers.aggregates(id)
            if generation is None and known == wanted:
                return
            await self._bump(provider, generation)
            await self.providers.set_aggregates(id, known, wanted)

    async def _bump(self, provider: Provider, generation: int | None) -> None:
        if not await self.providers.bump(provider.id, provider.generation if generation is None else generation, self.kit.clock.now()):
            raise ConcurrentUpdate("resource provider generation conflict: Resource provider's generation already changed. Please update "
                                   f"the generation and try again. (actual: {provider.generation}, given: {generation})")


def in_order(name: str) -> tuple[int, str]:
    """Standard classes as upstream lists them, others behind them."""
    return (STANDARD_CLASSES.index(name) if name in STANDARD_CLASSES else len(STANDARD_CLASSES), name)


def _below(id: str, tree: dict[str, str | None]) -> set[str]:
    """The provider and all its descendants."""
    found, more = set(), {id}
    while more:
        found |= more
        more = {child for child, parent in tree.items() if parent in more} - found
    return found

