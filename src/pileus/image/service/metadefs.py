"""Metadata definitions, as the API sees them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from pileus.core.context import Context
from pileus.core.db import Duplicate
from pileus.core.kit import Kit
from pileus.image.metadefs import definitions as defs
from pileus.image.metadefs.errors import NamespaceExists, NamespaceNotFound, NamespaceProtected, OwnerForbidden
from pileus.image.metadefs.model import Association, Content, Namespace, Object, Order, Property, ResourceType, Tag
from pileus.image.service.metadef_items import Parts
from pileus.image.store.metadefs import Metadefs as Store


class Metadefs:
    """Namespaces; what is in them is its `properties`, `objects`, `tags` and `associations`."""

    def __init__(self, kit: Kit):
        self.kit, self.store = kit, Store(kit.db)
        self.properties = Parts(kit, self, self.store.properties, "property")
        self.objects = Parts(kit, self, self.store.objects, "object")
        self.tags = Parts(kit, self, self.store.tags, "tag")
        self.associations = Parts(kit, self, self.store.associations, "resource type association")

    # ---- reading -----------------------------------------------------------------------------------------------------
    async def get(self, name: str, scope: str | None, *, lock: bool = False) -> Namespace:
        """Raises NamespaceNotFound, also for somebody else's private one."""
        found = await self.store.find(name, scope, lock=lock)
        if found is None:
            raise NamespaceNotFound(namespace=name)
        return found

    async def page(self, who: Context, order: Order, *, visibility: str | None = None, types: Sequence[str] = ()) -> list[Namespace]:
        after = None if order.after is None else await self.get(order.after, who.scope)
        return await self.store.page(who.scope, order, after, visibility=visibility, types=types)

    async def content(self, namespace: Namespace) -> Content:
        store, id = self.store, namespace.id
        return Content(associations=await store.associations.all(id), properties=await store.properties.all(id),
                       objects=await store.objects.all(id), tags=await store.tags.all(id))

    async def types_of(self, namespaces: Sequence[Namespace]) -> dict[str, list[Association]]:
        """The associations of several namespaces, by namespace id."""
        found: dict[str, list[Association]] = {namespace.id: [] for namespace in namespaces}
        for association in await self.store.associations.of(list(found)) if found else ():
            found[association.namespace_id].append(association)
        return found

    async def resource_types(self) -> list[ResourceType]:
        return await self.store.resource_types()

    # ---- changing ----------------------------------------------------------------------------------------------------
    async def create(self, who: Context, wanted: defs.Namespace) -> Namespace:
        """A namespace with all that it comes with, or nothing. Raises NamespaceExists or OwnerForbidden."""
        owner = self._owner(who, wanted)
        async with self.kit.db.transaction():
            return await self._add(wanted, owner)

    async def update(self, who: Context, name: str, wanted: defs.NamespaceUpdate) -> Namespace:
        async with self.kit.db.transaction():
            old = await self.get(name, who.scope, lock=True)
            values: dict[str, Any] = {key: getattr(wanted, key) for key in defs.NamespaceUpdate.__struct_fields__}
            values |= {"owner": self._owner(who, wanted) if wanted.owner else old.owner, "updated_at": self.kit.clock.now()}
            try:
                await self.store.update(old.id, values)
            except Duplicate as taken:
                raise NamespaceExists(namespace=wanted.namespace) from taken
            return msgspec.structs.replace(old, **values)

    async def delete(self, who: Context, name: str) -> None:
        """Raises NamespaceProtected."""
        async with self.kit.db.transaction():
            found = await self.get(name, who.scope, lock=True)
            if found.protected:
                raise NamespaceProtected(namespace=name, what="it")
            await self.store.remove(found.id)

    async def begin_with(self, wanted: Callable[[], Sequence[defs.Namespace]]) -> int:
        """Make what is wanted when there is no namespace at all: what an operator deleted does not come back at the next start."""
        async with self.kit.db.transaction():
            if await self.store.names():
                return 0
            made = [await self._add(one, one.owner) for one in wanted()]
        return len(made)

    # ---- parts -------------------------------------------------------------------------------------------------------
    async def associate(self, who: Context, name: str, wanted: Sequence[defs.Association]) -> list[Association]:
        """Say that a namespace is for these resource types, which are made known when they are not."""
        async with self.kit.db.transaction():
            namespace = await self.get(name, who.scope, lock=True)
            return await self._associate(namespace, wanted)

    def _owner(self, who: Context, wanted: defs.NamespaceUpdate) -> str | None:
        owner = wanted.owner or who.project_id
        if owner != who.project_id and not who.is_admin:
            raise OwnerForbidden(owner=owner)
        return owner

    async def _add(self, wanted: defs.Namespace, owner: str | None) -> Namespace:
        now = self.kit.clock.now()
        namespace = Namespace(
            id=self.kit.ids.uuid(), namespace=wanted.namespace, display_name=wanted.display_name, description=wanted.description,
            visibility=wanted.visibility, protected=wanted.protected, owner=owner, created_at=now, updated_at=now)
        try:
            await self.store.add(namespace)
        except Duplicate as taken:
            raise NamespaceExists(namespace=wanted.namespace) from taken
        base: dict[str, Any] = {"namespace_id": namespace.id, "created_at": now, "updated_at": now}
        await self._associate(namespace, wanted.resource_type_associations)
        await self.properties.insert(namespace, [Property(**base, name=name, definition=msgspec.to_builtins(one))
                                                 for name, one in wanted.properties.items()])
        await self.objects.insert(namespace, [Object(**base, **msgspec.to_builtins(one)) for one in wanted.objects])
        await self.tags.insert(namespace, [Tag(**base, name=one.name) for one in wanted.tags])
        return namespace

    async def _associate(self, namespace: Namespace, wanted: Sequence[defs.Association]) -> list[Association]:
        now = self.kit.clock.now()
        await self.store.ensure_types([ResourceType(name=one.name, created_at=now, updated_at=now) for one in wanted])
        made = [Association(namespace_id=namespace.id, name=one.name, prefix=one.prefix, properties_target=one.properties_target,
                            created_at=now, updated_at=now) for one in wanted]
        await self.associations.insert(namespace, made)
        return made
