"""The forest of providers that candidates are made of, kept in memory and brought up to date before each use.

A signature over both tables tells in one statement each whether anything changed at all: whatever a claim gives or an
administrator changes makes the sum of generations grow, and what is only given back makes the sum of what is used shrink.
When it differs, what each provider had is compared, and only those that changed are read again.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.kit import Kit
from pileus.placement import store
from pileus.placement.forest import Forest, Node

#: When so many changed, all are read: one statement over everything costs less than many ids.
MANY = 200
#: A provider that was hung elsewhere by a control plane whose clock is late shows in no sum: it is noticed after so long.
FRESH_S = 60.0


class Keeper:
    def __init__(self, kit: Kit, providers: store.Providers, stocks: store.Stocks):
        self.kit, self.providers, self.stocks = kit, providers, stocks
        self._forest = Forest()
        self._signature: Any = None
        self._seen: dict[str, Any] = {}             # provider → what it was like when it was read
        self._read_at = float("-inf")

    async def current(self) -> Forest:
        """Inside a transaction, which may yet be undone, nothing is remembered."""
        if self.kit.db.in_transaction:
            return Forest(await self._nodes(None))
        now, signature = self.kit.clock.monotonic(), await self.providers.signature()
        if signature != self._signature or now - self._read_at > FRESH_S:
            await self._refresh()
            self._signature, self._read_at = signature, now
        return self._forest

    async def _refresh(self) -> None:
        states = await self.providers.states()
        changed = [id for id, state in states.items() if self._seen.get(id) != state]
        read = await self._nodes(None if len(changed) > MANY else changed) if changed else []
        if len(changed) > MANY:
            self._forest = Forest(read)
        else:
            for node in read:
                self._forest.put(node)
        for id in self._seen.keys() - states.keys():
            self._forest.drop(id)
        # What was read may be newer than the states: then they differ the next time, and it is read once more.
        self._seen = states

    async def _nodes(self, ids: list[str] | None) -> list[Node]:
        """These providers, or all, with their inventories, traits and aggregates."""
        providers = await self.providers.everybody(ids)
        stocks: dict[str, dict] = {}
        for stock in await self.stocks.everything(ids):
            stocks.setdefault(stock.provider_id, {})[stock.resource_class] = stock
        traits, aggregates = await self.providers.all_traits(ids), await self.providers.all_aggregates(ids)
        return [Node(provider=p, stocks=stocks.get(p.id, {}), traits=frozenset(traits.get(p.id, ())),
                     aggregates=frozenset(aggregates.get(p.id, ()))) for p in providers]
