"""Fragments find their way: rebuilt where they are lost, brought home from where they stood in."""

import asyncio
import os

import pytest

from pileus.object_store.daemons import DAEMONS
from pileus.object_store.model.timestamp import after
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.message import Request
from tests.object_store.harness import TestStore
from tests.object_store.test_erasure import EC, SEGMENT, put

pytest.importorskip("pyeclib", reason="the extra erasure-coding is not installed")


@pytest.fixture
def store():
    return TestStore(replicas=3, devices=8, part_power=4, policies=EC)


async def run(store, name="object-reconstructor"):
    return await DAEMONS[name](store.objects).run_once()


def placed(store):
    """device → the fragments' names on it"""
    return {p.parts[-6]: p.name for p in store.files()}


def homes(store):
    ring = store.objects.rings["object-1"]
    return {n.device.device: n.index for n in ring.primaries(ring.partition("AUTH_alice", "c", "o"))}


@pytest.mark.parametrize("size", [0, 10, 3 * SEGMENT + 5])
@pytest.mark.parametrize("lost", [(0,), (5,), (1, 2), (3, 5)])
async def test_lost_fragments_are_rebuilt(store, size, lost):
    alice = await put(store, os.urandom(size), X_Object_Meta_A="1")
    before = {p: p.read_bytes() for p in store.files()}
    for path in store.files():
        if int(path.name.split("#")[1]) in lost:
            path.unlink()
    assert (await run(store))["rebuilt"] == len(lost)
    assert {p: p.read_bytes() for p in store.files()} == before
    assert "rebuilt" not in await run(store)
    assert (await alice.get("/c/o")).headers["x-object-meta-a"] == "1"
    assert not (await run(store, "object-auditor")).get("quarantined")


async def test_a_deletion_and_metadata_reach_all(store):
    alice = await put(store, b"body")
    await put(store, b"body", "/c/gone")
    away = store.folder / "devices" / "d1"
    away.rename(store.folder / "away")
    await alice.post("/c/o", X_Object_Meta_A="2")
    assert (await alice.delete("/c/gone")).status == 204
    (store.folder / "away").rename(away)
    for _ in range(2):
        await run(store)
    assert (await alice.get("/c/gone")).status == 404
    assert len(store.files("ts")) == 6 and len(store.files("meta")) == 6 and len(store.files()) == 6


async def test_fragments_on_stand_ins_come_home(store):
    device = next(iter(homes_of(store)))
    away = store.folder / "devices" / device
    away.rename(store.folder / "away")
    alice = await put(store, b"body" * SEGMENT)
    assert device not in placed(store) and len(placed(store)) == 6
    (store.folder / "away").rename(away)
    did = await run(store)
    assert did.get("reverted", 0) + did.get("rebuilt", 0) == 1 and did["removed"] == 1
    assert {d: int(n.split("#")[1]) for d, n in placed(store).items()} == homes(store)
    assert (await alice.get("/c/o")).data == b"body" * SEGMENT


def homes_of(store):
    return {n.device.device: n.index for n in _primaries(store)}


def _primaries(store):
    ring = store.objects.rings["object-1"]
    return ring.primaries(ring.partition("AUTH_alice", "c", "o"))


async def test_two_devices_that_hold_each_other_s_fragments(store):
    alice = await put(store, b"body" * SEGMENT)
    first, second = store.files()[:2]
    one, other = first.name, second.name
    first.rename(first.with_name(other))
    second.rename(second.with_name("x"))
    second.with_name("x").rename(second.with_name(one))
    assert (await alice.get("/c/o")).status in (200, 503)
    for part in (store.folder / "devices").glob("*/objects-1/*/hashes.json"):
        part.unlink()
    await run(store)
    assert {d: int(n.split("#")[1]) for d, n in placed(store).items()} == homes(store)
    assert (await alice.get("/c/o")).data == b"body" * SEGMENT


async def test_word_that_it_counts_reaches_all(store):
    await put(store, b"body")
    for path in store.files()[1:]:
        path.rename(str(path).replace("#d", ""))
    for hashes in (store.folder / "devices").glob("*/objects-1/*/hashes.json"):
        hashes.unlink()
    for _ in range(3):
        await run(store)
    assert len(store.files()) == 6 and all("#d" in p.name for p in store.files())


async def test_corrupt_fragments_are_put_away_and_rebuilt(store):
    body = os.urandom(3 * SEGMENT)
    alice = await put(store, body)
    for path in store.files()[:2]:
        with open(path, "r+b") as file:
            file.seek(100)
            file.write(b"rot")
    assert (await run(store, "object-auditor"))["quarantined"] == 2
    assert len(store.files()) == 4
    await run(store)
    assert len(store.files()) == 6 and (await alice.get("/c/o")).data == body


async def test_a_lonely_fragment_goes_when_it_is_old(store):
    await put(store, b"body")
    for path in store.files()[1:]:
        path.unlink()
    assert (await run(store))["unreadable"] > 0 and len(store.files()) == 1
    await asyncio.sleep(8 * 86_400)
    assert (await run(store))["quarantined"] == 1 and store.files() == []


async def test_an_empty_device_is_filled(store):
    alice = await put(store, b"body")
    for n in range(10):
        await put(store, str(n).encode() * 100, f"/c/{n}")
    before = {p: p.read_bytes() for p in store.files()}
    device = next(iter(homes_of(store)))
    (store.folder / "devices" / device).rename(store.folder / "broken")
    (store.folder / "devices" / device).mkdir()
    await run(store)
    assert {p: p.read_bytes() for p in store.files()} == before
    assert (await alice.get("/c/3")).data == b"3" * 100


async def test_what_has_expired_is_rebuilt_too(store):
    """Until the expirer has been there it is an object like any other."""
    alice = await put(store, b"body" * SEGMENT, X_Delete_After="10")
    await asyncio.sleep(20)
    store.files()[0].unlink()
    assert (await run(store))["rebuilt"] == 1 and len(store.files()) == 6
    assert (await alice.get("/c/o")).status == 404


async def test_moments_with_an_offset(store):
    """The reconciler puts objects a little later than they were put: their fragments are found, read and rebuilt."""
    alice = await put(store, b"old")
    req = Request("PUT", "/v1/AUTH_alice/c/o", {"content-length": "3"}, body=stream(b"new"))
    req.facts["timestamp"] = after(store.objects.proxy.stamp(), 2)
    assert (await store.objects.proxy(req)).status == 201
    assert (await alice.get("/c/o")).data == b"new" and len(store.files()) == 6
    store.files()[0].unlink()
    assert (await run(store))["rebuilt"] == 1 and (await alice.get("/c/o")).data == b"new"


async def test_a_newer_one_that_does_not_count_is_not_rebuilt(store):
    alice = await put(store, b"old" * SEGMENT)
    through = store.objects.proxy.transport

    async def dying(to, req):
        if req.method == "COMMIT":
            raise ConnectionError("gone")
        return await through(to, req)

    store.objects.proxy.transport = dying
    assert (await alice.put("/c/o", b"new")).status == 503
    store.objects.proxy.transport = through
    for path in [p for p in store.files() if "#0" in p.name]:
        path.unlink()
    did = await run(store)
    assert did["rebuilt"] == 1 and (await alice.get("/c/o")).data == b"old" * SEGMENT
    await asyncio.sleep(8 * 86_400)
    await run(store, "object-auditor")
    assert len(store.files()) == 6 and all("#d" in p.name for p in store.files())
