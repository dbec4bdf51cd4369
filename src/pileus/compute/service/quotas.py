"""Quotas: what a project and its users may have.

A limit is a user's, else the project's, else the default class's, else the configuration's. Usage is never stored: it is
counted, in the transaction that adds to it, so it cannot drift.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.compute.config import ComputeConfig
from pileus.compute.errors import ComputeOverQuota, LimitsElsewhere, ProjectUnknown, QuotaOutOfRange, TooManyServerGroups
from pileus.compute.model.quota import DEFAULT_CLASS, LEGACY, UNLIMITED, Limit, over
from pileus.compute.service.unified_limits import UnifiedLimits
from pileus.compute.store.quotas import Quotas as Store
from pileus.compute.store.quotas import class_id
from pileus.core.kit import Kit

SERVERS = ("instances", "cores", "ram")


class Quotas:
    def __init__(self, kit: Kit, config: ComputeConfig, *, identity: Any = None):
        """`identity` knows which projects there are, and keeps the limits when the configuration says so."""
        self.kit, self.identity = kit, identity
        self.unified = UnifiedLimits(identity) if config.unified_limits and identity is not None else None
        self.configured = msgspec.to_builtins(config.quota) | LEGACY
        self.store = Store(kit.db)

    # ---- limits ------------------------------------------------------------------------------------------------------
    async def limits(self, project_id: str, user_id: str | None = None) -> dict[str, int]:
        """resource → limit, for a project or for one of its users; -1 is without limit."""
        return (await self._limits(project_id, user_id))[-1]

    async def _limits(self, project_id: str, user_id: str | None) -> list[dict[str, int]]:
        """Each over the one before: the default class's, the project's, the user's."""
        if self.unified is not None:
            return [self.configured | await self.unified.of(project_id)] * 3
        rows, found = await self.store.limits(project_id), [self.configured]
        for owner, user in ((class_id(DEFAULT_CLASS), ""), (project_id, ""), (project_id, user_id)):
            found.append(found[-1] | {row.resource: row.limit for row in rows if row.project_id == owner and row.user_id == user})
        return found

    async def defaults(self, quota_class: str = DEFAULT_CLASS) -> dict[str, int]:
        return self.configured | await self.store.class_limits(quota_class)

    async def check_project(self, project_id: str) -> None:
        """Raise ProjectUnknown for a project that there is not."""
        if self.identity is not None and await self.identity.projects.find(project_id) is None:
            raise ProjectUnknown(id=project_id)

    def _check_ours(self) -> None:
        if self.unified is not None:
            raise LimitsElsewhere()

    async def set_class(self, quota_class: str, limits: Mapping[str, int]) -> dict[str, int]:
        self._check_ours()
        async with self.kit.db.transaction():
            for resource, limit in limits.items():
                await self.store.set(Limit(project_id=class_id(quota_class), resource=resource, limit=limit))
        return await self.defaults(quota_class)

    async def set(self, project_id: str, user_id: str | None, limits: Mapping[str, int], *, force: bool = False) -> dict[str, int]:
        """Set limits of a project or of one of its users.

        Raises QuotaOutOfRange, and changes nothing, for one that is below what is used (unless forced) or, for a user, above
        the project's.
        """
        self._check_ours()
        async with self.kit.db.transaction():
            if not force:
                await self._check_range(project_id, user_id, limits)
            for resource, limit in limits.items():
                await self.store.set(Limit(project_id=project_id, user_id=user_id or "", resource=resource, limit=limit))
        return await self.limits(project_id, user_id)

    async def _check_range(self, project_id: str, user_id: str | None, limits: Mapping[str, int]) -> None:
        used, most = await self.usage(project_id, user_id), await self.limits(project_id)
        for resource, limit in limits.items():
            if limit != UNLIMITED and limit < used.get(resource, 0):
                raise QuotaOutOfRange(
                    limit=limit,
                    resource=resource,
                    relation="greater than or equal to already used and reserved",
                    bound=used[resource],
                )
            ceiling = most[resource]
            if user_id is not None and ceiling != UNLIMITED and (limit == UNLIMITED or limit > ceiling):
                raise QuotaOutOfRange(limit=limit, resource=resource, relation="less than or equal to", bound=ceiling)

    async def delete(self, project_id: str, user_id: str | None = None) -> None:
        """Back to the defaults. A project's deletion includes what was set for its users."""
        await self.store.delete(project_id, user_id)

    # ---- usage -------------------------------------------------------------------------------------------------------
    async def usage(self, project_id: str, user_id: str | None = None) -> dict[str, int]:
        """resource → used, for what is counted per project."""
        servers = await self.store.usage(project_id, user_id)
        return servers | {"server_groups": await self.store.count_groups(project_id, user_id)}

    async def check(self, project_id: str, user_id: str, wanted: Mapping[str, int]) -> None:
        """Raise ComputeOverQuota when instances, cores or ram would exceed a limit of the project or of the user.

        Call it in the transaction that inserts the servers.
        """
        await self.store.lock(project_id)
        *_, limits, own = await self._limits(project_id, user_id)
        self._check(limits, await self.store.usage(project_id), wanted)
        if own != limits:
            self._check(own, await self.store.usage(project_id, user_id), wanted)

    def _check(self, limits: Mapping[str, int], used: Mapping[str, int], wanted: Mapping[str, int]) -> None:
        exceeded = [name for name in SERVERS if wanted.get(name, 0) > 0 and over(limits[name], used[name] + wanted[name])]
        if exceeded:
            raise ComputeOverQuota(
                resource=", ".join(exceeded),
                requested=_each(wanted, exceeded),
                used=_each(used, exceeded),
                limit=_each(limits, exceeded),
            )

    async def allows(self, project_id: str, user_id: str, wanted: Mapping[str, int]) -> bool:
        """Whether `check` would pass."""
        try:
            await self.check(project_id, user_id, wanted)
        except ComputeOverQuota:
            return False
        return True

    async def check_groups(self, project_id: str, user_id: str) -> None:
        """Raise TooManyServerGroups when there is no room for one more. Call it in the transaction that inserts it."""
        await self.store.lock(project_id)
        *_, limits, own = await self._limits(project_id, user_id)
        if over(limits["server_groups"], await self.store.count_groups(project_id) + 1):
            raise TooManyServerGroups()
        if own != limits and over(own["server_groups"], await self.store.count_groups(project_id, user_id) + 1):
            raise TooManyServerGroups()

    async def check_metadata(self, project_id: str, user_id: str, items: int) -> None:
        """Raise ComputeOverQuota when a server may not have so many metadata items."""
        limit = (await self.limits(project_id, user_id))["metadata_items"]
        if over(limit, items):
            raise ComputeOverQuota(f"Maximum number of metadata items exceeds {limit}")


def _each(values: Mapping[str, int], names: list[str]) -> str:
    return ", ".join(str(values[name]) for name in names)
