"""Server groups: made by projects, filled when servers are created with the hint `group`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Mapping

from pileus.compute.config import ComputeConfig
from pileus.compute.errors import ServerGroupNotFound, TooManyGroupMembers
from pileus.compute.model.quota import over
from pileus.compute.model.server_group import ANTI_AFFINITY, ServerGroup
from pileus.compute.service.quotas import Quotas
from pileus.compute.store.server_groups import ServerGroups as Store
from pileus.core.context import EVERYONE, Context
from pileus.core.db import Duplicate
from pileus.core.errors import Invalid
from pileus.core.kit import Kit


class ServerGroups:
    def __init__(self, kit: Kit, config: ComputeConfig, *, quotas: Quotas):
        self.kit, self.quotas = kit, quotas
        self.store = Store(kit.db)

    async def get(self, id: str, scope: str | None) -> ServerGroup:
        """Raises ServerGroupNotFound, also when it is another project's."""
        found = await self.store.find(id, scope)
        if found is None:
            raise ServerGroupNotFound(id=id)
        return found

    async def create(self, who: Context, name: str, policy: str, rules: Mapping[str, int]) -> ServerGroup:
        """Raises Invalid for rules that the policy does not have, TooManyServerGroups."""
        if rules and policy != ANTI_AFFINITY:
            raise Invalid("Only anti-affinity policy supports rules.")
        group = ServerGroup(
            id=self.kit.ids.uuid(),
            project_id=who.project_id or "",
            user_id=who.user_id or "",
            name=name,
            policy=policy,
            rules=dict(rules),
            created_at=self.kit.clock.now(),
        )
        async with self.kit.db.transaction():
            await self.quotas.check_groups(group.project_id, group.user_id)
            await self.store.insert(group)
        return group

    async def delete(self, id: str, scope: str | None) -> None:
        """Its servers stay."""
        await self.get(id, scope)
        if not await self.store.delete(id):
            raise ServerGroupNotFound(id=id)

    async def members(self, id: str) -> list[str]:
        """The servers of a group that are not deleted."""
        return (await self.store.members([id]))[id]

    async def members_of(self, ids: Collection[str]) -> dict[str, list[str]]:
        return await self.store.members(ids)

    async def groups_of(self, server_ids: Collection[str]) -> dict[str, list[str]]:
        """server → the groups it is in, for views of servers."""
        return await self.store.groups_of(server_ids)

    async def add_member(self, id: str, server_id: str) -> None:
        """Call it in the transaction that inserts the server. Raises ServerGroupNotFound, TooManyGroupMembers."""
        group = await self.get(id, EVERYONE)
        limits = await self.quotas.limits(group.project_id, group.user_id)
        async with self.kit.db.transaction():
            if over(limits["server_group_members"], len(await self.members(id)) + 1):
                raise TooManyGroupMembers()
            try:
                await self.store.add(id, server_id)
            except Duplicate:
                return

    async def remove_member(self, server_id: str, id: str | None = None) -> None:
        """Take a server out of a group, or of all. One that is in none is out already."""
        await self.store.remove(server_id, id)

    async def list(self, scope: str | None) -> list[ServerGroup]:
        """Oldest first."""
        return await self.store.list(scope)
