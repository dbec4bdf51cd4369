"""Sagas: whatever interrupts them, they end complete or clean."""

import asyncio

import msgspec
import pytest
import sqlalchemy as sa

from pileus.core.clock import VirtualClock
from pileus.core.db import Database
from pileus.core.errors import CloudError
from pileus.core.ids import Ids
from pileus.core.saga import Aborted, Saga, Sagas, Step
from tests.sagas import arm, interrupted, interruptions, settle

effects = sa.Table("test_saga_effects", sa.MetaData(), sa.Column("name", sa.String(10), primary_key=True))


class Order(msgspec.Struct, kw_only=True):
    id: str
    log: list[str] = []


class World:
    """Effects keyed by the order's id; making one twice is making it once."""

    def __init__(self):
        self.effects: set[tuple[str, str]] = set()
        self.failed: list[str] = []
        self.gate: asyncio.Event | None = None


def effect(name):
    async def do(order, world):
        world.effects.add((order.id, name))
        order.log.append(name)
        if name == "slow" and world.gate is not None:
            await world.gate.wait()

    async def undo(order, world):
        world.effects.discard((order.id, name))

    do.__name__ = name
    return Step(do, undo=undo)


async def note_failure(order, world, error):
    world.failed.append(error.code)


SAGA = Saga(name="test.order", state=Order, steps=[effect("a"), effect("b"), effect("c")], failed=note_failure)
SLOW = Saga(name="test.slow", state=Order, steps=[effect("a"), effect("slow"), effect("c")], failed=note_failure, abortable=True)


async def conductor(*sagas: Saga) -> tuple[Sagas, World]:
    db = await Database.open("sqlite://")
    await db.create_schema()
    await db.run_sync(effects.create)
    made, world = Sagas(db, VirtualClock(), Ids(1), "me"), World()
    for saga in sagas:
        made.register(saga, world)
    return made, world


@pytest.mark.parametrize("cut", interruptions(SAGA), ids=str)
async def test_complete_or_clean(cut):
    saga = interrupted(SAGA, cut)
    sagas, world = await conductor(saga)
    arm(sagas, saga, cut)
    async with sagas.db.transaction():
        await sagas.begin(saga, "s", Order(id="1"))
    await settle(sagas)
    assert await sagas.open() == []
    if cut.how in ("before", "after"):
        assert world.effects == set() and world.failed == ["test.step_failed"]
    else:
        assert world.effects == {("1", "a"), ("1", "b"), ("1", "c")} and world.failed == []


def kept(name):
    """An effect in the database, in two statements that belong together."""
    async def do(order, world):
        await world.db.execute(effects.delete().where(effects.c.name == name))
        await world.db.insert(effects, {"name": name})

    async def undo(order, world):
        await world.db.execute(effects.delete().where(effects.c.name == name))

    do.__name__ = name
    return Step(do, undo=undo, atomic=True)


ATOMIC = Saga(name="test.atomic", state=Order, steps=[effect("a"), kept("b"), effect("c"), kept("d")], failed=note_failure)


@pytest.mark.parametrize("cut", interruptions(ATOMIC), ids=str)
async def test_atomic_steps_are_complete_or_clean(cut):
    saga = interrupted(ATOMIC, cut)
    sagas, world = await conductor(saga)
    world.db = sagas.db
    arm(sagas, saga, cut)
    await sagas.begin(saga, "s", Order(id="1"))
    await settle(sagas)
    assert await sagas.open() == []
    stored = {row.name for row in await sagas.db.rows(sa.select(effects))}
    if cut.how in ("before", "after"):
        assert world.effects == stored == set() and world.failed == ["test.step_failed"]
    else:
        assert world.effects == {("1", "a"), ("1", "c")} and stored == {"b", "d"} and world.failed == []


async def test_an_atomic_step_and_its_journal_entry_are_one_transaction():
    sagas, world = await conductor(ATOMIC)
    world.db = sagas.db
    seen = []

    sagas.trace = lambda event, entry: seen.append((event, entry.at, sagas.db.in_transaction))
    await sagas.begin(ATOMIC, "s", Order(id="1"))
    await sagas.drain()
    assert seen == [("save", 1, False), ("save", 2, True), ("save", 3, False), ("close", 4, True)]


async def test_nothing_runs_when_the_transaction_is_undone():
    sagas, world = await conductor(SAGA)
    with pytest.raises(ValueError, match="no"):
        async with sagas.db.transaction():
            await sagas.begin(SAGA, "s", Order(id="1"))
            raise ValueError("no")
    await settle(sagas)
    assert world.effects == set() and await sagas.open() == []


async def test_abort_cuts_a_wait_short_and_undoes():
    sagas, world = await conductor(SLOW)
    world.gate = asyncio.Event()
    entry = await sagas.begin(SLOW, "s", Order(id="1"))
    waiting = asyncio.ensure_future(sagas.wait(entry))
    await asyncio.sleep(1)
    await sagas.abort("s")
    assert world.effects == set() and world.failed == [Aborted.code] and not sagas.running
    with pytest.raises(Aborted):
        await waiting


async def test_stopping_is_not_failure():
    sagas, world = await conductor(SLOW)
    world.gate = asyncio.Event()
    await sagas.begin(SLOW, "s", Order(id="1"))
    await asyncio.sleep(1)
    await sagas.stop()
    assert len(await sagas.open()) == 1 and world.failed == []
    again = Sagas(sagas.db, sagas.clock, sagas.ids, "me")
    again.register(SLOW, world)
    world.gate.set()
    await again.resume(at_start=True)
    await again.drain()
    assert {name for _, name in world.effects} == {"a", "slow", "c"} and await again.open() == []


async def test_an_undo_that_raised_is_tried_again():
    tries = []

    async def stubborn(order, world):
        tries.append(1)
        if len(tries) < 3:
            raise CloudError(detail="not yet")

    async def fail(order, world):
        raise CloudError(detail="no")

    saga = Saga(name="test.stubborn", state=Order, steps=[Step(effect("a").do, undo=stubborn), Step(fail)], failed=note_failure)
    sagas, world = await conductor(saga)
    await sagas.begin(saga, "s", Order(id="1"))
    await sagas.drain()
    assert len(await sagas.open()) == 1
    for _ in range(3):
        await sagas.resume()
        await sagas.drain()
    assert await sagas.open() == [] and len(tries) == 3 and world.failed == ["internal"]


async def test_another_conductor_takes_over_when_the_lease_is_over():
    sagas, world = await conductor(SLOW)
    world.gate = asyncio.Event()
    await sagas.begin(SLOW, "s", Order(id="1"))
    await asyncio.sleep(1)
    await sagas.stop()
    other = Sagas(sagas.db, sagas.clock, sagas.ids, "other")
    other.register(SLOW, world)
    assert await other.resume() is None
    await asyncio.sleep(61)
    world.gate.set()
    assert await other.resume() == "took up 1"
    await other.drain()
    assert await other.open() == []
