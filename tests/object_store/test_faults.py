"""A cluster of processes is broken, healed by one run of its daemons, and found whole."""

import asyncio
import os

import pytest

from pileus.object_store.wire.body import stream
from pileus.object_store.wire.message import Request

pytestmark = pytest.mark.realtime


async def test_a_node_is_down_while_an_object_is_put(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    down, *_ = cluster.holders("object", "c", "o")
    await cluster.kill(down)
    assert (await alice.put("/c/o", b"x" * 200_000)).status == 201
    stand_in = cluster.handoff("object", "c", "o")
    assert cluster.object_files(stand_in, "c", "o")
    assert (await alice.get("/c/o")).data == b"x" * 200_000
    await cluster.start(down)
    assert cluster.object_files(down, "c", "o") == []
    await cluster.heal()
    cluster.assert_object(b"x" * 200_000, "c", "o")
    assert await alice.names("/c") == ["o"]


async def test_only_the_handoff_is_left(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    first, second, third = cluster.holders("object", "c", "o")
    await cluster.kill(first)
    assert (await alice.put("/c/o", b"body")).status == 201
    await cluster.start(first)
    for n in (second, third):
        os.unlink(cluster.data(n, "c", "o"))
    assert (await alice.get("/c/o")).data == b"body"


async def test_an_object_is_deleted_while_a_holder_is_away(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"old")
    away = cluster.holders("object", "c", "o")[0]
    await cluster.kill(away)
    assert (await alice.delete("/c/o")).status == 204
    await cluster.start(away)
    assert cluster.data(away, "c", "o").read_bytes() == b"old"
    await cluster.heal()
    cluster.assert_object(None, "c", "o")
    assert (await alice.get("/c/o")).status == 404 and await alice.names("/c") == []


async def test_stale_reads_end_with_x_newest(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"old")
    away = cluster.holders("object", "c", "o")[1]
    await cluster.kill(away)
    await alice.put("/c/o", b"new")
    await cluster.start(away)
    for _ in range(5):
        assert (await alice.get("/c/o", X_Newest="true")).data == b"new"
    await cluster.heal()
    cluster.assert_object(b"new", "c", "o")


async def test_metadata_that_one_holder_missed(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"body", X_Object_Meta_A="1")
    away = cluster.holders("object", "c", "o")[2]
    await cluster.kill(away)
    assert (await alice.post("/c/o", X_Object_Meta_A="2", Content_Type="text/new")).status == 202
    await cluster.start(away)
    await cluster.heal()
    names = [cluster.object_files(n, "c", "o") for n in cluster.holders("object", "c", "o")]
    assert names[0] == names[1] == names[2] and len(names[0]) == 2
    assert (await alice.get("/c/o")).headers["x-object-meta-a"] == "2"
    assert (await alice.get("/c?format=json")).json[0]["content_type"] == "text/new"


async def test_container_servers_are_away_while_objects_are_put(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    away = cluster.holders("container", "c")
    # The one that holds no replica of the container takes part of the writes: rows cannot be told, and are kept.
    for n in away[:2]:
        await cluster.kill(n)
    put = [name for name in map(str, range(12)) if (await alice.put(f"/c/{name}", b"x")).status == 201]
    for n in away[:2]:
        await cluster.start(n)
    await cluster.heal()
    assert await alice.names("/c") == sorted(put)
    assert (await alice.head("/c")).headers["x-container-object-count"] == str(len(put))
    assert (await alice.head()).headers["x-account-object-count"] == str(len(put))
    assert not list(cluster.folder.glob("node*/devices/*/async_pending/*/*"))


async def test_bit_rot_is_found_and_healed(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"sound" * 1000)
    holder = cluster.holders("object", "c", "o")[0]
    path = cluster.data(holder, "c", "o")
    with open(path, "r+b") as file:
        file.seek(2000)
        file.write(b"rot")
    found = await cluster.daemon("object-auditor", [holder])
    assert found[0]["quarantined"] == 1 and cluster.object_files(holder, "c", "o") == []
    await cluster.heal()
    cluster.assert_object(b"sound" * 1000, "c", "o")
    assert list(cluster.folder.glob("node*/devices/*/quarantined/objects/*/*.data"))


async def test_a_truncated_file_is_never_served(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"sound" * 1000)
    for holder in cluster.holders("object", "c", "o")[:2]:
        os.truncate(cluster.data(holder, "c", "o"), 100)
    for _ in range(4):
        assert (await alice.get("/c/o")).data == b"sound" * 1000
    await cluster.heal()
    cluster.assert_object(b"sound" * 1000, "c", "o")


async def test_an_empty_device_is_filled(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    for n in range(10):
        await alice.put(f"/c/{n}", str(n).encode())
    await cluster.kill(1)
    devices = cluster.places[1].state / "devices" / "d1"
    os.rename(devices, cluster.folder / "broken")
    devices.mkdir()
    await cluster.start(1)
    await cluster.heal()
    for n in range(10):
        cluster.assert_object(str(n).encode(), "c", str(n))
    for kind, names in (("container", ("c",)), ("account", ())):
        hash = cluster.objects.hashing.hash("AUTH_alice", *names)
        for n in range(4):
            there = bool(list(cluster.places[n].state.glob(f"devices/d1/{kind}s/*/*/{hash}/{hash}.db")))
            assert there == (n in cluster.holders(kind, *names)), (kind, n)


async def test_a_device_that_is_gone_is_stood_in_for(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    holder = cluster.holders("object", "c", "o")[0]
    devices = cluster.places[holder].state / "devices"
    os.rename(devices, cluster.folder / "away")
    assert (await alice.put("/c/o", b"body")).status == 201
    assert cluster.object_files(cluster.handoff("object", "c", "o"), "c", "o")
    os.rename(cluster.folder / "away", devices)
    await cluster.heal()
    cluster.assert_object(b"body", "c", "o")


async def test_containers_are_made_and_deleted_while_nodes_are_away(cluster):
    alice = cluster.as_("alice")
    await alice.put("/old")
    away = cluster.holders("container", "old")[0]
    await cluster.kill(away)
    assert (await alice.delete("/old")).status == 204
    assert (await alice.put("/new", X_Container_Meta_A="1")).status == 201
    await cluster.start(away)
    await cluster.heal()
    assert (await alice.get("/old")).status == 404
    assert await alice.names() == ["new"]
    for n in cluster.holders("container", "new"):
        hash = cluster.objects.hashing.hash("AUTH_alice", "new")
        assert list(cluster.places[n].state.glob(f"devices/d1/containers/*/*/{hash}/{hash}.db"))


async def test_a_node_is_killed_in_the_middle_of_a_body(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    victim = cluster.holders("object", "c", "o")[0]

    async def body():
        for n in range(64):
            if n == 20:
                await cluster.kill(victim)
            yield bytes([n]) * 65_536

    assert (await alice.put("/c/o", body())).status == 201
    whole = b"".join(bytes([n]) * 65_536 for n in range(64))
    assert (await alice.get("/c/o")).data == whole
    await cluster.start(victim)
    assert cluster.object_files(victim, "c", "o") == []
    await cluster.heal()
    cluster.assert_object(whole, "c", "o")


async def test_a_node_that_hangs_does_not_hold_up_the_rest(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"body")
    victim = cluster.holders("object", "c", "o")[0]
    cluster.freeze(victim)
    health = cluster.objects.proxy.health
    health.limit, health.interval_s = 0, 60.0       # who has been waited for once is left alone
    try:
        async with asyncio.timeout(30):
            assert (await alice.get("/c/o")).data == b"body"
            assert (await alice.put("/c/o", b"new")).status == 201
            assert (await alice.get("/c/o")).data in (b"new",)
    finally:
        cluster.thaw(victim)
    await cluster.heal()
    cluster.assert_object(b"new", "c", "o")


async def test_too_few_are_left(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"body")
    for n in cluster.holders("object", "c", "o")[1:]:
        await cluster.kill(n)
    await cluster.kill(cluster.handoff("object", "c", "o"))
    assert (await alice.put("/c/new", b"x")).status == 503
    assert (await alice.put("/c/o", b"x")).status == 503
    assert not list(cluster.folder.glob("node*/devices/*/tmp/*"))


async def test_a_container_whose_servers_are_away_is_not_said_to_be_absent(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"body")
    for n in cluster.holders("container", "c"):
        await cluster.kill(n)
    assert (await alice.get("/c")).status == 503
    assert (await alice.get("/c/o")).status == 503
    assert (await alice.delete("/c/o")).status == 503


@pytest.mark.parametrize("size", [0, 5, 16_384, 300_000])
async def test_metadata_that_follows_the_body_comes_over_http(cluster, size):
    alice = cluster.as_("alice")
    await alice.put("/c")
    req = Request("PUT", "/v1/AUTH_alice/c/o", {"content-length": str(size)}, body=stream(bytes(size)))
    req.footers = lambda: {"x-object-sysmeta-secret": "known at last", "x-object-sysmeta-container-update-override-size": "77"}
    assert (await cluster.objects.proxy(req)).status == 201
    answer = await cluster.objects.proxy(Request("GET", "/v1/AUTH_alice/c/o"))
    assert answer.headers["x-object-sysmeta-secret"] == "known at last" and await answer.read() == bytes(size)
    assert (await alice.get("/c?format=json")).json[0]["bytes"] == 77
