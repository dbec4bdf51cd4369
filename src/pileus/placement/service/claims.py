"""Who holds what. A claim is refused by the statement that would have carried it out."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.db import Deadlock
from pileus.core.kit import Kit
from pileus.placement import store
from pileus.placement.errors import ConcurrentUpdate, NoCapacity, NoInventory, NoSuchClass, NoSuchProvider, UnitViolated
from pileus.placement.model import ANY, STANDARD_CLASSES, Allocation, Amounts, AnyGeneration, Claim, Consumer
from pileus.placement.store.claims import Want

#: How often a claim is tried that others stand in the way of.
TRIES = 5


class Claims:
    def __init__(self, kit: Kit):
        self.kit = kit
        self._claims, self._stocks = store.Claims(kit.db), store.Stocks(kit.db)
        self._classes = store.Names.classes(kit.db)

    async def claim(self, consumer_id: str, amounts: Amounts, *, project_id: str, user_id: str, consumer_type: str | None = "INSTANCE",
                    generation: int | AnyGeneration | None = ANY) -> None:
        """Hold these amounts from now on, instead of whatever the consumer held. Repeatable.

        Raises NoCapacity or NoInventory when they are not to be had, ConcurrentUpdate for another generation, and changes nothing then."""
        await self.claim_all([Claim(consumer_id=consumer_id, amounts=amounts, project_id=project_id, user_id=user_id, type=consumer_type,
                                    generation=generation)])

    async def release(self, consumer_id: str) -> bool:
        """Give back everything; whether there was anything."""
        return await self.claim_all([Claim(consumer_id=consumer_id, amounts={}, project_id="", user_id="")]) > 0

    async def claim_all(self, claims: list[Claim]) -> int:
        """All of the claims or none. Providers are taken in the order of their ids, so that no two claims wait for each other.

        Who names no generation is not told of others who changed the same consumer meanwhile: it is tried again, by the caller
        where this is a part of a transaction, which is undone. Returns how many of the consumers held something before."""
        whole = not self.kit.db.in_transaction
        for left in reversed(range(TRIES if whole else 1)):
            try:
                return await self._claim_all(claims)
            except Deadlock:
                if not left:
                    raise
            except ConcurrentUpdate as other:
                if not all(isinstance(c.generation, AnyGeneration) for c in claims) or (whole and not left):
                    raise
                if not whole:
                    raise Deadlock() from other
        return 0

    async def _claim_all(self, claims: list[Claim]) -> int:
        now = self.kit.clock.now()
        async with self.kit.db.transaction():
            held = {c.consumer_id: await self._claims.held(c.consumer_id) for c in claims}
            wants: dict[str, dict[str, Want]] = {}
            for claim in claims:
                before = held[claim.consumer_id]
                if not isinstance(claim.generation, AnyGeneration) and claim.generation != before.generation:
                    raise ConcurrentUpdate("consumer generation conflict - expected {} but got {}".format(
                        *("null" if g is None else g for g in (before.generation, claim.generation))))
                _add(wants, before.amounts, -1)
                _add(wants, claim.amounts, +1)
            for provider_id in sorted(wants):
                await self._take(provider_id, wants[provider_id])
            for claim in claims:
                if held[claim.consumer_id].amounts:
                    await self._claims.erase(claim.consumer_id)
                seen = held[claim.consumer_id].generation
                if any(claim.amounts.values()):
                    await self._claims.put_consumer(claim.consumer_id, seen, claim.project_id, claim.user_id, claim.type, now)
                    await self._claims.record(claim.consumer_id, claim.amounts, now)
                elif seen is not None:
                    await self._claims.delete_consumer(claim.consumer_id, seen)
        return sum(h.generation is not None for h in held.values())

    async def _take(self, provider_id: str, wants: dict[str, Want]) -> None:
        if not await self._claims.touch(provider_id, anew=any(w.amounts for w in wants.values())):
            raise NoSuchProvider(id=provider_id)
        if not await self._claims.take(provider_id, wants):
            await self._refuse(provider_id, wants)

    async def _refuse(self, provider_id: str, wants: dict[str, Want]) -> None:
        """Say why an inventory could not be taken."""
        custom = {n for n in wants if n not in STANDARD_CLASSES}
        for name in sorted(custom - await self._classes.known(custom)) if custom else ():
            raise NoSuchClass(f"Unable to allocate inventory for consumer: No such resource class {name}.")
        stocks = await self._stocks.of(provider_id)
        for name, want in wants.items():
            stock = stocks.get(name)
            if stock is None:
                raise NoInventory(resource_class=name, provider=provider_id)
            if not all(stock.fits(amount) for amount in want.amounts):
                raise UnitViolated(resource_class=name, provider=provider_id)
            if want.delta > 0 and stock.used + want.delta > stock.capacity:
                raise NoCapacity(resource_class=name, provider=provider_id)
        raise ConcurrentUpdate()

    # ---- reading -----------------------------------------------------------------------------------------------------
    async def consumer(self, consumer_id: str) -> Consumer | None:
        return await self._claims.consumer(consumer_id)

    async def allocations(self, consumer_id: str) -> list[Allocation]:
        return await self._claims.of_consumer(consumer_id)

    async def claims_on(self, provider_id: str) -> list[Allocation]:
        return await self._claims.of_provider(provider_id)

    async def allocations_on(self, provider_id: str) -> dict[str, dict[str, int]]:
        """consumer → class → amount."""
        found: dict[str, dict[str, int]] = {}
        for a in await self._claims.of_provider(provider_id):
            found.setdefault(a.consumer_id, {})[a.resource_class] = a.amount
        return found

    async def usages_by_provider(self) -> dict[str, dict[str, int]]:
        """provider → class → amount in use, of all providers in one query."""
        found: dict[str, dict[str, int]] = {}
        for provider_id, name, used in await self._claims.used():
            found.setdefault(provider_id, {})[name] = used
        return found

    async def usages(self, project_id: str, user_id: str | None = None) -> list[tuple[str | None, str, int]]:
        """(consumer type, class, amount) of a project's, or of one user's in it."""
        return await self._claims.usages(project_id, user_id)


def _add(wants: dict[str, dict[str, Want]], amounts: Amounts, sign: int) -> None:
    for provider_id, classes in amounts.items():
        for name, amount in classes.items():
            want = wants.setdefault(provider_id, {}).setdefault(name, Want(amounts=[]))
            want.delta += sign * amount
            if sign > 0:
                want.amounts.append(amount)
