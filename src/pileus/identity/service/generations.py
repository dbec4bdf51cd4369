"""What this process remembers, and how it notices that it has become stale."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

from pileus.core.clock import Clock
from pileus.core.db import Database
from pileus.identity.model import Revocation
from pileus.identity.store.revocations import Revocations

#: `tokens`: whether tokens are valid and which roles they mean. `catalog`: the service catalog.
TOKENS, CATALOG = "tokens", "catalog"
#: Revocations stay at least this long, whatever the life of tokens is today: it may have been longer yesterday.
LEAST_KEPT = timedelta(days=1)


class Generations:
    """Two numbers in the database that every change raises, as known here.

    Read anew when what is known is older than `staleness_s`; own changes are known at once.
    """

    def __init__(self, db: Database, store: Revocations, clock: Clock, staleness_s: float, token_life_s: int):
        self.db, self.store, self.clock, self.staleness_s = db, store, clock, staleness_s
        self.kept = max(timedelta(seconds=token_life_s), LEAST_KEPT)
        self.known: dict[str, int] = {}
        self.stale_at = float("-inf")

    async def start(self) -> None:
        await self.store.begin_generations((TOKENS, CATALOG))
        await self.read()

    async def read(self) -> dict[str, int]:
        """As the database has them now."""
        began = self.clock.monotonic()
        for name, value in (await self.store.generations()).items():
            self._learn(name, value)
        self.stale_at = began + self.staleness_s
        return self.known

    async def current(self, name: str) -> int:
        if self.clock.monotonic() >= self.stale_at:
            await self.read()
        return self.known[name]

    async def raise_(self, name: str = TOKENS) -> int:
        """Say, inside the transaction that changes something, that it has changed."""
        value = await self.store.raise_generation(name)
        self.db.after_commit(lambda: self._learn(name, value))
        return value

    async def revoke(self, *keys: str) -> None:
        """Void, with the transaction around, every token that has one of these keys and was issued until now."""
        generation = await self.raise_()
        now = self.clock.now()
        for key in keys:
            await self.store.revoke(Revocation(key=key, generation=generation, revoked_at=now, expires_at=now + self.kept))

    def _learn(self, name: str, value: int) -> None:
        self.known = self.known | {name: max(value, self.known.get(name, 0))}
