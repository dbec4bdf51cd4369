"""The forest of providers that candidates are made of, kept in memory and brought up to date before each use.

A signature over both tables tells in one statement each whether anything changed at all: whatever a claim gives or an
administrator changes makes the sum of generations grow, and what is only given back makes the sum of what is used shrink.
When it differs, the same is asked of heaps of providers; what each provider had is compared in the heaps that differ, and only those
that changed are read again.
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
#: When more heaps differ, everything is compared.
FEW = 16
#: Where the root is in a provider's state.
ROOT = 2


class Keeper:
    def __init__(self, kit: Kit, providers: store.Providers, stocks: store.Stocks):
        self.kit, self.providers, self.stocks = kit, providers, stocks
        self._forest = Forest()
        self._signature: Any = None
        self._heaps: dict[str, Any] = {}            # heap → what it was like
        self._seen: dict[str, dict[str, Any]] = {}  # heap → provider → what it was like when it was read
        self._read_at = float("-inf")

    async def current(self) -> Forest:
        """Inside a transaction, which may yet be undone, nothing is remembered."""
        if self.kit.db.in_transaction:
            return Forest(await self._nodes(None))
        now, signature = self.kit.clock.monotonic(), await self.providers.signature()
        stale = now - self._read_at > FRESH_S
        if stale or signature != self._signature:
            heaps = await self.providers.heaps()
            differ = {heap for heap in heaps.keys() | self._heaps.keys() if heaps.get(heap) != self._heaps.get(heap)}
            await self._refresh(None if stale or len(differ) > FEW else differ)
            self._signature, self._heaps, self._read_at = signature, heaps, now if stale else self._read_at
        return self._forest

    async def _refresh(self, heaps: set[str] | None) -> None:
        """Look at the providers in these heaps, or at all."""
        states = await self.providers.states(heaps)
        seen = {id: state for heap in (self._seen if heaps is None else heaps) for id, state in self._seen.get(heap, {}).items()}
        if heaps is not None and any(id in seen and seen[id][ROOT] != state[ROOT] for id, state in states.items()):
            return await self._refresh(None)        # what hangs below it may be in any heap
        changed = [id for id, state in states.items() if seen.get(id) != state]
        read = await self._nodes(None if len(changed) > MANY else changed) if changed else []
        if len(changed) > MANY:
            self._forest = Forest(read)
        else:
            for node in read:
                self._forest.put(node)
            for id in seen.keys() - states.keys():
                self._forest.drop(id)
        # What was read may be newer than the states: then they differ the next time, and it is read once more.
        self._seen = {} if heaps is None else {heap: known for heap, known in self._seen.items() if heap not in heaps}
        for id, state in states.items():
            self._seen.setdefault(id[:2], {})[id] = state

    async def _nodes(self, ids: list[str] | None) -> list[Node]:
        """These providers, or all, with their inventories, traits and aggregates."""
        providers = await self.providers.everybody(ids)
        stocks: dict[str, dict] = {}
        for stock in await self.stocks.everything(ids):
            stocks.setdefault(stock.provider_id, {})[stock.resource_class] = stock
        traits, aggregates = await self.providers.all_traits(ids), await self.providers.all_aggregates(ids)
        return [Node(provider=p, stocks=stocks.get(p.id, {}), traits=frozenset(traits.get(p.id, ())),
                     aggregates=frozenset(aggregates.get(p.id, ()))) for p in providers]
