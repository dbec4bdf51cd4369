"""The number of partitions is doubled while clients go on."""

import pytest

from pileus.cli import object_store as command
from pileus.cli import ring
from pileus.object_store.daemons import DAEMONS
from pileus.object_store.daemons.relinker import ObjectRelinker
from pileus.object_store.model.names import partition
from tests.object_store.harness import TestStore

CODED = {"policies": [{"index": 0, "name": "coded", "erasure": {"data": 2, "parity": 2, "segment_size": 4096}}]}


@pytest.fixture(params=["whole", "coded"])
def store(request, monkeypatch):
    """An object store of four devices, of which the ring of objects has a builder."""
    made = TestStore(devices=4, replicas=3, part_power=4, **(CODED if request.param == "coded" else {}))
    made.builder = made.folder / "rings" / "object.builder"
    made.builder.parent.mkdir()
    assert ring.create(made.builder, 4, 4 if request.param == "coded" else 3, 0) == 0
    for n in range(4):
        assert ring.add(made.builder, f"r1z{n + 1}-{made.config.storage_listen}/d{n + 1}", 100) == 0
    assert ring.rebalance(made.builder) == 0
    return made


async def step(store, name):
    assert getattr(ring, f"{name}_partition_power")(store.builder) == 0
    await store.clock.sleep(2)              # until the new ring is seen


async def relink(store, *, cleanup=False):
    relinker = ObjectRelinker(store.objects)
    relinker.cleanup = cleanup
    return await relinker.run_once()


def places(store):
    """object's hash → the partitions that it is in"""
    found = {}
    for path in (store.folder / "devices").glob("*/objects/*/*/*"):
        found.setdefault(path.name, set()).add(int(path.parent.parent.name))
    return found


async def expect(alice, bodies):
    for name, body in bodies.items():
        answer = await alice.get(f"/c/{name}")
        assert answer.status == (404 if body is None else 200), name
        assert body is None or answer.data == body, name
    assert await alice.names("/c") == sorted(name for name, body in bodies.items() if body is not None)


async def change(alice, bodies, word):
    """Everything that may happen to an object."""
    for name in (f"{word}-new", "overwritten"):
        bodies[name] = f"{word} {name}".encode() * 3000
        assert (await alice.put(f"/c/{name}", bodies[name])).status == 201
    bodies["deleted " + word] = None
    assert (await alice.delete("/c/deleted " + word)).status == 204
    assert (await alice.post("/c/posted", x_object_meta_word=word)).status == 202


async def filled(alice):
    await alice.put("/c")
    bodies = {name: name.encode() for name in ("posted", "overwritten", "deleted one", "deleted two", *map(str, range(20)))}
    for name, body in bodies.items():
        await alice.put(f"/c/{name}", body)
    return bodies


async def test_partitions_are_doubled(store):
    alice = store.as_("alice")
    bodies = await filled(alice)
    await step(store, "prepare_increase")
    assert ring.rebalance(store.builder) == 1                               # what is linked here must be looked for here
    replicator = "object-reconstructor" if store.config.policies else "object-replicator"
    assert await DAEMONS[replicator](store.objects).run_once() == {"left alone while partitions are doubled": 1}
    await change(alice, bodies, "one")
    await relink(store)
    await expect(alice, bodies)
    assert all(partition(hash, 4) in parts and partition(hash, 5) in parts for hash, parts in places(store).items())
    await step(store, "increase")
    await expect(alice, bodies)
    await change(alice, bodies, "two")
    await expect(alice, bodies)
    assert (await relink(store))["rings that this has nothing to do with"] == 1
    await relink(store, cleanup=True)
    assert all(parts == {partition(hash, 5)} for hash, parts in places(store).items())
    await step(store, "finish_increase")
    for name in ("object-auditor", replicator):
        assert not (await DAEMONS[name](store.objects).run_once()).get("failures")
    await expect(alice, bodies)
    assert (await alice.head("/c/posted")).headers["x-object-meta-word"] == "two"
    assert ring.rebalance(store.builder) == 0


async def test_it_is_called_off(store):
    alice = store.as_("alice")
    bodies = await filled(alice)
    await step(store, "prepare_increase")
    await change(alice, bodies, "one")
    await relink(store)
    await step(store, "cancel_increase")
    await change(alice, bodies, "two")
    await expect(alice, bodies)
    await relink(store, cleanup=True)
    assert all(parts == {partition(hash, 4)} for hash, parts in places(store).items())
    await step(store, "finish_increase")
    await expect(alice, bodies)


async def test_what_is_damaged_is_put_away_under_both_names(store):
    alice = store.as_("alice")
    await filled(alice)
    await step(store, "prepare_increase")
    await relink(store)
    victim = next(path for path in sorted((store.folder / "devices").glob("*/objects/*/*/*/*.data")))
    with open(victim, "r+b") as out:
        out.write(b"\0")
    await DAEMONS["object-auditor"](store.objects).run_once()
    assert not list((store.folder / "devices").glob(f"{victim.parents[4].name}/objects/*/*/{victim.parent.name}"))


def test_steps_in_the_wrong_order_change_nothing(tmp_path):
    builder = tmp_path / "object.builder"
    ring.create(builder, 4, 1, 0)
    assert ring.prepare_increase_partition_power(builder) == 1              # not balanced yet
    ring.add(builder, "r1z1-10.0.0.1:6200/d1", 100)
    ring.rebalance(builder)
    before = builder.read_bytes()
    for wrong in ("increase", "cancel_increase", "finish_increase"):
        assert getattr(ring, f"{wrong}_partition_power")(builder) == 1
    assert builder.read_bytes() == before
    other = tmp_path / "container.builder"
    other.write_bytes(before)
    assert ring.prepare_increase_partition_power(other) == 1


def test_by_the_command_line(tmp_path, capsys):
    assert command.relink(state=tmp_path) == 0
    assert "nothing to do with: 1" in capsys.readouterr().out
