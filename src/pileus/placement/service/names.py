"""The names of traits and resource classes: the standard ones, and those that operators make."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.db import Duplicate
from pileus.core.errors import NotFound
from pileus.core.kit import Kit
from pileus.placement import store
from pileus.placement.errors import ClassExists, ClassInUse, ClassNotFound, NameInUse, NameInvalid, StandardName, TraitNotFound
from pileus.placement.model import CUSTOM_NAME, STANDARD_CLASSES, Named, standard_traits


class Names:
    def __init__(self, kit: Kit):
        self.kit = kit
        self.class_names, self.trait_names = store.Names.classes(kit.db), store.Names.traits(kit.db)

    async def trait_exists(self, name: str) -> bool:
        return name in standard_traits() or await self.trait_names.find(name) is not None

    async def all_traits(self, *, associated: bool | None = None) -> set[str]:
        """All names; `associated`: only those that some provider has, or that none has."""
        names = {*standard_traits(), *(n.name for n in await self.trait_names.list())}
        if associated is None:
            return set(names)
        used = await self.trait_names.used()
        return names & used if associated else set(names - used)

    async def get_trait(self, name: str) -> Named | None:
        """When it was made, if it is one of ours. Raises TraitNotFound."""
        return await self._get(self.trait_names, name, name in standard_traits(), TraitNotFound)

    async def ensure_trait(self, name: str) -> tuple[Named | None, bool]:
        """The trait, and whether it was made just now. Raises NameInvalid for one that is neither standard nor begins with CUSTOM_."""
        made = name not in standard_traits() and await self._ensure(self.trait_names, name)
        return await self.get_trait(name), made

    async def delete_trait(self, name: str) -> None:
        await self._delete(self.trait_names, "trait", name, name in standard_traits(), TraitNotFound)

    async def class_exists(self, name: str) -> bool:
        return name in STANDARD_CLASSES or await self.class_names.find(name) is not None

    async def all_classes(self) -> list[str]:
        return [*STANDARD_CLASSES, *(n.name for n in await self.class_names.list())]

    async def get_class(self, name: str) -> Named | None:
        """When it was made, if it is one of ours. Raises ClassNotFound."""
        return await self._get(self.class_names, name, name in STANDARD_CLASSES, ClassNotFound)

    async def create_class(self, name: str) -> None:
        """Raises ClassExists and NameInvalid."""
        if name in STANDARD_CLASSES or not await self._ensure(self.class_names, name):
            raise ClassExists(name=name)

    async def ensure_class(self, name: str) -> bool:
        """Whether it was made just now. Raises NameInvalid for one that does not begin with CUSTOM_, the standard ones too."""
        return await self._ensure(self.class_names, name)

    async def rename_class(self, old: str, new: str) -> None:
        if old in STANDARD_CLASSES:
            raise StandardName(verb="update", kind="resource class", name=old)
        await self.get_class(old)
        _check(new, "resource class")
        try:
            await self.class_names.rename(old, Named(name=new, updated_at=self.kit.clock.now()))
        except Duplicate as taken:
            raise ClassExists(f"Resource class already exists: {new}") from taken

    async def delete_class(self, name: str) -> None:
        await self._delete(self.class_names, "resource class", name, name in STANDARD_CLASSES, ClassNotFound)

    async def _get(self, names: store.Names, name: str, standard: bool, absent: type[NotFound]) -> Named | None:
        found = None if standard else await names.find(name)
        if found is None and not standard:
            raise absent(name=name)
        return found

    async def _ensure(self, names: store.Names, name: str) -> bool:
        _check(name, "trait" if names is self.trait_names else "resource class")
        try:
            await names.insert(Named(name=name, updated_at=self.kit.clock.now()))
        except Duplicate:
            return False
        return True

    async def _delete(self, names: store.Names, kind: str, name: str, standard: bool, absent: type[NotFound]) -> None:
        if standard:
            raise StandardName(verb="delete", kind=kind, name=name)
        async with self.kit.db.transaction():
            if await names.find(name) is None:
                raise absent(name=name)
            if await names.in_use(name):
                raise (ClassInUse if names is self.class_names else NameInUse)(kind=kind, name=name)
            await names.delete(name)


def _check(name: str, kind: str) -> None:
    if not CUSTOM_NAME.match(name) or len(name) > 255:
        raise NameInvalid(kind=kind, name=name)
