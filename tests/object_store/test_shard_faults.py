"""A container gets shards and loses them again, in a cluster of processes that are killed meanwhile."""

import asyncio
import random

import pytest

from pileus.object_store.storage.database.container import ContainerBroker
from tests.object_store.cluster import Cluster

pytestmark = pytest.mark.realtime


@pytest.fixture(scope="module")
def cluster():
    shared = Cluster(sharding={"auto": True, "threshold": 12, "rows_per_shard": 5, "shrink_below": 4, "merge_below": 8, "batch": 10})
    yield shared
    shared.destroy()


def ranges(cluster):
    """What each replica of the container knows of its shards."""
    hash, found = cluster.objects.hashing.hash("AUTH_alice", "c"), []
    for n in cluster.holders("container", "c"):
        path, = cluster.places[n].state.glob(f"devices/*/containers/*/*/{hash}/{hash}.db")
        broker = ContainerBroker(path)
        found.append([(r.lower, r.upper) for r in broker.shards.current()])
        broker.close()
    return found


async def settle(cluster, rounds, alice, there):
    """Daemons run, and in each round another server is killed while they do."""
    for n in range(rounds):
        victim = n % 4

        async def kill(victim=victim):
            await asyncio.sleep(random.uniform(0.0, 0.3))
            await cluster.kill(victim)

        killing = asyncio.ensure_future(kill())
        await cluster.daemon("container-sharder")
        await killing
        assert await alice.names("/c") == sorted(there)
        await cluster.start(victim)
        await cluster.daemon("container-replicator")
        await cluster.daemon("object-updater")


async def test_shards_come_and_go_while_servers_are_killed(cluster):
    async with cluster:
        alice, there = cluster.as_("alice"), [f"o{n:02}" for n in range(16)]
        await alice.put("/c")
        for name in there:
            assert (await alice.put(f"/c/{name}", b"x")).status == 201
        await settle(cluster, 4, alice, there)
        for _ in range(4):
            await cluster.daemon("container-sharder")
        assert all(len(found) > 1 for found in ranges(cluster)), ranges(cluster)
        while len(there) > 2:
            assert (await alice.delete(f"/c/{there.pop()}")).status == 204
        await settle(cluster, 8, alice, there)
        for _ in range(12):
            await cluster.heal()
            if ranges(cluster) == [[]] * 3:
                break
        assert ranges(cluster) == [[]] * 3
        for _ in range(5):
            assert await alice.names("/c") == there
            assert (await alice.head("/c")).headers["x-container-object-count"] == "2"
        assert (await alice.head()).headers["x-account-object-count"] == "2"
