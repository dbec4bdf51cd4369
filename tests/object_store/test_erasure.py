"""Erasure coding: any so many fragments are the object; it counts once enough of them know that it does."""

import asyncio
import hashlib
import os
import sys

import pytest

from pileus.object_store.model.policy import ErasureCoding
from pileus.object_store.proxy.erasure.codec import Codec
from tests.object_store.harness import TestStore

pytest.importorskip("pyeclib", reason="the extra erasure-coding is not installed")

SEGMENT = 10_000
EC = [{"index": 0, "name": "gold"},
      {"index": 1, "name": "coded", "default": True, "erasure": {"data": 4, "parity": 2, "segment_size": SEGMENT}}]


@pytest.fixture
def store():
    return TestStore(replicas=3, devices=8, part_power=4, policies=EC)


async def put(store, body, path="/c/o", **headers):
    alice = store.as_("alice")
    await alice.put("/c")
    got = await alice.put(path, body, **headers)
    assert got.status == 201, got
    return alice


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 5 * SEGMENT + 77])
async def test_what_is_put_is_read(store, size):
    body = os.urandom(size)
    alice = await put(store, body, X_Object_Meta_A="1", Content_Type="text/a")
    got = await alice.get("/c/o")
    assert got.data == body and got.headers["etag"] == hashlib.md5(body).hexdigest() and got.headers["x-object-meta-a"] == "1"
    head = await alice.head("/c/o")
    assert (head.status, head.headers["content-length"], head.headers["content-type"]) == (200, str(size), "text/a")
    row, = (await alice.get("/c?format=json")).json
    assert (row["bytes"], row["hash"]) == (size, hashlib.md5(body).hexdigest())
    assert len(store.files()) == 6 and all(p.name.endswith("#d.data") for p in store.files())
    assert not [n for n in got.headers if "sysmeta" in n or "backend" in n]


@pytest.mark.parametrize("lost", [(0, 1), (0, 5), (4, 5), (2, 3)])
async def test_any_four_of_six_are_enough(store, lost):
    body = os.urandom(3 * SEGMENT + 5)
    alice = await put(store, body)
    for path in store.files():
        if int(path.name.split("#")[1]) in lost:
            path.unlink()
    assert (await alice.get("/c/o")).data == body
    assert (await alice.head("/c/o")).headers["content-length"] == str(len(body))


async def test_three_are_not(store):
    alice = await put(store, os.urandom(100))
    for path in store.files()[:3]:
        path.unlink()
    assert (await alice.get("/c/o")).status == 404
    assert (await alice.head("/c/o")).status == 404


async def test_ranges(store):
    body = os.urandom(3 * SEGMENT + 5)
    alice = await put(store, body)
    for text, part in (("0-0", body[:1]), ("9999-10000", body[9999:10_001]), ("-7", body[-7:]), ("15000-", body[15_000:]),
                       ("30004-40000", body[30_004:])):
        got = await alice.get("/c/o", Range=f"bytes={text}")
        assert (got.status, got.data) == (206, part), text
    assert (await alice.get("/c/o", Range="bytes=99999-")).status == 416
    several = await alice.get("/c/o", Range="bytes=0-4,20000-20010")
    assert several.status == 206 and several.headers["content-type"].startswith("multipart/byteranges")
    assert body[:5] in several.data and body[20_000:20_011] in several.data and int(several.headers["content-length"]) == len(several.data)


async def test_conditions(store):
    alice = await put(store, b"body")
    etag = hashlib.md5(b"body").hexdigest()
    assert (await alice.get("/c/o", If_None_Match=etag)).status == 304
    assert (await alice.get("/c/o", If_Match="other")).status == 412
    assert (await alice.put("/c/o", b"x", If_None_Match="*")).status == 412
    assert (await alice.put("/c/n", b"x", ETag="0" * 32)).status == 422
    assert (await alice.put("/c/n", b"x", Content_Length="5")).status == 499
    assert (await alice.get("/c/n")).status == 404 and len(store.files()) == 6


async def test_overwriting_posting_copying_deleting(store):
    alice = await put(store, b"old")
    await put(store, b"new" * SEGMENT)
    assert (await alice.get("/c/o")).data == b"new" * SEGMENT and len(store.files()) == 6
    assert (await alice.post("/c/o", X_Object_Meta_B="2")).status == 202
    got = await alice.get("/c/o")
    assert got.headers["x-object-meta-b"] == "2" and got.data == b"new" * SEGMENT
    await alice.put("/whole", X_Storage_Policy="gold")
    assert (await alice.put("/whole/o", X_Copy_From="/c/o")).status == 201
    assert (await alice.get("/whole/o")).data == b"new" * SEGMENT
    assert (await alice.delete("/c/o")).status == 204
    assert (await alice.get("/c/o")).status == 404 and await alice.names("/c") == []
    assert (await alice.delete("/c/o")).status == 404


async def test_large_objects_of_coded_segments(store):
    alice = await put(store, b"a" * SEGMENT * 2, "/c/1")
    await put(store, b"b" * 5, "/c/2")
    manifest = b'[{"path": "/c/1"}, {"path": "/c/2", "range": "1-3"}]'
    assert (await alice.put("/c/large?multipart-manifest=put", manifest)).status == 201
    assert (await alice.get("/c/large")).data == b"a" * SEGMENT * 2 + b"bbb"
    assert (await alice.get("/c/large", Range="bytes=19999-20000")).data == b"ab"


async def test_what_never_counted_does_not_hide_what_does(store):
    """The proxy dies before it says that the fragments count: the old object stays."""
    alice = await put(store, b"old")
    node, calls = store.objects.proxy.transport, []

    async def dying(to, req):
        calls.append(req.method)
        if req.method == "COMMIT":
            raise ConnectionError("gone")
        return await node(to, req)

    store.objects.proxy.transport = dying
    assert (await alice.put("/c/o", b"new")).status == 503
    store.objects.proxy.transport = node
    assert "COMMIT" in calls and len(store.files()) == 12
    assert (await alice.get("/c/o")).data == b"old"
    assert [row["bytes"] for row in (await alice.get("/c?format=json")).json] == [3]
    await put(store, b"newest")
    assert (await alice.get("/c/o")).data == b"newest" and len(store.files()) == 6


async def test_one_that_knows_that_it_counts_is_enough(store):
    alice = await put(store, b"body" * SEGMENT)
    for path in store.files()[1:]:
        path.rename(str(path).replace("#d", ""))
    assert (await alice.get("/c/o")).data == b"body" * SEGMENT


async def test_damaged_pieces_are_not_served(store):
    body = os.urandom(4 * SEGMENT)
    alice = await put(store, body)
    for path in store.files():
        if path.name.split("#")[1] in "02":
            with open(path, "r+b") as file:
                file.seek(path.stat().st_size // 2)
                file.write(b"rotten")
    assert (await alice.get("/c/o")).data == body


async def test_expiry(store):
    alice = await put(store, b"x", X_Delete_After="10")
    await asyncio.sleep(11)
    assert (await alice.get("/c/o")).status == 404


async def test_copies_of_fragments():
    policy = EC[1] | {"erasure": {"data": 2, "parity": 1, "duplication": 2, "segment_size": SEGMENT}}
    async with TestStore(devices=7, policies=[EC[0], policy]) as store:
        alice = await put(store, b"body" * SEGMENT)
        assert sorted(int(p.name.split("#")[1]) for p in store.files()) == [0, 0, 1, 1, 2, 2]
        for path in store.files():
            if "#0#" in path.name:
                path.unlink()
        assert (await alice.get("/c/o")).data == b"body" * SEGMENT


def test_too_few_devices_are_said_at_once(tmp_path):
    from pileus.core.clock import VirtualClock
    from pileus.core.ids import Ids
    from pileus.object_store.service import ObjectStore

    with pytest.raises(ValueError, match="wants 6 devices"):
        ObjectStore(TestStore(devices=5, policies=EC).config, tmp_path, VirtualClock(), Ids(1))


def test_the_library_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyeclib.ec_iface", None)
    with pytest.raises(ValueError, match="needs pyeclib"):
        Codec(ErasureCoding(data=4, parity=2))


@pytest.mark.realtime
async def test_long_segments_are_hashed_beside():
    coded = [{"index": 0, "name": "coded", "erasure": {"data": 4, "parity": 2}}]
    async with TestStore(real_time=True, threads=2, devices=6, policies=coded) as store:
        body = os.urandom(2_500_000)
        alice = await put(store, body)
        assert (await alice.get("/c/o")).data == body
        assert (await alice.head("/c/o")).headers["etag"] == hashlib.md5(body).hexdigest()


class Listening:
    """Notes what the proxy asks of object servers; `silent`: devices that say nothing to it."""

    def __init__(self, store, silent=()):
        self.proxy, self.through, self.silent, self.asked = store.objects.proxy, store.objects.proxy.transport, silent, []
        self.proxy.transport = self

    async def __call__(self, to, req):
        kind, device = req.path.split("/")[1:3]
        if kind == "object":
            self.asked.append(req.method)
            if device in self.silent:
                await asyncio.sleep(1000)
        return await self.through(to, req)

    async def close(self):
        await self.through.close()


@pytest.mark.parametrize("size", [100, 40 * SEGMENT])
async def test_what_is_read_whole_is_asked_for_once(store, size):
    body = os.urandom(size)
    alice = await put(store, body)
    listening = Listening(store)
    assert (await alice.get("/c/o")).data == body
    assert sorted(listening.asked) == ["GET"] * 4 + ["HEAD"] * 2
    assert (await alice.get("/c/o", If_None_Match=f'"{hashlib.md5(body).hexdigest()}"')).status == 304
    assert not [name for name in os.listdir("/proc/self/fd") if ".data" in os.path.realpath(f"/proc/self/fd/{name}")]


async def test_one_that_is_silent_is_not_waited_for(store):
    body = os.urandom(3 * SEGMENT)
    alice = await put(store, body)
    ring = store.objects.rings["object-1"]
    data = [n.device.device for n in ring.primaries(ring.partition("AUTH_alice", "c", "o"))][:4]
    Listening(store, silent=data[1:2])
    began = store.clock.monotonic()
    assert (await alice.get("/c/o")).data == body and store.clock.monotonic() - began < 1
