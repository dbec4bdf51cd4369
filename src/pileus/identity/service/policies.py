"""Policy files that other services may fetch. This cloud's own services have theirs in the configuration."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.identity.model import PolicyBlob
from pileus.identity.service.core import Core
from pileus.identity.service.projects import merge
from pileus.identity.store.base import Filter


class Policies:
    def __init__(self, core: Core):
        self.core, self.db, self.store = core, core.db, core.store.policies

    async def get(self, id: str) -> PolicyBlob:
        return await self.store.get(id)

    async def matching(self, filters: list[Filter]) -> list[PolicyBlob]:
        return await self.store.matching(filters)

    async def create(self, *, type: str, blob: str, extra: dict | None = None) -> PolicyBlob:
        policy = PolicyBlob(id=self.core.ids.hex(), type=type, blob=blob, extra=extra or {})
        await self.store.add(policy)
        return policy

    async def update(self, id: str, values: dict[str, Any]) -> PolicyBlob:
        async with self.db.transaction():
            policy = await self.store.get(id, lock=True)
            merge(policy, values)
            return await self.store.change(policy, values)

    async def delete(self, id: str) -> None:
        await self.store.remove(id)
