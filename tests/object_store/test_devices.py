"""Devices that fail in all the ways they can, servers that are slow, and requests that come in any order: what was acknowledged stays."""

import asyncio
import errno
import os
import random
import shutil
import subprocess
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.object_store.daemons import DAEMONS
from pileus.object_store.storage.object.history import resolve
from pileus.object_store.wire.body import stream
from pileus.object_store.wire.message import Request
from tests.conftest import run_virtual
from tests.object_store.harness import TestStore

HEALING = ("object-auditor", "container-auditor", "object-replicator", "container-replicator", "object-updater", "object-replicator")


@pytest.fixture
def store():
    proxy = {"recheck_s": 0.0, "error_suppression_interval_s": 0.0, "node_timeout_s": 2.0}
    return TestStore(replicas=3, devices=5, part_power=4, proxy=proxy)


async def heal(store):
    for name in HEALING:
        await DAEMONS[name](store.objects).run_once()


def holders(store, kind="object", *names):
    ring = store.objects.rings[kind]
    return [n.device.device for n in ring.primaries(ring.partition("AUTH_alice", *(names or ("c", "o"))))]


def assert_whole(store, body):
    """All that should have the object, and nobody else, have this body."""
    found = {p.parts[-6]: p.read_bytes() for p in store.files()}
    assert found == dict.fromkeys(holders(store), body)


class Failing:
    """The files of a device whose disk gives errors: at once, or when a body is written or named."""

    def __init__(self, store, device, when, error=errno.EIO):
        self.objects, self.key = store.objects.node.objects, (device, 0)
        self.files = store.objects.node.files_of(device, store.objects.policies[0])
        self.when, self.error = when, error

    def __enter__(self):
        self.objects.known[self.key] = self

    def __exit__(self, *_):
        self.objects.known[self.key] = self.files

    def __getattr__(self, name):
        if name in self.when:
            return self.fail
        return getattr(self.files, name)

    def fail(self, *_args, **_options):
        raise OSError(self.error, "the disk is broken")


@pytest.mark.parametrize("error", [errno.EIO, errno.EROFS, errno.ENOSPC])
@pytest.mark.parametrize("when", [["open", "create", "put", "delete", "update", "store"], ["create", "put", "store"], ["delete", "update"]])
async def test_a_device_gives_errors(store, when, error):
    alice = store.as_("alice")
    await alice.put("/c")
    assert (await alice.put("/c/o", b"old" * 100_000)).status == 201
    with Failing(store, holders(store)[0], when, error):
        for size in (10, 100_000):
            assert (await alice.put("/c/o", b"new" * size)).status == 201
            assert (await alice.get("/c/o", X_Newest="true")).data == b"new" * size
        assert (await alice.post("/c/o", X_Object_Meta_A="1")).status == 202
        assert (await alice.put("/c/gone", b"x")).status == 201 and (await alice.delete("/c/gone")).status == 204
    for _ in range(2):
        await heal(store)
    assert_whole(store, b"new" * 100_000)
    for _ in range(5):
        assert (await alice.get("/c/o")).headers["x-object-meta-a"] == "1" and (await alice.get("/c/gone")).status == 404
    assert await alice.names("/c") == ["o"]


class Unreadable(Failing):
    """A device that gives the beginning of a body and then errors."""

    def __init__(self, store, device, after=150_000):
        super().__init__(store, device, ())
        self.after = after

    def open(self, *args):
        found = self.files.open(*args)
        through = found.body

        async def body(start, length):
            pieces, given = through(start, length), 0
            for chunk in [pieces] if isinstance(pieces, bytes) else [chunk async for chunk in pieces]:
                if given + len(chunk) > self.after:
                    yield chunk[:self.after - given]
                    raise OSError(errno.EIO, "the disk is broken")
                given += len(chunk)
                yield chunk

        return _Read(found, body)


class _Read:
    def __init__(self, found, body):
        self.found, self.body = found, body

    def __getattr__(self, name):
        return getattr(self.found, name)


@pytest.mark.parametrize("many", [1, 2])
async def test_devices_give_errors_in_the_middle_of_a_read(store, many):
    """Readers see nothing of it as long as one device is left."""
    alice, data = store.as_("alice"), os.urandom(400_000)
    await alice.put("/c")
    assert (await alice.put("/c/o", data)).status == 201
    with ExitStack() as broken:
        for device in holders(store)[:many]:
            broken.enter_context(Unreadable(store, device))
        for _ in range(6):
            got = await alice.get("/c/o")
            assert (got.status, got.data == data) == (200, True)
            assert (await alice.get("/c/o", Range="bytes=100000-390000")).data == data[100_000:390_001]
            assert (await alice.request("COPY", "/c/o", Destination="c/copy")).status == 201
            assert (await alice.get("/c/copy")).headers["etag"] == got.headers["etag"]


class LateFull(Failing):
    """A device that takes the beginning of a body and has no room for its end."""

    def __init__(self, store, device, policy=0, room=1_000_000):
        super().__init__(store, device, ())
        self.key, self.room = (device, policy), room
        self.files = store.objects.node.files_of(device, store.objects.policies[policy])

    def create(self, *args):
        return Filling(self.files.create(*args), self.room)


class Filling:
    def __init__(self, writer, room):
        self.writer, self.room = writer, room

    def __getattr__(self, name):
        return getattr(self.writer, name)

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, "no room")
        self.writer.write(data)


async def endless(count, piece=100_000):
    for _ in range(count):
        yield b"y" * piece


async def test_a_device_gets_full_in_the_middle_of_a_body(store):
    """Nobody announced how long it is: the others have it, and replication brings it to where there is room again."""
    alice = store.as_("alice")
    await alice.put("/c")
    with LateFull(store, holders(store)[0]):
        assert (await alice.put("/c/o", endless(30))).status == 201
        assert (await alice.get("/c/o", X_Newest="true")).data == b"y" * 3_000_000
    for _ in range(2):
        await heal(store)
    assert_whole(store, b"y" * 3_000_000)


async def test_the_only_device_gets_full_in_the_middle_of_a_body():
    async with TestStore(replicas=1, devices=2) as store:
        alice = store.as_("alice")
        await alice.put("/c")
        await alice.put("/c/o", b"old")
        with LateFull(store, holders(store)[0]):
            assert (await alice.put("/c/o", endless(30))).status == 503     # its beginning has gone by: nobody else can have it
            assert (await alice.put("/c/other", endless(30))).status in (201, 503)
        # What is there can be read all the time, and nothing of the others is.
        assert (await alice.get("/c/o")).data == b"old" and b"old" in [p.read_bytes() for p in store.files()]
        assert not [p for p in store.folder.glob("devices/*/tmp/*")]


@pytest.mark.parametrize("full", [1, 2])
async def test_devices_of_fragments_get_full_in_the_middle_of_a_body(full):
    """Of four fragments one may be lost, not two: then nobody finds anything of it."""
    coded = [{"index": 0, "name": "coded", "erasure": {"data": 2, "parity": 2, "segment_size": 65_536}}]
    async with TestStore(devices=5, part_power=4, policies=coded, proxy={"recheck_s": 0.0, "error_suppression_interval_s": 0.0}) as store:
        alice = store.as_("alice")
        await alice.put("/c")
        late = [LateFull(store, device, room=300_000) for device in holders(store)[:full]]
        with ExitStack() as stack:
            for each in late:
                stack.enter_context(each)
            assert (await alice.put("/c/o", endless(30))).status == (201 if full == 1 else 503)
        found = await alice.get("/c/o")
        assert (found.status, len(found.data)) == (200, 3_000_000) if full == 1 else found.status == 404
        assert await alice.names("/c") == (["o"] if full == 1 else [])
        assert not [p for p in store.folder.glob("devices/*/tmp/*")]


async def test_a_damaged_database_is_put_away_and_replaced(store):
    alice = store.as_("alice")
    await alice.put("/c")
    for name in "abc":
        await alice.put(f"/c/{name}", b"x")
    hash = store.objects.hashing.hash("AUTH_alice", "c")
    path = next((store.folder / "devices" / holders(store, "container", "c")[0]).glob(f"containers/*/*/{hash}/{hash}.db"))
    store.objects.node.containers.close()
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    path.write_bytes(b"rotten" * 5000)
    for _ in range(5):
        assert await alice.names("/c") == ["a", "b", "c"]
    assert (await alice.put("/c/d", b"x")).status == 201
    await heal(store)
    assert path.read_bytes().startswith(b"SQLite format 3") and list(store.folder.glob("devices/*/quarantined/containers/*/*.db"))
    for _ in range(5):
        assert await alice.names("/c") == ["a", "b", "c", "d"]


@pytest.mark.parametrize("kind", ["object", "container", "account"])
async def test_a_slow_device_holds_up_nobody_for_long(store, kind):
    alice, through = store.as_("alice"), store.objects.proxy.transport
    await alice.put("/c")
    await alice.put("/c/o", b"body")
    slow = holders(store, kind, *{"object": ("c", "o"), "container": ("c",), "account": ()}[kind]) if kind != "account" else \
        [n.device.device for n in store.objects.rings["account"].primaries(store.objects.rings["account"].partition("AUTH_alice"))]

    async def slowly(to, req):
        if req.path.split("/")[1:3] == [kind, slow[0]]:
            await asyncio.sleep(1000)
        return await through(to, req)

    store.objects.proxy.transport = store.objects.node.objects.transport = slowly
    store.objects.node.servers["container"].transport = slowly
    began = asyncio.get_running_loop().time()
    assert (await alice.put("/c/o", b"new")).status == 201
    assert (await alice.get("/c/o")).data == b"new"
    assert (await alice.delete("/c/o")).status == 204
    assert (await alice.put("/other")).status == 201 and await alice.names("/c") == []
    assert asyncio.get_running_loop().time() - began < 60
    store.objects.proxy.transport = store.objects.node.objects.transport = store.objects.node.servers["container"].transport = through
    await heal(store)
    assert (await alice.get("/c/o")).status == 404 and store.files() == []


# ---- requests that reach only some, in any order -------------------------------------------------------------------------
EVENT = st.tuples(st.sampled_from(["PUT", "POST", "POST with type", "DELETE"]), st.sets(st.integers(0, 2), min_size=1))


@settings(max_examples=40)
@given(st.lists(EVENT, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_replicas_agree_on_what_happened_whatever_reached_whom(events, chance):
    run_virtual(_agree(events, chance))


async def _agree(events, chance):
    async with TestStore(replicas=3, devices=4, part_power=2) as store:
        alice, node = store.as_("alice"), store.objects.node
        await alice.put("/c")
        ring, hash = store.objects.rings["object"], store.objects.hashing.hash("AUTH_alice", "c", "o")
        part = ring.partition("AUTH_alice", "c", "o")
        devices = [n.device.device for n in ring.primaries(part)]
        at = [f"{1_800_000_000 + n}.00000" for n in range(len(events))]
        order = list(range(len(events)))
        chance.shuffle(order)
        for n in order:
            method, reached = events[n]
            headers = {"x-timestamp": at[n], "x-object-meta-a": str(n), "x-backend-storage-policy-index": "0"}
            if method in ("PUT", "POST with type"):
                headers["content-type"] = f"text/{n}"
            body = stream(str(n).encode()) if method == "PUT" else None
            if body:
                headers["content-length"] = "1"
            for device in sorted(reached):
                if method == "PUT":
                    body = stream(str(n).encode())
                await node(Request(method.split()[0], f"/object/{devices[device]}/{part}/AUTH_alice/c/o", headers, body=body))

        def names(device):
            return node.files_of(device, store.objects.policies[0]).suffix(part, hash[-3:]).get(hash, [])

        known = sorted({name for device in devices for name in names(device)})
        for _ in range(2):
            await DAEMONS["object-replicator"](store.objects).run_once()
        assert [sorted(names(device)) for device in devices] == [sorted(resolve(known).counting)] * 3


# ---- expirer -------------------------------------------------------------------------------------------------------------
async def test_more_time_that_one_replica_has_not_heard_of(store):
    """The expirer meets a replica with the old time, and one with the new one: the object stays."""
    alice, through = store.as_("alice"), store.objects.proxy.transport
    await alice.put("/c")
    await alice.put("/c/o", b"body", X_Delete_After="10")
    deaf = holders(store)[0]

    async def parted(to, req):
        if req.path.split("/")[1:3] == ["object", deaf]:
            raise ConnectionError("parted")
        return await through(to, req)

    store.objects.proxy.transport = parted
    assert (await alice.post("/c/o", X_Delete_After="1000")).status == 202
    store.objects.proxy.transport = through
    await asyncio.sleep(20)
    # The queue has not heard of the new time either.
    for name in ("container-updater", "object-expirer", "object-updater", "object-replicator"):
        await DAEMONS[name](store.objects).run_once()
    assert (await alice.get("/c/o", X_Newest="true")).data == b"body"
    assert_whole(store, b"body")
    await asyncio.sleep(1000)
    for name in ("object-updater", "container-updater", "object-expirer"):
        await DAEMONS[name](store.objects).run_once()
    assert store.files() == [] and await alice.names("/c") == []


# ---- processes -----------------------------------------------------------------------------------------------------------
@pytest.mark.root
@pytest.mark.realtime
async def test_a_full_device(cluster):
    alice = cluster.as_("alice")
    await alice.put("/c")
    full = next(n for n in cluster.holders("object", "c", "o") if n not in cluster.holders("container", "c")[:1])
    device = cluster.places[full].state / "devices" / "d1"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", device], capture_output=True)
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        assert (await alice.put("/c/o", b"x" * 3_000_000)).status == 201
        assert cluster.object_files(full, "c", "o") == [] and (await alice.get("/c/o")).data == b"x" * 3_000_000

        async def unknown_length():
            for _ in range(30):
                yield b"y" * 100_000

        assert (await alice.put("/c/o", unknown_length())).status == 201
        assert (await alice.get("/c/o")).data == b"y" * 3_000_000
        assert not list(device.glob("tmp/*")) and (await alice.put("/c/small", b"small")).status == 201
    finally:
        subprocess.run(["umount", "-l", device], check=True)
    await cluster.heal()
    cluster.assert_object(b"y" * 3_000_000, "c", "o")


@pytest.mark.root
@pytest.mark.realtime
async def test_a_full_device_of_databases(cluster):
    """A container of which one device takes no more rows: the others know all, and it hears of it when it has room."""
    alice = cluster.as_("alice")
    await alice.put("/c")
    full = cluster.holders("container", "c")[0]
    device = cluster.places[full].state / "devices" / "d1"
    hash = cluster.objects.hashing.hash("AUTH_alice", "c")
    kept, = device.glob(f"containers/*/*/{hash}")
    size = max(400, sum(path.stat().st_size for path in kept.iterdir()) // 1024 + 300)
    copied = cluster.folder / "copied"
    shutil.copytree(device, copied)

    async def known():
        got = await cluster.objects.transport(cluster.address(full), Request("GET", f"/container/d1/{kept.parts[-3]}/AUTH_alice/c"))
        return (await got.read()).count(b'"name"') if got.status == 200 else 0

    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", device], capture_output=True)
    if mounted.returncode:
        pytest.skip("file systems cannot be mounted here")
    try:
        shutil.copytree(copied, device, dirs_exist_ok=True)
        with suppress(OSError), open(device / "filler", "wb") as filler:
            while True:
                filler.write(bytes(4096))
                filler.flush()
        names = [f"{n:03}-{'x' * 200}" for n in range(40)]
        for name in names:
            assert (await alice.put(f"/c/{name}", b"")).status == 201
        assert names in [await alice.names("/c") for _ in range(20)]    # as soon as one of the others is asked
        assert (await alice.put("/c2")).status == 201 and (await alice.post("/c", X_Container_Meta_A="1")).status == 204
        assert await known() < len(names)       # it was full
        os.remove(device / "filler")
        await cluster.heal()
        assert await known() == len(names)
        for _ in range(5):
            assert await alice.names("/c") == names and (await alice.head("/c")).headers["x-container-meta-a"] == "1"
    finally:
        subprocess.run(["umount", "-l", device], check=True)
        shutil.rmtree(copied)


@pytest.mark.realtime
async def test_servers_are_killed_at_any_moment(cluster):
    """Clients go on while one server after another is killed, in the middle of whatever it does: what was acknowledged is there."""
    alice, chance, there = cluster.as_("alice"), random.Random(), {}
    await alice.put("/c")
    done = asyncio.Event()

    async def client(number):
        for step in range(1000):
            if done.is_set():
                return
            name, body = f"{number}-{step % 5}", f"{number}-{step}".encode() * chance.choice([1, 20_000])
            if chance.random() < 0.25:
                answer, body = await alice.delete(f"/c/{name}"), None
                heard = answer.status in (204, 404)
            else:
                heard = (await alice.put(f"/c/{name}", body)).status in (201, 202)
            # What was not acknowledged may have happened: then it may be either.
            there[name] = [body] if heard else [*there.get(name, [None]), body]

    clients = [asyncio.ensure_future(client(n)) for n in range(3)]
    for _ in range(4):
        await asyncio.sleep(chance.uniform(0.05, 0.3))
        victim = chance.randrange(4)
        await cluster.kill(victim)
        await asyncio.sleep(chance.uniform(0.05, 0.2))
        await cluster.start(victim)
    done.set()
    await asyncio.gather(*clients)
    await cluster.heal()
    await cluster.heal()
    listed = await alice.names("/c")
    for name, allowed in there.items():
        got = await alice.get(f"/c/{name}", X_Newest="true")
        found = got.data if got.status == 200 else None
        assert found in allowed, (name, got)
        if len(allowed) == 1:       # between an object and word of it its server may have been killed, and nobody was told it is there
            assert (name in listed) == (found is not None)
    assert not list(cluster.folder.glob("node*/devices/*/tmp/*"))
