"""Server groups: the service, and its API."""

import pytest

from pileus.compute.config import ComputeConfig, QuotaDefaults
from pileus.compute.errors import ServerGroupNotFound, TooManyGroupMembers, TooManyServerGroups
from pileus.core.context import Context
from tests.compute.resources import ROOT, a_server, compute, deleted

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
        await deleted(c, one)
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


GROUPS = f"{ROOT}/os-server-groups"


async def test_a_group_through_the_api():
    async with compute() as c:
        made = await c.member().post(
            GROUPS, {"server_group": {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": "3"}}}
        )
        group = made.json["server_group"]
        assert made.status == 200 and group == {
            "id": group["id"],
            "name": "g",
            "policy": "anti-affinity",
            "rules": {"max_server_per_host": 3},
            "members": [],
            "project_id": "p1",
            "user_id": "user-of-p1",
        }
        server = await a_server(c)
        await c.resources.server_groups.add_member(group["id"], server)
        assert (await c.member().get(f"{GROUPS}/{group['id']}")).json == {"server_group": group | {"members": [server]}}
        assert (await c.member().get(GROUPS)).json == {"server_groups": [group | {"members": [server]}]}
        old = {"id": group["id"], "name": "g", "policies": ["anti-affinity"], "metadata": {}, "members": [server]}
        assert (await c.member("2.1").get(f"{GROUPS}/{group['id']}")).json == {"server_group": old}
        assert (await c.member("2.63").get(GROUPS)).json == {"server_groups": [old | {"project_id": "p1", "user_id": "user-of-p1"}]}
        for project in ("p2", "p3"):
            assert (await c.member(project=project).get(f"{GROUPS}/{group['id']}")).status == 404
            assert (await c.member(project=project).delete(f"{GROUPS}/{group['id']}")).status == 404
            assert (await c.member(project=project).get(f"{GROUPS}?all_projects=1")).json == {"server_groups": []}
        assert len((await c.admin(project="p2").get(f"{GROUPS}?all_projects=1")).json["server_groups"]) == 1
        assert (await c.admin(project="p2").get(GROUPS)).json == {"server_groups": []}
        assert (await c.caller("reader").delete(f"{GROUPS}/{group['id']}")).status == 403
        gone = await c.member().delete(f"{GROUPS}/{group['id']}")
        assert gone.status == 204 and gone.data == b"" and (await c.member().delete(f"{GROUPS}/{group['id']}")).status == 404


async def test_policies_before_2_64():
    async with compute() as c:

        async def make(version, **fields):
            return (await c.member(version).post(GROUPS, {"server_group": {"name": "g"} | fields})).status

        assert await make("2.1", policies=["affinity"]) == 200 and await make("2.63", policies=["soft-affinity"]) == 200
        assert await make("2.14", policies=["soft-affinity"]) == 400 and await make("2.1", policy="affinity") == 400
        assert await make("2.64", policies=["affinity"]) == 400 and await make("2.63", policies=["affinity"], rules={}) == 400
        for bad in ([], ["affinity", "anti-affinity"], ["affinity", "affinity"], "affinity", ["x"], [1], None, [["affinity"]]):
            assert await make("2.1", policies=bad) == 400, bad
        assert await make("2.1") == 400 and await make("2.64") == 400 and await make("2.64", policy="x") == 400
        assert await make("2.64", policy="affinity", rules={"max_server_per_host": 2}) == 400
        for rules in ({"max_server_per_host": 0}, {"max_server_per_host": "0"}, {"x": 1}, {"max_server_per_host": None}, []):
            assert await make("2.64", policy="anti-affinity", rules=rules) == 400, rules
        for name in ("", " ", "n" * 256, 1):
            assert await make("2.64", policy="affinity", name=name) == 400
        assert (await c.member("2.1").post(GROUPS, [])).status == 400


async def test_pages_of_groups():
    async with compute() as c:
        for name in "abc":
            await c.member().post(GROUPS, {"server_group": {"name": name, "policy": "affinity"}})
        everything = [g["name"] for g in (await c.member().get(GROUPS)).json["server_groups"]]
        assert [g["name"] for g in (await c.member().get(f"{GROUPS}?limit=1&offset=1")).json["server_groups"]] == everything[1:2]
        assert (await c.member().get(f"{GROUPS}?limit=-1")).status == 400 and (await c.member().get(f"{GROUPS}?x=1")).status == 400
