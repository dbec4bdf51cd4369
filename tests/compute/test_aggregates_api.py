"""Aggregates through the API."""

import pytest

from tests.compute.resources import ROOT, compute
from tests.compute.test_hosts import inventory

AGGREGATES = f"{ROOT}/os-aggregates"


async def make(c, **fields):
    return await c.admin().post(AGGREGATES, {"aggregate": {"name": "a"} | fields})


async def test_ids_of_aggregates():
    async with compute() as c:
        assert (await c.admin("2.1").get("/compute/v2.1/os-aggregates/-1")).status == 404
        assert (await c.admin("2.1").delete("/compute/v2.1/os-aggregates/-1")).status == 404
        assert (await c.admin("2.1").get("/compute/v2.1/os-aggregates/one")).status == 400
        await make(c)
        for name in (" ", "bell\x07"):
            assert (await c.admin().put(f"{AGGREGATES}/1", {"aggregate": {"name": name}})).status == 400


async def test_an_aggregate_lives_its_life():
    async with compute() as c:
        await c.resources.hosts.report("h1", inventory())
        made = await make(c, availability_zone=None)
        aggregate = made.json["aggregate"]
        assert made.status == 200 and aggregate == {
            "id": 1,
            "uuid": aggregate["uuid"],
            "name": "a",
            "availability_zone": None,
            "created_at": "2026-01-01T00:00:00.000000",
            "updated_at": None,
            "deleted": False,
            "deleted_at": None,
        }
        whole = aggregate | {"hosts": [], "metadata": {}}
        assert (await c.admin().get(f"{AGGREGATES}/1")).json == {"aggregate": whole}
        assert (await c.admin().get(AGGREGATES)).json == {"aggregates": [whole]}
        renamed = await c.admin().put(f"{AGGREGATES}/1", {"aggregate": {"name": " b ", "availability_zone": "east"}})
        changed = whole | {"name": "b", "availability_zone": "east", "metadata": {"availability_zone": "east"}}
        assert renamed.json == {"aggregate": changed | {"updated_at": "2026-01-01T00:00:00.000000"}}
        act = f"{AGGREGATES}/1/action"
        added = await c.admin().post(act, {"add_host": {"host": "h1"}})
        assert added.status == 200 and added.json["aggregate"]["hosts"] == ["h1"]
        assert (await c.admin().post(act, {"add_host": {"host": "h1"}})).status == 409
        assert (await c.admin().post(act, {"add_host": {"host": "h9"}})).status == 404
        tagged = await c.admin().post(act, {"set_metadata": {"metadata": {"ssd": "true", "x": "1"}}})
        assert tagged.json["aggregate"]["metadata"] == {"availability_zone": "east", "ssd": "true", "x": "1"}
        tagged = await c.admin().post(act, {"set_metadata": {"metadata": {"x": None}}})
        assert tagged.json["aggregate"]["metadata"] == {"availability_zone": "east", "ssd": "true"}
        assert (await c.admin().delete(f"{AGGREGATES}/1")).status == 400
        assert (await c.admin().post(act, {"remove_host": {"host": "h1"}})).json["aggregate"]["hosts"] == []
        missing = await c.admin().post(act, {"remove_host": {"host": "h1"}})
        assert missing.status == 404 and missing.json["itemNotFound"]["message"] == "Cannot remove host h1 in aggregate 1"
        gone = await c.admin().delete(f"{AGGREGATES}/1")
        assert gone.status == 200 and gone.data == b"" and (await c.admin().delete(f"{AGGREGATES}/1")).status == 404


async def test_uuids_since_2_41():
    async with compute() as c:
        await make(c)
        assert "uuid" not in (await c.admin("2.40").get(f"{AGGREGATES}/1")).json["aggregate"]
        assert "uuid" not in (await c.admin("2.40").get(AGGREGATES)).json["aggregates"][0]
        assert "uuid" in (await c.admin("2.41").get(f"{AGGREGATES}/1")).json["aggregate"]
        act = {"set_metadata": {"metadata": {"a": "b"}}}
        assert "uuid" not in (await c.admin("2.40").post(f"{AGGREGATES}/1/action", act)).json["aggregate"]


BAD = [
    {"name": ""},
    {"name": "n" * 256},
    {"name": " a"},
    {"name": 1},
    {"availability_zone": "a:b"},
    {"availability_zone": ""},
    {"x": 1},
]


@pytest.mark.parametrize("fields", BAD, ids=lambda f: str(f)[:40])
async def test_bad_input(fields):
    async with compute() as c:
        assert (await make(c, **fields)).status == 400
        assert (await c.admin().get(AGGREGATES)).json == {"aggregates": []}


async def test_refusals():
    async with compute() as c:
        await make(c)
        taken = await make(c)
        assert taken.status == 409 and taken.json["conflictingRequest"]["message"] == "Aggregate a already exists."
        for id, status in (("2", 404), ("x", 400), ("1" * 30, 400)):
            assert (await c.admin().get(f"{AGGREGATES}/{id}")).status == status
            assert (await c.admin().put(f"{AGGREGATES}/{id}", {"aggregate": {"name": "b"}})).status == status
            assert (await c.admin().delete(f"{AGGREGATES}/{id}")).status == status
        for body in ({}, {"name": ""}, {"name": None}):
            assert (await c.admin().put(f"{AGGREGATES}/1", {"aggregate": body})).status == 400
        for body in (
            {},
            {"explode": {}},
            {"add_host": {}},
            {"add_host": {"host": "h/1"}},
            {"set_metadata": {"metadata": {"": "x"}}},
        ):
            assert (await c.admin().post(f"{AGGREGATES}/1/action", body)).status == 400


async def test_only_administrators():
    async with compute() as c:
        await make(c)
        member, one = c.member(), f"{AGGREGATES}/1"
        answers = [await member.get(AGGREGATES), await member.get(one), await member.delete(one)]
        answers.append(await member.post(AGGREGATES, {"aggregate": {"name": "x", "availability_zone": None}}))
        answers.append(await member.put(one, {"aggregate": {"name": "x"}}))
        for act in ({"add_host": {"host": "h"}}, {"remove_host": {"host": "h"}}, {"set_metadata": {"metadata": {}}}):
            answers.append(await member.post(f"{one}/action", act))
        assert [answer.status for answer in answers] == [403] * len(answers)
