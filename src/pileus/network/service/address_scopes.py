"""Address scopes: sets of subnet pools whose addresses do not overlap."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
from collections.abc import Sequence

from pileus.core.context import Context
from pileus.network import errors
from pileus.network.model import AddressScope, AddressScopeCreate, AddressScopeUpdate, Wanted
from pileus.network.model.fields import given
from pileus.network.service.part import Part
from pileus.network.store.subnets import subnetpools


class AddressScopes(Part):
    async def list(self, who: Context, wanted: Wanted = Wanted()) -> builtins.list[AddressScope]:
        return await self.stores.address_scopes.page(who.scope, wanted)

    async def get(self, who: Context, scope_id: str) -> AddressScope:
        return await self.stores.address_scopes.get(scope_id, who.scope)

    async def create_all(self, who: Context, orders: Sequence[AddressScopeCreate]) -> builtins.list[AddressScope]:
        async with self.db.transaction():
            made = []
            for order in orders:
                now = self.now()
                made.append(
                    AddressScope(
                        id=self.ids.uuid(),
                        project_id=self.owner(who, order),
                        name=order.name,
                        description=order.description,
                        ip_version=int(order.ip_version),
                        shared=order.shared,
                        created_at=now,
                        updated_at=now,
                    )
                )
                await self.stores.address_scopes.insert(made[-1])
        return made

    async def update(self, who: Context, scope_id: str, order: AddressScopeUpdate) -> AddressScope:
        async with self.db.transaction():
            scope = await self.stores.address_scopes.bare(scope_id, who.scope, lock=True)
            if scope.shared and order.shared is False:
                raise errors.AddressScopeUpdateError(address_scope_id=scope_id)
            changes = given(order, "name", "description", "shared")
            if changes:
                await self.stores.address_scopes.update(scope_id, self.now(), **changes)
        return await self.get(who, scope_id)

    async def delete(self, who: Context, scope_id: str) -> None:
        async with self.db.transaction():
            await self.stores.address_scopes.bare(scope_id, who.scope, lock=True)
            if await self.stores.subnetpools.count(subnetpools.c.address_scope_id == scope_id):
                raise errors.AddressScopeInUse(address_scope_id=scope_id)
            await self.stores.address_scopes.delete(scope_id)
