"""Quotas: how much a project may have. They are counted in the transaction of what they limit."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Invalid
from pileus.network import errors
from pileus.network.service.part import Part
from pileus.network.store.quotas import COUNTED


class Quotas(Part):
    async def take(self, project_id: str, resource: str, n: int = 1) -> None:
        """Make sure that a project may have `n` more. Call it in the transaction that makes them. Raises OverQuota."""
        limit = await self._limit(project_id, resource)
        if limit < 0:
            return
        await self.stores.quotas.lock(project_id)
        if await self.stores.quotas.used(project_id, resource) + n > limit:
            raise errors.OverQuota(resource=resource)

    async def free(self, project_id: str, resource: str) -> int | None:
        """How many more a project may have at the moment; None without a limit."""
        limit = await self._limit(project_id, resource)
        return None if limit < 0 else max(0, limit - await self.stores.quotas.used(project_id, resource))

    async def _limit(self, project_id: str, resource: str) -> int:
        own = await self.stores.quotas.limit(project_id, resource)
        return self.config.quota(resource) if own is None else own

    def defaults(self) -> dict[str, int]:
        return {resource: self.config.quota(resource) for resource in COUNTED}

    async def of(self, project_id: str) -> dict[str, int]:
        own = await self.stores.quotas.limits(project_id)
        return {resource: own.get(resource, default) for resource, default in self.defaults().items()}

    async def details(self, project_id: str) -> dict[str, dict[str, int]]:
        return {resource: {"limit": limit, "used": await self.stores.quotas.used(project_id, resource), "reserved": 0}
                for resource, limit in (await self.of(project_id)).items()}

    async def all(self) -> dict[str, dict[str, int]]:
        """The quotas of the projects that have some of their own."""
        return {project: await self.of(project) for project in await self.stores.quotas.projects()}

    async def update(self, project_id: str, limits: dict[str, int]) -> dict[str, int]:
        unknown = sorted(set(limits) - set(COUNTED))
        if unknown:
            raise Invalid(f"Unrecognized attribute(s) '{', '.join(unknown)}'")
        async with self.db.transaction():
            for resource, limit in limits.items():
                await self.stores.quotas.set(project_id, resource, limit)
        return await self.of(project_id)

    async def reset(self, project_id: str) -> None:
        """Back to the defaults."""
        await self.stores.quotas.clear(project_id)
