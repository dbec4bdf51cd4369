"""Expiry, reaping, updating and auditing, in one process and virtual time."""

import asyncio
import json
import shutil
from hashlib import md5
from pathlib import Path

import pytest

from pileus.object_store.daemons import DAEMONS
from pileus.object_store.model import expiry
from pileus.object_store.storage.database.container import ContainerBroker
from pileus.object_store.wire.message import Request
from tests.object_store.harness import TestStore


@pytest.fixture
def store():
    return TestStore(replicas=3, devices=5)


async def run(store, *names):
    return [await DAEMONS[name](store.objects).run_once() for name in names]


async def expire(store):
    """What the queue knows reaches its account, then the expirer looks."""
    await run(store, "object-updater", "container-updater")
    return (await run(store, "object-expirer"))[0]


async def test_an_object_expires(store):
    alice = store.as_("alice")
    await alice.put("/c")
    assert (await alice.put("/c/o", b"x", X_Delete_After="10")).status == 201
    assert int((await alice.head("/c/o")).headers["x-delete-at"]) == pytest.approx(store.clock.now().timestamp() + 10, abs=2)
    assert await expire(store) == {}
    await asyncio.sleep(11)
    assert (await alice.get("/c/o")).status == 404
    assert (await expire(store))["expired"] == 1
    assert await alice.names("/c") == [] and store.files() == [] and len(store.files("ts")) == 3
    assert await expire(store) == {}


async def test_what_was_put_again_stays(store):
    alice = store.as_("alice")
    await alice.put("/c")
    for name in "abc":
        await alice.put(f"/c/{name}", b"x", X_Delete_After="10")
    await alice.put("/c/a", b"again")
    await alice.post("/c/b", X_Delete_After="100")
    await alice.post("/c/c", X_Object_Meta_A="1")
    await asyncio.sleep(20)
    await expire(store)
    assert await alice.names("/c") == ["a", "b", "c"]
    await asyncio.sleep(100)
    assert (await expire(store))["expired"] == 1
    assert await alice.names("/c") == ["a", "c"]


async def test_an_entry_of_the_queue_without_an_object_goes(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"x", X_Delete_After="10")
    await alice.delete("/c/o")
    await asyncio.sleep(20)
    await expire(store)
    stats = [b.info() for _, b in store.objects.node.containers.open.values() if b.info()["account"] == expiry.ACCOUNT]
    assert stats and all(info["object_count"] == 0 for info in stats)


@pytest.mark.parametrize("headers", [{"X_Delete_At": "yesterday"}, {"X_Delete_At": "1"}, {"X_Delete_After": "-1"}, {"X_Delete_After": "0"},
                                     {"X_Delete_After": "x"}])
async def test_bad_times(store, headers):
    alice = store.as_("alice")
    await alice.put("/c")
    assert (await alice.put("/c/o", b"x", **headers)).status == 400
    assert (await alice.get("/c/o")).status == 404


async def test_the_reaper_empties_deleted_accounts(store):
    alice, root = store.as_("alice"), store.as_("root", roles=("ResellerAdmin",))
    for container in ("c1", "c2"):
        await alice.put(f"/{container}")
        for name in "ab":
            await alice.put(f"/{container}/{name}", b"x")
    assert (await root.delete("//v1/AUTH_alice")).status == 204
    assert (await alice.get()).status == 410
    await asyncio.sleep(1)
    result, = await run(store, "account-reaper")
    assert (result["objects"], result["containers"]) == (4, 2)
    assert store.files() == []
    assert await run(store, "account-reaper") == [{}]


async def test_accounts_learn_of_what_is_in_their_containers(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"12345")
    assert (await alice.head()).headers["x-account-bytes-used"] == "0"
    await run(store, "container-updater")
    got = await alice.head()
    assert (got.headers["x-account-bytes-used"], got.headers["x-account-object-count"]) == ("5", "1")
    assert got.headers["x-account-storage-policy-policy-0-bytes-used"] == "5"
    assert await run(store, "container-updater") == [{}]


async def test_a_container_whose_account_is_lost(store):
    """Its news are told to nobody: it is not tried for ever, nothing fails, and it is as readable as it was."""
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"body")
    for path in store.folder.glob("devices/*/accounts/*/*/*"):
        shutil.rmtree(path)
    first, = await run(store, "container-updater")
    assert "failures" not in first and (await run(store, "container-updater")) == [{}]
    assert (await alice.get("/c/o")).data == b"body"
    # It is listed again as soon as there is an account, and news.
    await alice.post("", X_Account_Meta_A="1")
    await alice.put("/c/p", b"body")
    await run(store, "container-updater")
    assert await alice.names("") == ["c"]


async def test_news_are_kept_until_most_of_those_who_know_the_account_have_heard(store):
    """One replica has it, two have not got it yet: that they know no such account means nothing."""
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"body")
    ring = store.objects.rings["account"]
    late = [node.device.device for node in ring.primaries(ring.partition("AUTH_alice"))][1:]
    for device in late:
        shutil.rmtree(store.folder / "devices" / device / "accounts")
    await run(store, "container-updater", "account-replicator", "container-updater", "account-replicator")
    for _ in range(5):
        assert (await alice.head("")).headers["x-account-object-count"] == "1"


async def test_an_account_that_nobody_has_used_answers_like_an_empty_one(store):
    used, unused = store.as_("used"), store.as_("other")
    await used.post("", X_Account_Meta_A="1")
    for accept in ("text/plain", "application/json", "application/xml"):
        real, fake = await used.get("", Accept=accept), await unused.get("", Accept=accept)
        assert (real.status, real.headers["content-type"]) == (fake.status, fake.headers["content-type"])
        assert real.text.replace("AUTH_used", "") == fake.text.replace("AUTH_other", "")


async def test_old_deletions_are_forgotten(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"x")
    await alice.delete("/c/o")
    await alice.delete("/c")
    await run(store, "object-replicator", "container-replicator")
    assert len(store.files("ts")) == 3
    await asyncio.sleep(8 * 86_400)
    await run(store, "object-auditor", "object-replicator", "container-replicator")
    assert store.files("ts") == [] and not list(store.folder.glob("devices/*/containers/*/*/*/*.db"))


async def test_recon_shows_what_daemons_did(store):
    await run(store, "object-replicator")
    got = await store.objects.node(Request("GET", "/recon/daemons"))
    assert b'"object-replicator"' in got.body
    assert (await store.objects.node(Request("GET", "/recon/async"))).body == b'{"async_pending":0}'
    assert (await store.objects.node(Request("GET", "/recon/other"))).status == 404
    assert (await store.objects.node(Request("POST", "/recon/async"))).status == 405
    for page in ("version", "diskusage", "unmounted", "mounted", "devices", "quarantined", "load", "mem", "sockstat"):
        assert (await store.objects.node(Request("GET", f"/recon/{page}"))).status == 200


async def _recon(store, page):
    got = await store.objects.node(Request("GET", f"/recon/{page}"))
    assert got.status == 200, page
    return json.loads(got.body)


async def test_recon_has_swifts_pages(store):
    """With the names that `swift-recon` asks for, and the figures that it shows."""
    assert (await _recon(store, "replication/object"))["object_replication_last"] is None
    assert await _recon(store, "expirer/object") == {"object_expiration_pass": None, "expired_last_pass": None}
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"x", X_Delete_After="10")
    await run(store, *DAEMONS)
    now = await _recon(store, "time")
    for page, names in {
        "replication/account": ("replication_time", "replication_last"), "replication/container": ("replication_time", "replication_last"),
        "replication/object": ("replication_time", "replication_last", "object_replication_time", "object_replication_last"),
        "reconstruction/object": ("object_reconstruction_time", "object_reconstruction_last"),
        "auditor/account": ("account_audits_since",), "auditor/container": ("container_auditor_pass_completed",),
        "auditor/object": ("object_auditor_stats_ALL",), "updater/container": ("container_updater_sweep",),
        "updater/object": ("object_updater_sweep",), "sharding": ("sharding_last",),
    }.items():
        told = await _recon(store, page)
        assert all(told[name] is not None for name in names), (page, told)
        assert all(now - 60 < value <= now for name, value in told.items() if name.endswith("_last")), (page, told)
    assert (await _recon(store, "auditor/container"))["container_audits_passed"] > 0
    await asyncio.sleep(20)
    await expire(store)
    assert (await _recon(store, "expirer/object"))["expired_last_pass"] == 1
    rings = await _recon(store, "ringmd5")
    assert sorted(Path(path).name for path in rings) == ["account.ring", "container.ring", "object.ring"]
    assert all(md5(Path(path).read_bytes()).hexdigest() == told for path, told in rings.items())
    assert len((await _recon(store, "devices"))[str(store.folder / "devices")]) == store.config.devices


@pytest.mark.parametrize("action", ["log", "quarantine", "delete"])
async def test_objects_that_no_container_lists(action):
    async with TestStore(replicas=3, devices=5, part_power=4, dark_data={"action": action, "grace_s": 100.0}) as store:
        alice = store.as_("alice")
        await alice.put("/c")
        for name in ("dark", "lit", "dar"):
            await alice.put(f"/c/{name}", b"x")
        ring = store.objects.rings["container"]
        part, hash = ring.partition("AUTH_alice", "c"), store.objects.hashing.hash("AUTH_alice", "c")
        brokers = [store.objects.node.containers.get(store.objects.devices / n.device.device, part, hash) for n in ring.primaries(part)]
        for broker in brokers[:2]:
            broker.db.execute("DELETE FROM object WHERE name='dark'")
        assert "dark" not in (await run(store, "object-auditor"))[0]
        await asyncio.sleep(200)
        assert "dark" not in (await run(store, "object-auditor"))[0]            # one of them lists it
        brokers[2].db.execute("DELETE FROM object WHERE name='dark'")
        away = store.folder / "devices" / ring.primaries(part)[2].device.device
        through = store.objects.proxy.transport

        async def parted(to, req):
            if req.path.startswith(f"/container/{away.name}/"):
                raise ConnectionError("silent")
            return await through(to, req)

        store.objects.proxy.transport = parted
        assert "dark" not in (await run(store, "object-auditor"))[0]            # one of them might
        store.objects.proxy.transport = through
        assert (await run(store, "object-auditor"))[0]["dark"] == 3
        assert len(store.files()) == (9 if action == "log" else 6) and len(store.files("ts")) == (3 if action == "delete" else 0)
        assert (await alice.get("/c/lit")).data == b"x" and (await alice.get("/c/dar")).data == b"x"


async def test_old_deletions_are_forgotten_by_all_replicas():
    """None gives back to another what that has just forgotten."""
    async with TestStore(replicas=3, devices=3) as store:
        alice = store.as_("alice")
        await alice.put("/c")
        for n in range(5):
            await alice.put(f"/c/o{n}", b"x")
            await alice.delete(f"/c/o{n}")
        await asyncio.sleep(8 * 86_400)
        for _ in range(2):
            did = await DAEMONS["container-replicator"](store.objects).run_once()
        assert "rows" not in did
        for path in store.folder.glob("devices/*/containers/*/*/*/*.db"):
            broker = ContainerBroker(path)
            assert broker.all("SELECT count(*) FROM object") == [(0,)]
            broker.close()


def pendings(store):
    return list(store.folder.glob("devices/*/async_pending/*/*"))


@pytest.mark.parametrize("long_ago", [False, True])
async def test_news_for_a_container_that_is_gone_are_forgotten(store, long_ago):
    """Nobody lists what they tell of, and nothing is made anew for it."""
    alice = store.as_("alice")
    await alice.put("/c")
    through = store.objects.node.objects.transport

    async def away(to, req):
        raise ConnectionError("away")

    store.objects.node.objects.transport = away
    for name in "ab":
        await alice.put(f"/c/{name}", b"x")
    await alice.delete("/c/b")
    store.objects.node.objects.transport = through
    assert len(pendings(store)) >= 3 and (await alice.delete("/c")).status == 204
    if long_ago:
        await asyncio.sleep(9 * 86_400)
        await run(store, "container-replicator")
        assert not list(store.folder.glob("devices/*/containers/*/*/*/*.db"))
    await run(store, "object-updater")
    assert not pendings(store) and (await alice.get("/c")).status == 404
    assert bool(list(store.folder.glob("devices/*/containers/*/*/*/*.db"))) == (not long_ago)


async def test_news_that_cannot_be_read_are_put_away(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"x")
    device = next(store.folder.glob("devices/*/objects")).parent
    bad = device / "async_pending" / "abc" / ("0" * 29 + "abc-1767225600.00000")
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"{rotten")
    assert (await run(store, "object-updater")) == [{"quarantined": 1}]
    assert not pendings(store) and (device / "quarantined" / "async_pending" / bad.name).read_bytes() == b"{rotten"
    assert await run(store, "object-updater") == [{}]
