"""Storage policies: chosen by a container, kept for ever, each on its own ring."""

import pytest

from pileus.object_store.model.policy import Policies, StoragePolicy
from tests.object_store.harness import TestStore

TWO = [{"index": 0, "name": "gold", "default": True}, {"index": 1, "name": "silver", "aliases": ["tin"]}]


async def test_a_container_chooses_its_policy():
    async with TestStore(policies=TWO) as store:
        alice = store.as_("alice")
        await alice.put("/plain")
        assert (await alice.put("/c", X_Storage_Policy="Tin")).status == 201
        assert (await alice.head("/c")).headers["x-storage-policy"] == "silver"
        await alice.put("/c/o", b"x")
        path, = store.files()
        assert "/objects-1/" in str(path) and (await alice.get("/c/o")).data == b"x" and await alice.names("/c") == ["o"]
        assert (await alice.put("/c", X_Storage_Policy="gold")).status == 409
        assert (await alice.put("/other", X_Storage_Policy="lead")).status == 400
        assert (await alice.put("/c")).status == 202 and (await alice.head("/c")).headers["x-storage-policy"] == "silver"


@pytest.mark.parametrize("policies", [[(0, "a"), (0, "b")], [(0, "a"), (1, "A")], [(1, "a")]])
def test_policies_that_contradict_each_other(policies):
    with pytest.raises(ValueError):
        Policies([StoragePolicy(index=index, name=name) for index, name in policies])
