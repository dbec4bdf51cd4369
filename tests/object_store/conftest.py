"""Object stores: one in the test's own process, and clusters of processes that a whole run shares."""

import pytest

from tests.object_store.harness import TestStore


@pytest.fixture
def store():
    """An object store of one device; `TestStore(replicas=3, devices=5)` makes a larger one."""
    return TestStore()


@pytest.fixture(scope="session")
def cluster():
    """Four storage servers in processes of their own, three replicas; empty for each test."""
    from tests.object_store.cluster import Cluster

    shared = Cluster()
    yield shared
    shared.destroy()


@pytest.fixture(scope="session")
def coded_cluster():
    """Four storage servers of two devices each, and a policy of 4 and 2 fragments."""
    from tests.object_store.cluster import Cluster

    shared = Cluster(devices=2, policies=[{"index": 0, "name": "gold"}, {"index": 1, "name": "coded", "default": True, "erasure": {
        "data": 4, "parity": 2, "segment_size": 65_536}}])
    yield shared
    shared.destroy()
