"""Allocations and their consumers. Claims are conditional UPDATEs: the database refuses what does not fit."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from math import gcd

import msgspec
import sqlalchemy as sa

from pileus.core.db import Database, Duplicate
from pileus.placement.errors import ConcurrentUpdate
from pileus.placement.model import Allocation, Consumer
from pileus.placement.store.tables import ALLOCATIONS, CONSUMERS, INVENTORIES, PROVIDERS

A, C, I, P = ALLOCATIONS.c, CONSUMERS.c, INVENTORIES.c, PROVIDERS.c  # noqa: E741 one letter per table, as in SQL

HELD = sa.select(C.id, C.generation, C.created_at, A.provider_id, A.resource_class, A.amount).select_from(
    CONSUMERS.outerjoin(ALLOCATIONS, A.consumer_id == C.id)).where(C.id == sa.bindparam("consumer"))
TOUCH = PROVIDERS.update().where(P.id == sa.bindparam("provider")).values(generation=P.generation + sa.bindparam("steps"))
INSERT_CONSUMER = CONSUMERS.insert()
UPDATE_CONSUMER = CONSUMERS.update().where(C.id == sa.bindparam("consumer"), C.generation == sa.bindparam("seen")).values(
    generation=C.generation + 1, project_id=sa.bindparam("project"), user_id=sa.bindparam("user"),
    type=sa.func.coalesce(sa.bindparam("kind"), C.type), updated_at=sa.bindparam("now"))
DELETE_CONSUMER = CONSUMERS.delete().where(C.id == sa.bindparam("consumer"), C.generation == sa.bindparam("seen"))
INSERT_ALLOCATIONS = ALLOCATIONS.insert()
DELETE_ALLOCATIONS = ALLOCATIONS.delete().where(A.consumer_id == sa.bindparam("consumer"))
ALLOCATION = sa.select(A.consumer_id, A.provider_id, A.resource_class, A.amount, A.updated_at,
                       P.generation.label("provider_generation"), C.generation.label("consumer_generation")).select_from(
    ALLOCATIONS.join(PROVIDERS, P.id == A.provider_id).join(CONSUMERS, C.id == A.consumer_id))
OF_CONSUMER = ALLOCATION.where(A.consumer_id == sa.bindparam("consumer"))
OF_PROVIDER = ALLOCATION.where(A.provider_id == sa.bindparam("provider"))
USED = sa.select(I.provider_id, I.resource_class, I.used).where(I.used > 0)


class Want(msgspec.Struct):
    """What is asked of one inventory by all consumers of a request: `delta` more than now, in portions of `amounts`."""

    delta: int = 0
    amounts: list[int] = []


class Held(msgspec.Struct, frozen=True):
    """What a consumer holds before a change."""

    generation: int | None = None                      # None: there is no such consumer
    amounts: dict[str, dict[str, int]] = {}


class Claims:
    def __init__(self, db: Database):
        self.db = db

    async def held(self, consumer_id: str) -> Held:
        rows = await self.db.rows(HELD, {"consumer": consumer_id})
        if not rows:
            return Held()
        amounts: dict[str, dict[str, int]] = {}
        for _, _, _, provider, name, amount in rows:
            if provider is not None:
                amounts.setdefault(provider, {})[name] = amount
        return Held(rows[0][1], amounts)

    async def touch(self, provider_id: str, *, anew: bool) -> bool:
        """Make other claims of the provider wait for this one, and give it a new generation (`anew`) where it gives something."""
        return bool(await self.db.execute(TOUCH, {"provider": provider_id, "steps": int(anew)}))

    async def take(self, provider_id: str, wants: dict[str, Want]) -> bool:
        """Change what is in use of one provider, if all of it fits; whether it did."""
        params: dict[str, str | int] = {"provider": provider_id}
        for n, (name, want) in enumerate(wants.items()):
            asked = want.amounts or (0,)
            params |= {f"name{n}": name, f"delta{n}": want.delta, f"low{n}": min(asked), f"high{n}": max(asked), f"step{n}": gcd(*asked)}
        return await self.db.execute(_take(len(wants)), params) == len(wants)

    async def put_consumer(self, consumer_id: str, seen: int | None, project_id: str, user_id: str, kind: str | None,
                           now: datetime) -> None:
        """Make or change the consumer. Raises ConcurrentUpdate when its generation is no longer the one `seen`."""
        if seen is None:
            try:
                await self.db.execute(INSERT_CONSUMER, {"id": consumer_id, "generation": 1, "project_id": project_id, "user_id": user_id,
                                                        "type": kind, "created_at": now, "updated_at": now})
            except Duplicate as taken:
                raise ConcurrentUpdate("Inventory and/or allocations changed while attempting to allocate") from taken
        elif not await self.db.execute(UPDATE_CONSUMER, {"consumer": consumer_id, "seen": seen, "project": project_id, "user": user_id,
                                                         "kind": kind, "now": now}):
            raise ConcurrentUpdate("Inventory and/or allocations changed while attempting to allocate")

    async def delete_consumer(self, consumer_id: str, seen: int) -> None:
        if not await self.db.execute(DELETE_CONSUMER, {"consumer": consumer_id, "seen": seen}):
            raise ConcurrentUpdate("Inventory and/or allocations changed while attempting to allocate")

    async def record(self, consumer_id: str, amounts: dict[str, dict[str, int]], now: datetime) -> None:
        await self.db.execute(INSERT_ALLOCATIONS, [
            {"consumer_id": consumer_id, "provider_id": provider, "resource_class": name, "amount": amount, "updated_at": now}
            for provider, classes in amounts.items() for name, amount in classes.items()])

    async def erase(self, consumer_id: str) -> None:
        await self.db.execute(DELETE_ALLOCATIONS, {"consumer": consumer_id})

    async def consumer(self, consumer_id: str) -> Consumer | None:
        return await self.db.one(Consumer, sa.select(CONSUMERS).where(C.id == consumer_id))

    async def of_consumer(self, consumer_id: str) -> list[Allocation]:
        return await self.db.all(Allocation, OF_CONSUMER, {"consumer": consumer_id})

    async def of_provider(self, provider_id: str) -> list[Allocation]:
        return await self.db.all(Allocation, OF_PROVIDER, {"provider": provider_id})

    async def used(self) -> Iterable[tuple[str, str, int]]:
        return [tuple(row) for row in await self.db.rows(USED)]

    async def usages(self, project_id: str, user_id: str | None = None) -> list[tuple[str | None, str, int]]:
        """(consumer type, resource class, amount) of a project's, or one user's in it."""
        stmt = sa.select(C.type, A.resource_class, sa.func.sum(A.amount)).select_from(CONSUMERS.join(ALLOCATIONS, A.consumer_id == C.id))
        stmt = stmt.where(*_theirs(project_id, user_id)).group_by(C.type, A.resource_class)
        return [(kind, name, int(amount)) for kind, name, amount in await self.db.rows(stmt)]

    async def consumer_counts(self, project_id: str, user_id: str | None = None) -> dict[str | None, int]:
        stmt = sa.select(C.type, sa.func.count()).where(*_theirs(project_id, user_id)).group_by(C.type)
        return {kind: count for kind, count in await self.db.rows(stmt)}


def _theirs(project_id: str, user_id: str | None) -> list:
    return [C.project_id == project_id, *([C.user_id == user_id] if user_id is not None else [])]


@lru_cache(maxsize=64)
def _take(count: int) -> sa.Update:
    """Add deltas to `count` classes of one provider: each row only if it stays within its capacity and portions.

    `low`, `high` and `step` are the least, the greatest and the greatest common divisor of the amounts that consumers will
    hold (0: they only give back). What gets less is never refused, so that an overcommitted provider can be emptied.
    """
    fits, cases = [], []
    for n in range(count):
        name = sa.bindparam(f"name{n}", type_=sa.String(255))
        delta, low, high, step = (sa.bindparam(f"{what}{n}", type_=sa.Integer) for what in ("delta", "low", "high", "step"))
        room = sa.or_(delta <= 0, I.used + delta <= (I.total - I.reserved) * I.allocation_ratio)
        portion = sa.or_(high == 0, sa.and_(I.min_unit <= low, I.max_unit >= high, step % I.step_size == 0))
        fits.append(sa.and_(I.resource_class == name, room, portion))
        cases.append((I.resource_class == name, delta))
    all_that_fit = INVENTORIES.update().where(I.provider_id == sa.bindparam("provider"), sa.or_(*fits))
    return all_that_fit.values(used=I.used + sa.case(*cases, else_=0))
