"""Flavors: the shapes of servers, made by administrators, seen by everybody or by the projects they were granted to."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pileus.compute.config import ComputeConfig
from pileus.compute.errors import (
    ExtraSpecNotFound,
    FlavorAccessExists,
    FlavorAccessNotFound,
    FlavorExists,
    FlavorIsPublic,
    FlavorNotFound,
    InvalidInput,
    NoAccessList,
)
from pileus.compute.model.flavor import Flavor, Wanted
from pileus.compute.store.flavors import SORT_KEYS
from pileus.compute.store.flavors import Flavors as Store
from pileus.core.context import CLOUD, EVERYONE, Context
from pileus.core.db import Duplicate
from pileus.core.kit import Kit

EXTRA_SPECS = "os_compute_api:os-flavor-extra-specs:index"


class Flavors:
    def __init__(self, kit: Kit, config: ComputeConfig):
        self.kit = kit
        self.store = Store(kit.db)

    async def create(self, flavor: Flavor) -> Flavor:
        """Store a new flavor; an empty id is chosen here. Raises FlavorExists when the id or the name is taken."""
        flavor = msgspec.structs.replace(flavor, id=flavor.id or self.kit.ids.uuid(), created_at=self.kit.clock.now())
        try:
            await self.store.insert(flavor)
        except Duplicate as taken:
            same = await self.store.find(flavor.id, EVERYONE)
            what, value = ("ID", flavor.id) if same and same.name != flavor.name else ("name", flavor.name)
            raise FlavorExists(what=what, value=value) from taken
        return flavor

    async def ensure(self, flavor: Flavor) -> None:
        """Store a flavor unless its id or its name is taken already: for those a new cloud begins with."""
        try:
            await self.create(flavor)
        except FlavorExists:
            return

    async def get(self, id: str, who: Context) -> Flavor:
        """Raises FlavorNotFound, also for a private flavor the caller's project was not granted."""
        found = await self.store.find(id, who.scope)
        if found is None:
            raise FlavorNotFound(id=id)
        return found

    async def all(self) -> list[Flavor]:
        """Every flavor by id."""
        return await self.list(CLOUD, Wanted(public=None))

    async def describe(self, id: str, description: str | None, who: Context) -> Flavor:
        """Change the description: the only thing of a flavor that may change."""
        await self.get(id, who)
        await self.store.update(id, {"description": description}, self.kit.clock.now())
        return await self.get(id, who)

    async def delete(self, id: str) -> None:
        """Servers keep the copy they were made with."""
        if not await self.store.delete(id):
            raise FlavorNotFound(id=id)

    # Access to private flavors

    async def access(self, id: str, who: Context) -> list[str]:
        """The projects that see a private flavor. Raises NoAccessList for a public one."""
        flavor = await self.get(id, who)
        if flavor.public:
            raise NoAccessList()
        return await self.store.access(id)

    async def grant(self, id: str, project_id: str, who: Context, *, public_too: bool = False) -> list[str]:
        """Show a private flavor to a project. Raises FlavorIsPublic, FlavorAccessExists."""
        self.kit.policy.enforce("os_compute_api:os-flavor-access:add_tenant_access", who, {})
        flavor = await self.get(id, who)
        if flavor.public and not public_too:
            raise FlavorIsPublic()
        try:
            await self.store.grant(id, project_id)
        except Duplicate as taken:
            raise FlavorAccessExists(id=id, project=project_id) from taken
        return await self.store.access(id)

    async def revoke(self, id: str, project_id: str, who: Context) -> list[str]:
        self.kit.policy.enforce("os_compute_api:os-flavor-access:remove_tenant_access", who, {})
        await self.get(id, who)
        if not await self.store.revoke(id, project_id):
            raise FlavorAccessNotFound(id=id, project=project_id)
        return await self.store.access(id)

    # Extra specs

    def shows_extra_specs(self, who: Context) -> bool:
        """Whether the caller sees extra specs inside flavors."""
        return self.kit.policy.check(EXTRA_SPECS, who, {"project_id": who.project_id})

    async def extra_spec(self, id: str, key: str, who: Context) -> str:
        flavor = await self.get(id, who)
        if key not in flavor.extra_specs:
            raise ExtraSpecNotFound(id=id, key=key)
        return flavor.extra_specs[key]

    async def set_extra_specs(self, id: str, specs: Mapping[str, str]) -> None:
        """Add to the extra specs, replacing those of the same key."""
        async with self.kit.db.transaction():
            flavor = await self._locked(id)
            await self.store.update(id, {"extra_specs": {**flavor.extra_specs, **specs}}, self.kit.clock.now())

    async def delete_extra_spec(self, id: str, key: str) -> None:
        async with self.kit.db.transaction():
            flavor = await self._locked(id)
            if key not in flavor.extra_specs:
                raise ExtraSpecNotFound(id=id, key=key)
            rest = {k: v for k, v in flavor.extra_specs.items() if k != key}
            await self.store.update(id, {"extra_specs": rest}, self.kit.clock.now())

    async def _locked(self, id: str) -> Flavor:
        found = await self.store.lock(id)
        if found is None:
            raise FlavorNotFound(id=id)
        return found

    async def list(self, who: Context, wanted: Wanted) -> list[Flavor]:
        if wanted.sort_key not in SORT_KEYS:
            raise InvalidInput(reason=f"sort_key {wanted.sort_key} is not one of {', '.join(sorted(SORT_KEYS))}")
        if not who.is_admin:
            wanted = msgspec.structs.replace(wanted, public=True)
        return await self.store.list(wanted, project_id=who.project_id, hide_disabled=not who.is_admin)
