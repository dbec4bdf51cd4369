"""A container that was made twice, under two policies: one wins, and what was stored under the other moves."""

import itertools

import pytest

from pileus.object_store.daemons import DAEMONS
from pileus.object_store.storage.database.container import theirs_wins
from tests.object_store.harness import TestStore

POLICIES = [{"index": 0, "name": "gold"}, {"index": 1, "name": "silver"}]


@pytest.fixture
def store():
    return TestStore(replicas=3, devices=5, part_power=4, policies=POLICIES, proxy={"recheck_s": 0.0})


async def run(store, *names):
    return [await DAEMONS[name](store.objects).run_once() for name in names]


class Parted:
    """Container servers of some devices do not answer when they are asked for the container."""

    def __init__(self, store, devices):
        self.store, self.devices, self.through = store, devices, store.objects.proxy.transport

    async def __call__(self, to, req):
        kind, device, _, *names = req.path.split("/")[1:6]
        if kind == "container" and device in self.devices and names == ["AUTH_alice", "c"]:
            raise ConnectionError("parted")
        return await self.through(to, req)

    def __enter__(self):
        self.set(self)

    def __exit__(self, *_):
        self.set(self.through)

    def set(self, transport):
        self.store.objects.proxy.transport = self.store.objects.node.objects.transport = transport


def holders(store):
    ring = store.objects.rings["container"]
    return [n.device.device for n in ring.primaries(ring.partition("AUTH_alice", "c"))]


async def split(store):
    """One side makes the container under policy 0 and stores things, then the other under policy 1."""
    alice, devices = store.as_("alice"), holders(store)
    others = [d for d in ("d1", "d2", "d3", "d4", "d5") if d not in devices]
    with Parted(store, devices[1:]):
        assert (await alice.put("/c", X_Storage_Policy="gold")).status == 201
        for name in ("a", "both", "gone"):
            assert (await alice.put(f"/c/{name}", b"gold " + name.encode(), X_Object_Meta_A="1")).status == 201
    with Parted(store, [devices[0], *others]):
        assert (await alice.put("/c", X_Storage_Policy="silver")).status == 201
        for name in ("b", "both"):
            assert (await alice.put(f"/c/{name}", b"silver " + name.encode())).status == 201
        assert (await alice.put("/c/gone", b"x")).status == 201
        assert (await alice.delete("/c/gone")).status == 204
    return alice


async def heal(store):
    for _ in range(3):
        await run(store, "container-replicator", "object-updater", "container-reconciler", "object-replicator")


async def test_what_is_under_the_wrong_policy_moves(store):
    alice = await split(store)
    await heal(store)
    assert (await alice.head("/c")).headers["x-storage-policy"] == "gold"
    assert await alice.names("/c") == ["a", "b", "both"]
    got = {name: await alice.get(f"/c/{name}") for name in ("a", "b", "both", "gone")}
    assert [g.data for g in got.values()][:3] == [b"gold a", b"silver b", b"silver both"] and got["gone"].status == 404
    assert got["a"].headers["x-object-meta-a"] == "1"
    assert (await alice.head("/c")).headers["x-container-object-count"] == "3"
    assert {p.parts[-5] for p in store.files()} == {"objects"} and len(store.files()) == 9
    before = [p.name for p in store.files()]
    await heal(store)
    assert [p.name for p in store.files()] == before


async def test_what_was_put_since_is_not_overwritten(store):
    alice = await split(store)
    await run(store, "container-replicator", "container-replicator")
    assert (await alice.put("/c/b", b"newest")).status == 201
    assert (await alice.delete("/c/both")).status == 204
    await heal(store)
    assert (await alice.get("/c/b")).data == b"newest" and await alice.names("/c") == ["a", "b"]


async def test_manifests_and_links_move_as_they_are(store):
    alice, devices = store.as_("alice"), holders(store)
    await alice.put("/segments")
    await alice.put("/segments/1", b"first")
    with Parted(store, devices[1:]):
        await alice.put("/c", X_Storage_Policy="gold")
    with Parted(store, [devices[0], *(d for d in ("d1", "d2", "d3", "d4", "d5") if d not in devices)]):
        await alice.put("/c", X_Storage_Policy="silver")
        assert (await alice.put("/c/large?multipart-manifest=put", b'[{"path": "/segments/1"}]')).status == 201
        assert (await alice.put("/c/link", X_Symlink_Target="segments/1")).status == 201
    await heal(store)
    assert {p.parts[-5] for p in store.files()} == {"objects"}
    for name in ("large", "link"):
        assert (await alice.get(f"/c/{name}")).data == b"first"
    assert [(row["name"], row["bytes"]) for row in (await alice.get("/c?format=json")).json] == [("large", 5), ("link", 0)]


def test_both_sides_agree():
    def info(policy, put, delete, changed, count):
        return {"storage_policy_index": policy, "put_timestamp": put, "delete_timestamp": delete, "status_changed_at": changed,
                "object_count": count}

    some = [info(*values) for values in itertools.product([0, 1], "13", "02", "123", [0, 1])]
    for mine, theirs in itertools.product(some, some):
        if mine["storage_policy_index"] != theirs["storage_policy_index"]:
            assert theirs_wins(mine, theirs) != theirs_wins(theirs, mine), (mine, theirs)
    first, second = info(0, "1", "0", "1", 0), info(1, "2", "0", "2", 0)
    assert theirs_wins(second, first)
    assert theirs_wins(first, info(1, "4", "3", "4", 0))            # made anew after a deletion that the first did not see
    assert theirs_wins(info(0, "1", "3", "3", 0), second)
