"""Server groups and aggregates as services; their APIs have tests of their own below."""

import pytest

from pileus.compute.config import ComputeConfig, QuotaDefaults
from pileus.compute.errors import ServerGroupNotFound, TooManyGroupMembers, TooManyServerGroups
from pileus.core.context import Context
from tests.compute.resources import a_server, compute

ALICE = Context(user_id="alice", project_id="p1", roles=frozenset({"member", "reader"}))


async def test_members_come_and_go_with_their_servers():
    async with compute() as c:
        groups = c.resources.server_groups
        group = await groups.create(ALICE, "g", "affinity", {})
        one, two = await a_server(c), await a_server(c)
        for server in (one, two, one):
            await groups.add_member(group.id, server)
        assert set(await groups.members(group.id)) == {one, two}
        assert await groups.groups_of([one, "none"]) == {one: [group.id], "none": []}
        await a_server(c, delete=one)
        assert await groups.members(group.id) == [two]
        await groups.remove_member(two)
        assert await groups.members(group.id) == []
        with pytest.raises(ServerGroupNotFound):
            await groups.get(group.id, "p2")


async def test_limits():
    async with compute(ComputeConfig(quota=QuotaDefaults(server_groups=2, server_group_members=1))) as c:
        groups = c.resources.server_groups
        group = await groups.create(ALICE, "g", "affinity", {})
        await groups.create(ALICE, "h", "affinity", {})
        with pytest.raises(TooManyServerGroups):
            await groups.create(ALICE, "i", "affinity", {})
        await groups.add_member(group.id, await a_server(c))
        with pytest.raises(TooManyGroupMembers):
            await groups.add_member(group.id, await a_server(c))
        await c.resources.quotas.set("p1", None, {"server_groups": 9})
        await c.resources.quotas.set("p1", "alice", {"server_groups": 2}, force=True)
        with pytest.raises(TooManyServerGroups):
            await groups.create(ALICE, "i", "affinity", {})
