"""The database facade."""

import asyncio
from datetime import UTC, datetime

import msgspec
import pytest
import sqlalchemy as sa

from pileus.core.db import Database, Duplicate, Id, Json, Time, TransactionAwaited

things = sa.Table("test_things", sa.MetaData(), Id("id", primary_key=True), sa.Column("name", sa.String(20), unique=True), sa.Column("at", Time),
                  sa.Column("more", Json))


class Thing(msgspec.Struct, frozen=True):
    id: str
    name: str
    at: datetime
    more: dict


NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def database() -> Database:
    db = await Database.open("sqlite://")
    await db.run_sync(things.create)
    return db


async def test_records_come_back_as_they_went_in():
    db = await database()
    thing = Thing("a", "n", NOW, {"x": [1, {"y": None}]})
    await db.insert(things, thing)
    assert await db.one(Thing, sa.select(things)) == thing
    assert await db.scalar(sa.select(sa.func.count()).select_from(things)) == 1


async def test_rows_may_have_more_and_fewer_columns_than_a_record_has_fields():
    class Brief(msgspec.Struct, frozen=True):
        id: str
        tags: list[str] = []

    db = await database()
    assert await db.all(Brief, sa.select(things)) == []
    for name in "ab":
        await db.insert(things, Thing(name, name, NOW, {}))
    assert await db.all(Brief, sa.select(things).order_by(things.c.id)) == [Brief("a"), Brief("b")]
    assert await db.one(Brief, sa.select(things.c.id).where(things.c.id == "b")) == Brief("b")


async def test_moments_sort_as_text():
    db = await database()
    for i, moment in enumerate([NOW.replace(microsecond=500), NOW, NOW.replace(second=59)]):
        await db.insert(things, Thing(str(i), str(i), moment, {}))
    assert [t.id for t in await db.all(Thing, sa.select(things).order_by(things.c.at))] == ["1", "0", "2"]
    assert await db.scalar(sa.select(sa.func.count()).select_from(things).where(things.c.at > NOW)) == 2


async def test_a_taken_key_is_a_duplicate():
    db = await database()
    await db.insert(things, Thing("a", "n", NOW, {}))
    with pytest.raises(Duplicate):
        await db.insert(things, Thing("b", "n", NOW, {}))


async def test_a_failed_transaction_leaves_nothing_and_calls_nobody():
    db, called = await database(), []
    with pytest.raises(ValueError, match="no"):
        async with db.transaction():
            await db.insert(things, Thing("a", "n", NOW, {}))
            db.after_commit(lambda: called.append(1))
            raise ValueError("no")
    assert await db.all(Thing, sa.select(things)) == [] and called == []


async def test_callbacks_run_after_the_outermost_commit():
    db, called = await database(), []
    async with db.transaction():
        async with db.transaction():
            await db.insert(things, Thing("a", "n", NOW, {}))
            db.after_commit(lambda: called.append(1))
        assert called == []
    assert called == [1]


async def test_awaiting_something_else_in_a_transaction_is_loud_and_undone():
    db = await database()
    with pytest.raises(TransactionAwaited):
        async with db.transaction():
            await db.insert(things, Thing("a", "n", NOW, {}))
            await asyncio.sleep(0)
    assert await db.all(Thing, sa.select(things)) == []


async def test_nobody_joins_a_transaction_that_waits():
    db = await database()

    async def innocent():
        with pytest.raises(TransactionAwaited):
            await db.all(Thing, sa.select(things))

    with pytest.raises(TransactionAwaited):
        async with db.transaction():
            await asyncio.create_task(innocent())


async def test_a_reader_can_tell_whether_it_may_remember():
    db = await database()
    assert not db.in_transaction
    async with db.transaction():
        assert db.in_transaction
    assert not db.in_transaction
