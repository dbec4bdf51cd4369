"""What accidents leave of a container's shards: names that two have, or none, and shards that nobody knows."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from pileus.cli import shard_ranges
from pileus.object_store.daemons.sharder import ENABLED
from pileus.object_store.model.shards import ShardRange, covers, gaps, later, lost
from tests.object_store.test_sharding import LARGER, brokers, fill, make, roots, run, shards, shards_of

NAMES = [f"o{n:03}" for n in range(30)]


async def sharded(store):
    """A container of 30 objects in four shards."""
    alice = await fill(store, 30)
    for broker in roots(store):
        broker.update_metadata({ENABLED: ("True", store.objects.proxy.stamp())})
    await run(store, *["container-sharder"] * 4)
    assert len(shards(store)) == 4
    return alice


def plant(store, number, **changes):
    """Change what all replicas know of one of the shards, as no sharder would."""
    each = shards_of(store)[number]
    at = later([each], store.objects.proxy.stamp())
    for broker in roots(store):
        broker.shards.merge([msgspec.structs.replace(each, changed_at=at, **changes)])


async def whole(store, alice, names):
    """Every object is listed once, and counted, whoever is asked; no shard has what another has."""
    for _ in range(14):
        await run(store, "container-sharder", "container-replicator")
    for _ in range(5):
        assert await alice.names("/c") == sorted(names)
        assert (await alice.head("/c")).headers["x-container-object-count"] == str(len(names))
    current = shards_of(store)
    assert covers(current) and not lost(current) and not gaps(current)
    listed = [row[0] for r in current for row in brokers(store, *r.path)[0].all("SELECT name FROM object WHERE deleted=0")]
    assert sorted(listed) == sorted(names)


@pytest.mark.parametrize("bounds", [("", "o011"), ("", "o019"), ("o009", "o013"), ("", "")])
async def test_an_overlap_is_repaired(bounds):
    async with make(**LARGER, batch=10, auto=False) as store:
        alice = await sharded(store)
        plant(store, 0, lower=bounds[0], upper=bounds[1])
        assert len(await alice.names("/c")) < 30
        await alice.put("/c/o0105", b"12345")
        await whole(store, alice, [*NAMES, "o0105"])


@pytest.mark.parametrize("number", [0, 1, 3])
@pytest.mark.parametrize("by_itself", [True, False])
async def test_a_gap_is_repaired(number, by_itself, capsys):
    async with make(**LARGER, batch=10, auto=False) as store:
        alice, first = await sharded(store), Path(roots(store)[0].path)
        if not by_itself:
            for broker in roots(store):
                broker.update_metadata({ENABLED: ("", store.objects.proxy.stamp())})
        plant(store, number, deleted=True)
        assert len(await alice.names("/c")) < 30
        await alice.put("/c/o0105", b"12345")
        if not by_itself:
            capsys.readouterr()
            assert shard_ranges.analyze(first) == 1 and "gap" in capsys.readouterr().out
            assert shard_ranges.repair(first, dry_run=True) == 0 and shard_ranges.analyze(first) == 1
            assert shard_ranges.repair(first) == 0
        await whole(store, alice, [*NAMES, "o0105"])
        assert shard_ranges.analyze(first) == 0


async def test_a_shard_that_nobody_knows_goes():
    """The replica that had a shard made is lost before it could tell anybody."""
    async with make(**LARGER, batch=10) as store:
        alice = await sharded(store)
        each = shards_of(store)[2]
        for broker in roots(store):
            with broker.writing() as db:
                db.execute("DELETE FROM shard WHERE name=?", (each.name,))
        await whole(store, alice, NAMES)
        for _ in range(2):
            await asyncio.sleep(9 * 86_400)
            for _ in range(3):
                await run(store, "container-sharder", "container-replicator")
        databases = list(store.folder.glob(f"devices/*/containers/*/*/{store.objects.hashing.hash(*each.path)}/*.db"))
        assert not databases and await alice.names("/c") == NAMES


async def test_a_shard_that_was_taken_for_a_stray():
    """The replica that knew it comes back when it gives its rows back already: then that is what it is to do."""
    async with make(**LARGER, batch=10) as store:
        alice = await sharded(store)
        each = shards_of(store)[1]
        back = ShardRange(name="AUTH_alice/c", state="created", changed_at=store.objects.proxy.stamp())
        for broker in brokers(store, *each.path):
            broker.shards.merge([back])
        await alice.put("/c/o0105", b"12345")
        await whole(store, alice, [*NAMES, "o0105"])
        assert each.name not in [r.name for r in shards_of(store)]


async def test_shards_of_a_container_that_is_gone_go():
    """With what was told them when the container was deleted already, and though nobody told them of that."""
    async with make(**LARGER, batch=10) as store:
        alice = await sharded(store)
        for broker in roots(store):
            store.objects.node.containers.forget(broker.path)
            broker.close()
            Path(broker.path).unlink()
        assert (await alice.get("/c")).status == 404
        await run(store)
        assert store.folder.glob("devices/*/containers/*/*/*/*.db")
        for _ in range(3):
            await asyncio.sleep(9 * 86_400)
            for _ in range(3):
                await run(store, "container-sharder", "container-replicator")
        assert not list(store.folder.glob("devices/*/containers/*/*/*/*.db"))


async def test_what_comes_to_a_deleted_container_does_not_keep_its_shards():
    """An object server tells a shard of an object after the container was found empty and deleted."""
    async with make(**LARGER, batch=10) as store:
        alice = await sharded(store)
        for name in NAMES:
            await alice.delete(f"/c/{name}")
        late = shards_of(store)[1]
        assert (await alice.delete("/c")).status == 204
        row = {"name": "o010", "created_at": store.objects.proxy.stamp(), "size": 1, "content_type": "a/b", "etag": "e", "deleted": 0,
               "storage_policy_index": 0}
        for broker in brokers(store, *late.path):
            broker.merge([row])
        for _ in range(4):
            await run(store, "container-sharder", "container-replicator")
            await asyncio.sleep(9 * 86_400)
        for _ in range(3):
            await run(store, "container-sharder", "container-replicator")
        assert not list(store.folder.glob("devices/*/containers/*/*/*/*.db"))


async def test_an_operator_compacts(capsys):
    async with make(**LARGER, batch=10) as store:
        alice, first = await sharded(store), Path(roots(store)[0].path)
        assert shard_ranges.compact(first, shrink_below=5, merge_below=10) == 0 and "nothing" in capsys.readouterr().out
        assert shard_ranges.compact(first, shrink_below=10, merge_below=20, dry_run=True) == 0
        assert {r.state for r in shards_of(store)} == {"active"}
        assert shard_ranges.compact(first, shrink_below=10, merge_below=20) == 0
        assert len([r for r in shards_of(store) if r.state == "shrinking"]) == 2
        assert shard_ranges.compact(first, shrink_below=10, merge_below=20) == 1
        await whole(store, alice, NAMES)
        assert len(shards(store)) == 2
        assert shard_ranges.show(first, state="active") == 0
        assert len(json.loads(capsys.readouterr().out.partition("[")[2].join(["[", ""]))) == 2


async def test_an_account_with_shards_is_reaped():
    async with make(**LARGER, batch=10) as store:
        await sharded(store)
        root = store.as_("root", roles=("ResellerAdmin",))
        assert (await root.delete("//v1/AUTH_alice")).status == 204
        await asyncio.sleep(1)
        await run(store, "account-reaper", "container-sharder", "account-reaper", "container-sharder", "container-updater")
        assert store.files() == []
        for _ in range(3):
            await asyncio.sleep(9 * 86_400)
            await run(store, *["container-sharder", "container-replicator", "container-updater", "account-replicator"] * 2)
        assert not list(store.folder.glob("devices/*/containers/*/*/*/*.db"))
        assert not list(store.folder.glob("devices/*/accounts/*/*/*/*.db"))


async def test_rows_that_came_to_the_wrong_place_go_on():
    """To the shard that has their names, whoever has kept them: nothing waits for ever, and nothing is listed twice."""
    async with make(**LARGER, batch=10) as store:
        alice = await sharded(store)
        row = {"name": "o0105", "created_at": store.objects.proxy.stamp(), "size": 1, "content_type": "a/b", "etag": "e", "deleted": 0,
               "storage_policy_index": 0}
        roots(store)[1].merge([row])
        assert roots(store)[1].shards.misplaced(9) and await alice.names("/c") == NAMES
        await whole(store, alice, [*NAMES, "o0105"])
        assert not any(broker.shards.misplaced(1) for broker in roots(store))
