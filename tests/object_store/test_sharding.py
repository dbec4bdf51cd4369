"""Containers with many objects have shards: nobody who lists them ever notices."""

import asyncio
import json
import os
import random
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.cli import shard_ranges
from pileus.object_store.daemons import DAEMONS
from pileus.object_store.daemons.sharder import ROOT, found, passed_on, promoted, spans_of
from pileus.object_store.model.shards import ShardRange, clipped, covers, gaps, lost, merged, owned, spans
from pileus.object_store.proxy import container as containers
from tests.object_store.harness import TestStore

SHARDING = {"auto": True, "threshold": 12, "rows_per_shard": 5, "shrink_below": 3, "merge_below": 8, "batch": 1}


LARGER = {"threshold": 20, "rows_per_shard": 8, "shrink_below": 4, "merge_below": 16}


def make(policies=(), **more):
    return TestStore(replicas=3, devices=4, part_power=3, sharding=SHARDING | more, policies=list(policies), proxy={"recheck_s": 0.0})


async def run(store, *names):
    return [await DAEMONS[name](store.objects).run_once() for name in names or ("container-sharder",)]


def shards(store):
    """The ranges that the replicas of AUTH_alice/c know of, each a sorted list of (lower, upper, objects); alike in all of them."""
    found = [sorted((r.lower, r.upper, r.object_count) for r in broker.shards.current()) for broker in roots(store)]
    assert found.count(found[0]) == len(found), found
    return found[0]


def roots(store):
    return brokers(store, "AUTH_alice", "c")


def brokers(store, *names, most=3):
    ring, hash = store.objects.rings["container"], store.objects.hashing.hash(*names)
    part = ring.partition(*names)
    return [store.objects.node.containers.get(store.objects.devices / n.device.device, part, hash) for n in ring.primaries(part)[:most]]


def page_of(names, *, limit=10_000, marker="", end_marker="", prefix="", delimiter="", reverse=False):
    """What a listing has to be, reckoned the simple way."""
    low, high = (end_marker, marker) if reverse else (marker, end_marker)
    found = []
    for name in sorted(names, reverse=reverse):
        if not name.startswith(prefix) or name <= low or (high and name >= high):
            continue
        at = name.find(delimiter, len(prefix)) if delimiter else -1
        shown = name[:at + 1] if at >= 0 else name
        if shown not in found and not (at >= 0 and shown == marker):
            found.append(shown)
    return found[:limit]


def some_page(chance, names):
    some = [*names, "", "a", "f/", "m", "f/m"]
    page = {"limit": chance.choice([1, 3, 7, 10_000]), "marker": chance.choice(["", *some]), "reverse": chance.random() < 0.3}
    if chance.random() < 0.4:
        page["end_marker"] = chance.choice(some)
    if chance.random() < 0.4:
        page["prefix"] = chance.choice(["f/", "a", "f/m"])
    if chance.random() < 0.4:
        page["delimiter"] = "/"
    return page


async def check(alice, chance, there):
    page = some_page(chance, sorted(there)) if chance.random() < 0.7 else {}
    query = urlencode({n: v if not isinstance(v, bool) else str(v).lower() for n, v in page.items()})
    assert await alice.names(f"/c?{query}") == page_of(there, **page), page


@pytest.mark.parametrize("seed", range(int(os.environ.get("PILEUS_SEEDS", "2"))))
async def test_every_listing_is_right_at_every_step(seed):
    """While shards are found, made, filled, grow, shrink and go, clients put, delete and list: each listing is what it should be."""
    chance, there = random.Random(seed), set[str]()
    async with make() as store:
        alice = store.as_("alice")
        await alice.put("/c")
        for number in range(20):
            there.add(f"{'f/' if number % 2 else ''}m{number}")
            await alice.put(f"/c/{'f/' if number % 2 else ''}m{number}", b"x")
        through, busy, growth = store.objects.transport, False, 1.0

        async def act():
            name = chance.choice(["", "f/", "a/b/"]) + chance.choice("abcdefghijklm") + str(chance.randrange(9))
            if chance.random() < growth:
                assert (await alice.put(f"/c/{name}", b"x")).status == 201
                there.add(name)
            elif there:
                name = chance.choice(sorted(there))
                assert (await alice.delete(f"/c/{name}")).status == 204
                there.discard(name)
            await check(alice, chance, there)

        async def interrupted(to, req):
            nonlocal busy
            if not busy and chance.random() < 0.06:
                busy = True
                await act()
                busy = False
            return await through(to, req)

        store.objects.transport = interrupted
        most = 0
        for share in (1.0, 0.95, 0.5, 0.05, 0.0):
            growth = share
            for _ in range(12):
                busy = True
                await act()
                busy = False
                if chance.random() < 0.5:
                    await run(store, *chance.choice([["container-sharder"], ["container-sharder"], ["container-replicator"]]))
                await check(alice, chance, there)
            most = max(most, len(shards_of(store)))
        assert most > 2
        store.objects.transport = through
        for _ in range(10):
            await run(store)
        assert int((await alice.head("/c")).headers["x-container-object-count"]) == len(there)
        assert len(shards(store)) < most


def shards_of(store):
    """What the first replica knows."""
    return next(iter(brokers(store, "AUTH_alice", "c", most=1))).shards.current()


async def one_shard(store, left):
    """A container whose shards have come together in one, with so many objects."""
    alice = await fill(store, 30)
    await run(store, *["container-sharder"] * 3)
    for n in range(30 - left):
        await alice.delete(f"/c/o{n:03}")
    await run(store, *["container-sharder"] * 16)
    assert shards(store) == [("", "", left)]
    return alice, [f"o{n:03}" for n in range(30 - left, 30)]


async def fill(store, count):
    alice = store.as_("alice")
    await alice.put("/c")
    for n in range(count):
        assert (await alice.put(f"/c/o{n:03}", b"12345")).status == 201
    return alice


async def test_a_large_container_is_sharded(caplog):
    async with make(**LARGER, batch=10) as store:
        alice = await fill(store, 30)
        await run(store, *["container-sharder"] * 3)
        assert shards(store) == [("", "o007", 8), ("o007", "o015", 8), ("o015", "o023", 8), ("o023", "", 6)]
        assert all(broker.all("SELECT count(*) FROM object")[0][0] == 0 for broker in roots(store))
        head = await alice.head("/c")
        assert (head.headers["x-container-object-count"], head.headers["x-container-bytes-used"]) == ("30", "150")
        await run(store, "container-updater")
        assert (await alice.head()).headers["x-account-object-count"] == "30"
        assert await alice.names() == ["c"]
        await alice.put("/c/o0075", b"x")
        await alice.delete("/c/o000")
        assert await alice.names("/c") == [f"o{n:03}" for n in range(1, 8)] + ["o0075"] + [f"o{n:03}" for n in range(8, 30)]
        assert all(broker.all("SELECT count(*) FROM object")[0][0] == 0 for broker in roots(store))
        assert (await run(store))[0].get("rows") is None


async def test_object_servers_tell_shards_at_once_and_the_container_later():
    async with make(**LARGER, batch=10) as store:
        alice = await fill(store, 30)
        await run(store, *["container-sharder"] * 3)
        through, told = store.objects.node.objects.transport, []

        async def heard(to, req):
            told.append(req.path.split("/")[4])
            if failing:
                raise ConnectionError("away")
            return await through(to, req)

        store.objects.node.objects.transport, failing = heard, False
        assert (await alice.put("/c/o0075", b"x")).status == 201 and (await alice.delete("/c/o000")).status == 204
        assert set(told) == {".shards_AUTH_alice"} and len(await alice.names("/c")) == 30
        failing = True
        assert (await alice.put("/c/o0076", b"x")).status == 201
        failing = False
        assert len(await alice.names("/c")) == 30
        await run(store, "object-updater")
        assert len(await alice.names("/c")) == 31
        assert not list(store.folder.glob("devices/*/async_pending/*/*"))


async def test_shards_shard_and_shrink():
    async with make(**LARGER, batch=10) as store:
        alice = await fill(store, 30)
        await run(store, *["container-sharder"] * 3)
        for n in range(30):
            await alice.put(f"/c/o000-{n:02}", b"x")
        for _ in range(6):
            await run(store)
        assert len(shards(store)) > 5 and len(await alice.names("/c")) == 60
        for name in (await alice.names("/c"))[:-3]:
            await alice.delete(f"/c/{name}")
        for _ in range(40):
            await run(store)
        assert shards(store) == [] and len(await alice.names("/c")) == 3
        assert [broker.all("SELECT count(*) FROM object WHERE deleted=0") for broker in roots(store)] == [[(3,)]] * 3
        head = await alice.head("/c")
        assert (head.headers["x-container-object-count"], head.headers["x-container-bytes-used"]) == ("3", "15")
        await asyncio.sleep(8 * 86_400)
        assert (await run(store))[0]["retired"] > 3
        assert len(await alice.names("/c")) == 3


async def test_the_last_shard_goes_back_into_its_container():
    """Whatever is told in between; a replica that is away is waited for, and not what clients do."""
    async with make(**LARGER, batch=10) as store:
        alice, names = await one_shard(store, 5)

        async def check(step):
            names.append(f"p{step:03}")
            await alice.put(f"/c/{names[-1]}", b"12345")
            await alice.delete(f"/c/{names.pop(0)}")
            for _ in range(4):
                assert await alice.names("/c") == sorted(names)

        with away(store, roots(store)[2]):
            for _ in range(3):
                await alice.delete(f"/c/{names.pop()}")
            for step in range(4):
                await run(store)
                await check(step)
            assert [r.state for r in shards_of(store)] == ["active"]
        for step in range(5):
            await run(store, "object-updater", "container-replicator", "container-sharder", "container-updater")
            await check(10 + step)
            assert (await alice.head("/c")).headers["x-container-object-count"] == "2"
        assert shards(store) == []
        for _ in range(2):
            await asyncio.sleep(10 * 86_400)
            for _ in range(3):
                await run(store, "container-sharder", "container-replicator", "container-updater")
        assert len(list(store.folder.glob("devices/*/containers/*/*/*/*.db"))) == 3
        await check(20)
        for n in range(30):
            await alice.put(f"/c/again{n:03}", b"x")
        await run(store, *["container-sharder"] * 3)
        assert len(shards(store)) > 2 and len(await alice.names("/c")) == 32


async def test_what_a_shard_has_given_away_is_not_deleted_with_it():
    async with make(**LARGER, batch=10) as store:
        alice, names = await one_shard(store, 5)
        with away(store, roots(store)[2]):              # so that the last one stays
            for name in names:
                await alice.delete(f"/c/{name}")
            await asyncio.sleep(8 * 86_400)
            for _ in range(3):
                await run(store, "container-sharder", "container-replicator")
            listing = await alice.get("/c")
            assert (listing.status, listing.data) == (204, b""), listing


async def test_a_shard_that_is_gone_is_made_again():
    async with make(**LARGER, batch=10) as store:
        alice = await fill(store, 30)
        await run(store, *["container-sharder"] * 3)
        each = shards_of(store)[1]
        for broker in brokers(store, *each.path):
            store.objects.node.containers.forget(broker.path)
            broker.close()
            Path(broker.path).unlink()
        assert (await alice.get("/c")).status == 503
        await run(store)
        assert await alice.names("/c") == [f"o{n:03}" for n in range(30) if not each.has(f"o{n:03}")]


async def test_a_sharded_container_is_deleted_when_it_is_empty():
    async with make(**LARGER, batch=10) as store:
        alice = await fill(store, 30)
        await run(store, *["container-sharder"] * 3)
        for n in range(29):
            await alice.delete(f"/c/o{n:03}")
        assert (await alice.delete("/c")).status == 409
        await alice.delete("/c/o029")
        assert (await alice.delete("/c")).status == 204 and (await alice.get("/c")).status == 404
        await run(store)
        assert shards(store) == []
        await asyncio.sleep(9 * 86_400)
        for _ in range(2):
            await run(store, "container-sharder", "container-replicator")
        assert not list(store.folder.glob("devices/*/containers/*/*/*/*.db"))


@contextmanager
def away(store, broker):
    """The device that has a database is away."""
    store.objects.node.containers.close()
    device = store.folder / "devices" / broker.path.split("/devices/")[1].split("/")[0]
    device.rename(store.folder / "away")
    yield
    store.objects.node.containers.close()
    (store.folder / "away").rename(device)


async def test_what_shards_have_is_counted_although_a_replica_has_not_handed_over():
    async with make(**LARGER, batch=10) as store:
        alice = await fill(store, 30)
        with away(store, roots(store)[1]):
            await run(store)
            for n in range(0, 30, 3):
                assert (await alice.delete(f"/c/o{n:03}")).status == 204
            for _ in range(3):
                await run(store, "object-updater", "container-sharder", "container-updater")
            head = await alice.head("/c")
            assert (head.headers["x-container-object-count"], head.headers["x-container-bytes-used"]) == ("20", "100")
            assert (await alice.head()).headers["x-account-object-count"] == "20"
        for _ in range(4):
            await run(store, "container-replicator", "container-sharder", "container-updater")
            assert (await alice.head("/c")).headers["x-container-object-count"] == "20"
            assert len(await alice.names("/c")) == 20
        assert [r.state for r in shards_of(store)] == ["active"] * 4


async def test_what_shards_have_is_counted_although_the_first_replica_is_away():
    async with make(**LARGER, batch=10) as store:
        alice = await fill(store, 30)
        await run(store, *["container-sharder"] * 3)
        first = roots(store)[0]
        with away(store, first):
            for n in range(0, 30, 3):
                assert (await alice.delete(f"/c/o{n:03}")).status == 204
            await run(store, "object-updater", "container-sharder", "container-updater")
            for _ in range(4):
                assert (await alice.head("/c")).headers["x-container-object-count"] == "20"
            assert (await alice.head()).headers["x-account-object-count"] == "20"
        await run(store, "container-sharder", "container-replicator")
        for _ in range(4):
            assert (await alice.head("/c")).headers["x-container-object-count"] == "20"


async def test_a_replica_that_comes_back_hands_over_what_it_has():
    async with make(**LARGER, batch=10) as store:
        alice = await fill(store, 30)
        with away(store, roots(store)[1]):
            await alice.put("/c/o", b"x")
            for _ in range(3):
                await run(store)
        assert len(await alice.names("/c")) == 31
        for _ in range(3):
            await run(store, "container-replicator", "container-sharder")
        assert len(shards(store)) == 4
        for _ in range(5):
            assert len(await alice.names("/c")) == 31
        assert all(broker.all("SELECT count(*) FROM object")[0][0] == 0 for broker in roots(store))


async def test_only_who_manages_accounts_may_order_it():
    async with make(**LARGER, auto=False) as store:
        alice, root = await fill(store, 24), store.as_("root", roles=("ResellerAdmin",))
        await run(store)
        await alice.post("/c", X_Container_Sharding="true")
        await run(store)
        assert shards(store) == []
        assert (await root.post("//v1/AUTH_alice/c", X_Container_Sharding="true")).status == 204
        for _ in range(6):
            await run(store)
        assert len(shards(store)) == 3 and len(await alice.names("/c")) == 24


async def test_an_operator_chooses_the_ranges(capsys, tmp_path):
    async with make(**LARGER, auto=False, batch=10) as store:
        alice = await fill(store, 12)
        first = roots(store)[0].path
        assert shard_ranges.find(Path(first), 5) == 0
        listed = capsys.readouterr().out
        parts = [(r["lower"], r["upper"], r["object_count"]) for r in json.loads(listed)]
        assert parts == [("", "o004", 5), ("o004", "o009", 5), ("o009", "", 2)]
        (tmp_path / "cuts.json").write_text(listed)
        assert shard_ranges.replace(Path(first), tmp_path / "cuts.json") == 0
        assert shard_ranges.replace(Path(first), tmp_path / "cuts.json") == 1 and "already" in capsys.readouterr().err
        assert shard_ranges.delete(Path(first)) == 0 and shard_ranges.find_and_replace(Path(first), 4, enable=True) == 0
        for _ in range(3):
            await run(store)
        assert len(shards(store)) == 3 and await alice.names("/c") == [f"o{n:03}" for n in range(12)]
        assert shard_ranges.delete(Path(first)) == 1
        capsys.readouterr()
        assert shard_ranges.show(Path(first), includes="o005") == 0
        shown, = json.loads(capsys.readouterr().out)
        assert (shown["lower"], shown["upper"], shown["state"]) == ("o003", "o007", "active")
        assert shard_ranges.info(Path(first)) == 0 and "active: 3" in capsys.readouterr().out
        assert shard_ranges.info(tmp_path / "none.db") == 1
        (tmp_path / "bad.db").write_bytes(b"rotten" * 1000)
        assert shard_ranges.show(tmp_path / "bad.db") == 1


async def two_cuts(store, *, first, second):
    """A container that two replicas cut, neither of which knows of the other; the second's shards are there already."""
    names = [f"o{n:03}" for n in range(24)]
    alice = await fill(store, len(names))
    one, other, _ = roots(store)
    if first:
        shard_ranges.put(one, first)
    proxy, info = store.objects.proxy, other.info()
    cut = found(".shards_AUTH_alice", Path(other.path).stem, proxy.stamp(), spans_of(second))
    for each in cut:
        await containers.make(proxy, each.path, info["storage_policy_index"], {ROOT: "AUTH_alice/c"})
    other.shards.merge([msgspec.structs.replace(r, state="created") for r in cut])
    return alice, names


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_container_that_was_cut_twice_comes_together(at_once):
    async with make(**LARGER, auto=False, batch=10) as store:
        alice, names = await two_cuts(store, first=["o005", "o011", "o017"] if at_once else [], second=["o008", "o016"])
        await run(store)                                        # the second replica hands over to its shards
        if not at_once:
            shard_ranges.put(roots(store)[0], ["o005", "o011", "o017"])
        for broker in roots(store):
            shard_ranges.set_enabled(broker)
        for number in range(12):
            await run(store, "container-sharder", "container-replicator")
            for name in (f"new{number:02}", f"o{number:03}x"):
                assert (await alice.put(f"/c/{name}", b"x")).status == 201
                names.append(name)
            gone = names.pop(0)
            assert (await alice.delete(f"/c/{gone}")).status == 204
        for _ in range(4):
            await run(store, "container-sharder", "container-replicator", "container-updater", "account-replicator")
        for _ in range(5):
            assert await alice.names("/c") == sorted(names)
            assert (await alice.head("/c")).headers["x-container-object-count"] == str(len(names))
        assert not lost(roots(store)[0].shards.current()) and all(r.state == "active" for r in roots(store)[0].shards.current())
        assert shards(store)


async def test_what_shards_list_under_the_wrong_policy_moves():
    """A container's policy becomes another one, as it does when the other side of a split made it first."""
    policies = [{"index": 0, "name": "gold"}, {"index": 1, "name": "silver"}]
    async with make(**LARGER, batch=10, policies=policies) as store:
        alice = await fill(store, 24)
        for _ in range(4):
            await run(store)
        assert len(shards(store)) == 3
        for broker in roots(store):
            broker.set_policy(1, store.objects.proxy.stamp())
        for _ in range(3):
            await run(store, "container-reconciler", "object-updater", "container-sharder", "container-replicator", "container-updater",
                      "account-replicator")
        assert await alice.names("/c") == [f"o{n:03}" for n in range(24)]
        assert {(await alice.get(f"/c/o{n:03}")).status for n in range(24)} == {200}
        assert (await alice.head("/c")).headers["x-container-object-count"] == "24"
        assert (await alice.head("")).headers["x-account-object-count"] == "24"
        assert not list(store.folder.glob("devices/*/objects/*/*/*/*.data")) and list(store.folder.glob("devices/*/objects-1/*/*/*/*.data"))


def test_options_that_would_go_round_in_circles():
    with pytest.raises(msgspec.ValidationError, match="merge_below"):
        make(threshold=10, merge_below=10)


NAMES = st.sampled_from(["", "b", "d", "f", "h", "j"])
RANGES = st.builds(lambda a, b, handed, state: ShardRange(name=f".s/{a}{b}", lower=min(a, b), upper=max(a, b), state=state, changed_at="1",
                                                          handed=handed),
                   NAMES, NAMES, st.booleans(), st.sampled_from(["created", "active"])).filter(lambda r: r.lower < r.upper)


@given(st.lists(RANGES, max_size=5))
def test_spans_are_all_names_in_order(known):
    found = spans(known)
    assert found[0].lower == "" and found[-1].upper == ""
    assert all(a.upper == b.lower and a.lower < a.upper for a, b in pairwise(found))


@given(st.lists(RANGES, max_size=5, unique_by=lambda r: r.name))
def test_where_ranges_overlap_one_has_each_name_and_the_others_know(known):
    """Writes go where a listing looks, and what a range has lost is passed on to whoever has it."""
    owners = owned(known)
    for name in "abcdefghijkl":
        having = sorted((r for r in known if r.has(name)), key=lambda r: r.name)
        found = [span.shard for span in owners if span.lower < name and (not span.upper or name <= span.upper)]
        assert found == having[:1]
        for each, parts in lost(known):
            if each.has(name) and each is not having[0]:
                assert [part.name for part in parts if part.has(name)] == [having[0].name]
    for each, parts in lost(known):
        whole = not any(span.shard is each for span in owners)
        active = [msgspec.structs.replace(part, state="active") for part in passed_on(each, parts, "2")]
        assert covers(active) == whole
        assert all(clipped(missing, each) is not None for missing in gaps(active))      # what is left is its own


@given(RANGES, RANGES, RANGES)
def test_what_replicas_know_comes_together(a, b, c):
    a, b, c = (msgspec.structs.replace(r, name="n", changed_at=str(n), counted_at=str(9 - n), handed=False)
               for n, r in enumerate((a, b, c)))
    assert merged(merged(a, b), c) == merged(merged(c, b), a) == merged(merged(b, c), a)


def test_shards_of_a_shard_come_in_its_place():
    def active(name, lower="", upper="", count=0):
        return ShardRange(name=name, lower=lower, upper=upper, state="active", changed_at="1", object_count=count)

    grown = promoted({}, active("p", "d", "m", 9), [active("x", "", "g", 4), active("y", "g", "", 5)], "2")
    assert [(r.name, r.lower, r.upper, r.deleted) for r in grown] == [("p", "d", "m", True), ("x", "d", "g", False), ("y", "g", "m", False)]
    neighbour = active("n", "m", "", 3)
    shrunk = promoted({"n": neighbour}, active("p", "d", "m", 2), [active("n")], "2")
    assert [(r.name, r.lower, r.upper, r.object_count) for r in shrunk if not r.deleted] == [("n", "d", "", 5)]
    assert covers([active("a", "", "f"), active("b", "f")]) and not covers([active("a", "", "f"), active("b", "g")])
