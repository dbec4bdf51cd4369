"""A cluster of processes with coded objects is broken, healed by one run of its daemons, and found whole."""

import asyncio
import os

import pytest

pytest.importorskip("pyeclib", reason="the extra erasure-coding is not installed")
pytestmark = pytest.mark.realtime

BODY = os.urandom(300_000)


def fragments(cluster):
    """(node, device) → the fragment's index and whether it is durable"""
    found = {}
    for n, place in enumerate(cluster.places):
        for path in place.state.glob("devices/*/objects-1/*/*/*/*.data"):
            assert (n, path.parts[-6]) not in found
            found[n, path.parts[-6]] = int(path.name.split("#")[1].removesuffix(".data")), "#d" in path.name
    return found


def homes(cluster):
    return {(cluster.node_of(p.device), p.device.device): (p.index, True) for p in cluster.primaries("object-1", "c", "o")}


async def test_a_device_is_lost(coded_cluster):
    cluster, alice = coded_cluster, coded_cluster.as_("alice")
    await alice.put("/c")
    assert (await alice.put("/c/o", BODY)).status == 201
    assert fragments(cluster) == homes(cluster)
    n, device = next(iter(homes(cluster)))
    path = cluster.places[n].state / "devices" / device
    path.rename(cluster.folder / "broken")
    path.mkdir()
    assert (await alice.get("/c/o")).data == BODY
    await cluster.heal()
    assert fragments(cluster) == homes(cluster)


async def test_a_node_is_down_while_an_object_is_put(coded_cluster):
    cluster, alice = coded_cluster, coded_cluster.as_("alice")
    await alice.put("/c")
    away = next(n for n, _ in homes(cluster) if n not in cluster.holders("container", "c")[:1])
    await cluster.kill(away)
    # Two places of a coded object may be on one node: two stand-ins are all that is left, and there is one.
    assert (await alice.put("/c/o", BODY)).status == 201
    assert (await alice.get("/c/o", Range="bytes=65530-65540")).data == BODY[65_530:65_541]
    await cluster.start(away)
    assert (await alice.get("/c/o")).data == BODY
    await cluster.heal()
    assert fragments(cluster) == homes(cluster)
    assert (await alice.get("/c?format=json")).json[0]["bytes"] == len(BODY)


async def test_a_node_is_killed_in_the_middle_of_a_body(coded_cluster):
    cluster, alice = coded_cluster, coded_cluster.as_("alice")
    await alice.put("/c")
    nodes = [n for n, _ in homes(cluster)]
    victim = next(n for n in nodes if nodes.count(n) == 1)

    async def body():
        for at in range(0, len(BODY), 50_000):
            if at == 200_000:
                await cluster.kill(victim)
            yield BODY[at:at + 50_000]

    assert (await alice.put("/c/o", body())).status == 201
    assert (await alice.get("/c/o")).data == BODY
    await cluster.start(victim)
    await cluster.heal()
    assert fragments(cluster) == homes(cluster)


async def test_a_node_dies_while_an_object_is_read(coded_cluster):
    cluster, alice = coded_cluster, coded_cluster.as_("alice")
    await alice.put("/c")
    body = os.urandom(8 << 20)
    assert (await alice.put("/c/o", body)).status == 201
    from pileus.object_store.wire.message import Request

    answer = await cluster.objects.proxy(Request("GET", "/v1/AUTH_alice/c/o"))
    got = await anext(answer.body)
    nodes = [n for n, _ in homes(cluster)]
    await cluster.kill(next(n for n in nodes if nodes.count(n) == 1))
    async for chunk in answer.body:
        got += chunk
    assert got == body


async def test_corrupt_and_lonely_fragments(coded_cluster):
    cluster, alice = coded_cluster, coded_cluster.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", BODY)
    paths = [p for place in cluster.places for p in place.state.glob("devices/*/objects-1/*/*/*/*.data")]
    for path in paths[:2]:
        with open(path, "r+b") as file:
            file.seek(5000)
            file.write(b"rot")
    assert (await alice.get("/c/o")).data == BODY
    await cluster.heal()
    assert fragments(cluster) == homes(cluster) and len(list(cluster.folder.glob("node*/devices/*/quarantined/objects-1/*"))) == 2
    for path in paths[1:]:
        path.unlink()
    assert (await alice.get("/c/o")).status == 404
    await cluster.heal()
    assert len(fragments(cluster)) == 1     # kept, as long as its siblings may come back


async def test_a_deletion_while_a_node_is_away(coded_cluster):
    cluster, alice = coded_cluster, coded_cluster.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", BODY)
    away = next(n for n, _ in homes(cluster))
    await cluster.kill(away)
    async with asyncio.timeout(20):
        assert (await alice.delete("/c/o")).status == 204
    await cluster.start(away)
    await cluster.heal()
    assert fragments(cluster) == {} and (await alice.get("/c/o")).status == 404 and await alice.names("/c") == []
