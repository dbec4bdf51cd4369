"""The database facade."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import pytest
import sqlalchemy as sa

from pileus.core.db import Database, Duplicate, Id, Json, Time, TransactionAwaited
from pileus.core.sqlite import Checkpoints

things = sa.Table("test_things", sa.MetaData(), Id("id", primary_key=True), sa.Column("name", sa.String(20), unique=True),
                  sa.Column("at", Time), sa.Column("more", Json))


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


async def test_rows_are_found_changed_and_removed_by_their_key():
    db = await database()
    for name in "ab":
        await db.insert(things, Thing(name, name, NOW, {}))
    assert await db.update(things, {"id": "a"}, at=NOW.replace(second=9), more={"x": [1]}) == 1
    assert await db.find(Thing, things, id="a") == Thing("a", "a", NOW.replace(second=9), {"x": [1]})
    assert await db.update(things, {"id": "a", "name": "b"}, at=NOW) == 0
    assert await db.find(Thing, things, id="a", at=NOW) is None and await db.find(Thing, things, name="b") == Thing("b", "b", NOW, {})
    with pytest.raises(Duplicate):
        await db.update(things, {"id": "a"}, name="b")
    assert (await db.delete(things, name="b"), await db.delete(things, name="b")) == (1, 0)
    assert [t.id for t in await db.all(Thing, sa.select(things))] == ["a"]


async def test_moments_sort_as_text():
    db = await database()
    for i, moment in enumerate([NOW.replace(microsecond=500), NOW, NOW.replace(second=59), NOW.replace(year=999)]):
        await db.insert(things, Thing(str(i), str(i), moment, {}))
    assert [t.id for t in await db.all(Thing, sa.select(things).order_by(things.c.at))] == ["3", "1", "0", "2"]
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


IDS = sa.bindparam("ids", expanding=True)
ways = [
    (sa.select(things), None),
    (sa.select(things.c.id, things.c.at.label("moment"), sa.func.count().label("n")).group_by(things.c.id).order_by(things.c.id), None),
    (sa.select(things).where(things.c.id.in_(["a", "b"])).order_by(things.c.id.desc()).limit(1), None),
    (sa.select(things.c.more).where(things.c.id == sa.bindparam("id")), {"id": "b"}),
    (sa.select(things).where(things.c.at >= NOW, things.c.name.is_not(None), sa.not_(things.c.id.in_([]))), None),
    (sa.select(sa.func.max(things.c.name)), None),
    (sa.select(things).where(things.c.at.in_([NOW, NOW]), things.c.name != "x", things.c.id.in_(["a", "b", "z"])), None),
    (sa.select(things).where(sa.or_(things.c.id.in_(IDS), things.c.name.in_(IDS)), things.c.id != ""), {"ids": ("a", "bb")}),
    (sa.select(things).where(sa.tuple_(things.c.id, things.c.name).in_([("a", "aa"), ("b", "x")])), None),
    (sa.select(things).where(things.c.id.in_(["b"]), sa.not_(things.c.name.in_([]))), None),
]


@pytest.mark.parametrize("stmt, params", ways, ids=str)
async def test_the_short_way_to_sqlite_answers_like_the_long_one(stmt, params):
    db = await database()
    for id in "abc":
        await db.insert(things, Thing(id, id * 2, NOW, {"x": id}))
    assert db.backend.shapes.prepare(stmt, params) is not None
    short = await db.rows(stmt, params)
    db.backend.shapes = SimpleNamespace(prepare=lambda *_: None)
    long = await db.rows(stmt, params)
    assert [tuple(r) for r in short] == [tuple(r) for r in long] and short[0]._fields == long[0]._fields
    assert [r._asdict() for r in short] == [r._asdict() for r in long]


async def test_a_statement_takes_lists_of_any_length_in_turn():
    db = await database()
    for id in "abcd":
        await db.insert(things, Thing(id, id * 2, NOW, {"x": id}))
    for ids in (["a"], ["a", "b", "c"], [], ["d", "z"], ["a", "c"], ["b", "d"]):
        found = await db.rows(sa.select(things.c.id).where(things.c.id.in_(IDS)).order_by(things.c.id), {"ids": ids})
        assert [row.id for row in found] == [id for id in ids if id != "z"]


async def test_changes_count_rows_both_ways():
    for short in (True, False):
        db = await database()
        if not short:
            db.backend.shapes = SimpleNamespace(prepare=lambda *_: None)
        await db.insert(things, Thing("a", "n", NOW, {}))
        more = [{"id": "b", "name": "m", "at": NOW, "more": {}}, {"id": "c", "name": "o", "at": NOW, "more": {}}]
        await db.execute(things.insert(), more)
        assert await db.execute(things.update().where(things.c.id.in_(["a", "b"])).values(more={"y": 1})) == 2
        assert await db.execute(things.update().where(things.c.id == "z").values(more={})) == 0
        assert await db.execute(things.delete().where(things.c.id != sa.bindparam("id_")), {"id_": "a"}) == 2
        assert (await db.one(Thing, sa.select(things))).more == {"y": 1}


async def test_a_database_file_is_its_owners_alone(tmp_path):
    db = await Database.open(f"sqlite:///{tmp_path / 'pileus.db'}")
    await db.create_schema()
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    await db.close()


async def test_what_was_written_is_moved_into_the_file_beside_the_loop(tmp_path):
    file = tmp_path / "pileus.db"
    db = await Database.open(f"sqlite:///{file}")
    await db.run_sync(things.create)
    empty = file.stat().st_size
    for i in range(Checkpoints.EVERY - 1):
        await db.insert(things, Thing(f"{i}", f"{i}", NOW, {"text": "x" * 500}))
    db.backend.checkpoints.finish()
    assert file.stat().st_size == empty
    await db.insert(things, Thing("last", "last", NOW, {}))
    db.backend.checkpoints.finish()
    assert file.stat().st_size > empty + 250_000
    await db.insert(things, Thing("more", "more", NOW, {}))
    assert len(await db.all(Thing, sa.select(things))) == Checkpoints.EVERY + 1
    await db.close()
    assert {one.name for one in tmp_path.iterdir()} == {"pileus.db"}


async def test_a_statement_that_is_used_again_takes_other_values_and_other_names():
    db = await database()
    add, named = things.insert(), sa.select(things.c.id).where(things.c.name == sa.bindparam("name"), things.c.at == NOW)
    for id in "abc":
        await db.execute(add, {"id": id, "name": id * 2, "at": NOW})
    await db.execute(add, {"id": "d", "name": "dd", "at": NOW, "more": {"x": 1}})
    for _ in range(3):
        for id in "abcd":
            assert [row.id for row in await db.rows(named, {"name": id * 2})] == [id]
    with pytest.raises(sa.exc.InvalidRequestError):
        await db.rows(named, {"nam": "aa"})
    assert [(row.id, row.more) for row in await db.rows(sa.select(things.c.id, things.c.more).order_by(things.c.id.desc()).limit(2))] == [
        ("d", {"x": 1}), ("c", None)]
