"""What a server holds while it moves: the new place in its own name, the old one in its migration's, until that is confirmed.

Both change in one statement of placement, so that a move can always be taken back: what it would go back to is still held.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.compute.errors import NoValidHost
from pileus.compute.model.server import Server
from pileus.compute.service.scheduling import Scheduling
from pileus.core.errors import Conflict
from pileus.placement.model import Claim

Amounts = dict[str, dict[str, int]]


class Moving:
    def __init__(self, scheduling: Scheduling):
        self.scheduling, self.placement = scheduling, scheduling.placement

    async def hold(self, wanted: Server, migration_id: str, choices: list[Any]) -> Any:
        """Claim for the server, as it will be, the first host that has room; what it held is its migration's from then on.

        Repeatable. Raises NoValidHost."""
        before = await self._held(migration_id) or await self._held(wanted.id)
        for choice in choices:
            try:
                amounts = await self.scheduling.amounts(wanted, choice.id)
                await self._claim(wanted, {migration_id: before, wanted.id: amounts})
                return choice
            except Conflict:
                continue
        raise NoValidHost(reason="The hosts chosen were taken in the meantime.")

    async def give_back(self, server: Server, migration_id: str) -> None:
        """The server holds what it held before. Repeatable, also when nothing was claimed yet."""
        if before := await self._held(migration_id):
            await self._claim(server, {migration_id: {}, server.id: before})

    async def confirm(self, migration_id: str) -> None:
        """Let go of the old place."""
        await self.placement.release(migration_id)
        self.scheduling.snapshot.outdate()

    async def _held(self, consumer: str) -> Amounts:
        found: Amounts = {}
        for allocation in await self.placement.allocations(consumer):
            found.setdefault(allocation.provider_id, {})[allocation.resource_class] = allocation.amount
        return found

    async def _claim(self, server: Server, wanted: dict[str, Amounts]) -> None:
        self.scheduling.snapshot.outdate()
        await self.placement.claim_all([
            Claim(consumer_id=id, amounts=amounts, project_id=server.project_id, user_id=server.user_id,
                  type="INSTANCE" if id == server.id else "MIGRATION") for id, amounts in wanted.items()])
