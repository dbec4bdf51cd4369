import pytest

from tests.object_store.harness import TestStore


@pytest.fixture
def store():
    """An object store of one device; `TestStore(replicas=3, devices=5)` makes a larger one."""
    return TestStore()


@pytest.fixture
def cluster():
    """Four storage servers in processes of their own, three replicas."""
    from tests.object_store.cluster import Cluster

    return Cluster()
