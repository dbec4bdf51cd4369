"""The same schema, the same stores and the same cloud on PostgreSQL and MySQL, where a server can be started."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa

from pileus.core.db import Database, Duplicate, Unfit
from pileus.migrations import migrate, prepare
from tests.cloud import TestCloud
from tests.core.test_db import NOW, Thing, things
from tests.test_migrations import differences

pytestmark = [pytest.mark.database, pytest.mark.realtime]


@asynccontextmanager
async def empty(url: str):
    """The database with nothing in it."""
    db = await Database.open(url)

    def wipe(connection):
        metadata = sa.MetaData()
        metadata.reflect(connection)
        metadata.drop_all(connection)

    await db.run_sync(wipe)
    try:
        yield db
    finally:
        await db.close()


async def test_schema_at_once(database_url):
    async with empty(database_url) as db:
        await prepare(db)
        await prepare(db)
        assert await db.run_sync(differences) == []


async def test_schema_by_migrations(database_url):
    async with empty(database_url) as db:
        await db.run_sync(migrate)
        assert await db.run_sync(differences) == []


async def test_the_facade(database_url):
    async with empty(database_url) as db:
        await db.run_sync(things.create)
        thing = Thing("a", "n", NOW, {"x": ["ä", None]})
        await db.insert(things, thing)
        assert await db.one(Thing, sa.select(things)) == thing
        with pytest.raises(Duplicate):
            await db.insert(things, Thing("b", "n", NOW, {}))
        with pytest.raises(Unfit):
            await db.insert(things, Thing("x" * 70_000, "long", NOW, {}))
        with pytest.raises(Unfit):
            await db.execute(things.update().values(name="x" * 70_000))
        called = []
        with pytest.raises(ValueError, match="no"):
            async with db.transaction():
                await db.insert(things, Thing("b", "m", NOW, {}))
                with pytest.raises(Duplicate):
                    await db.insert(things, Thing("c", "m", NOW, {}))
                db.after_commit(lambda: called.append(1))
                raise ValueError("no")
        assert [t.id for t in await db.all(Thing, sa.select(things))] == ["a"] and called == []
        assert await db.execute(things.update().where(things.c.id == "a").values(name="z")) == 1
        # MySQL counts rows that were found, not rows that changed: compare-and-swap depends on it.
        assert await db.execute(things.update().where(things.c.id == "a").values(name="z")) == 1


async def test_a_whole_cloud(database_url):
    """Servers with networks are built, listed, stopped and deleted, several at once."""
    async with empty(database_url):
        pass
    async with TestCloud(hosts=2, real_time=True, database={"url": database_url}) as cloud:
        network = await cloud.network()
        member = await cloud.as_()
        got = await asyncio.gather(*(cloud.order(name=f"s{i}", networks=[{"uuid": network}]) for i in range(6)))
        assert [g.status for g in got] == [202] * 6
        await cloud.settle()
        found = (await member.get("/compute/v2.1/servers/detail?limit=4&sort_key=display_name&sort_dir=asc")).json
        assert [s["name"] for s in found["servers"]] == ["s0", "s1", "s2", "s3"] and {s["status"] for s in found["servers"]} == {"ACTIVE"}
        ids = {g.json["server"]["id"] for g in got}
        await cloud.act(got[0].json["server"]["id"], "os-stop")
        await cloud.settle()
        assert (await cloud.show(got[0].json["server"]["id"]))["status"] == "SHUTOFF"
        await cloud.assert_clean(servers=ids)
        for id in ids:
            assert (await member.delete(f"/compute/v2.1/servers/{id}")).status == 204
        await cloud.settle()
        await cloud.assert_clean()
