"""Takes away what is in accounts that were deleted. The account itself is forgotten by its replicator, later."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.daemons.held import DatabaseDaemon, Held
from pileus.object_store.daemons.walk import rows
from pileus.object_store.model.timestamp import seconds
from pileus.object_store.proxy import container as containers
from pileus.object_store.storage.database.account import AccountBroker
from pileus.object_store.wire.message import ALLOWS_RESERVED, Request


class AccountReaper(DatabaseDaemon[AccountBroker]):
    name = "account-reaper"
    kind = "account"
    every_s = 3600.0

    async def database(self, held: Held[AccountBroker]) -> None:
        info = held.info
        waited = self.store.clock.now().timestamp() - seconds(info["delete_timestamp"])
        if held.broker.is_deleted(info) and waited >= self.store.config.reap_delay_s:
            for name, *_ in await held.run(held.broker.all, "SELECT name FROM container WHERE deleted=0"):
                await self.reap(info["account"], name)

    async def reap(self, account: str, container: str) -> None:
        """Delete a container and what is in it, as far as it can be reached."""
        proxy, left = self.store.proxy, 0
        async for row in rows(proxy, account, container):
            answer = await proxy(Request("DELETE", f"/v1/{account}/{container}/{row['name']}", {ALLOWS_RESERVED: "true"}))
            await answer.close()
            gone = answer.ok or answer.status == 404
            self.did["objects"] += gone
            left += not gone
        if not left:
            answer = await containers.remove(proxy, account, container)
            self.did["containers"] += answer.ok
            self.did["left"] += not answer.ok and answer.status != 404
