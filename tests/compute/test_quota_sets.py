"""Limits, quota sets and quota classes through the API."""

import pytest

from tests.compute.resources import ROOT, a_server, compute

SETS, CLASS, LIMITS = f"{ROOT}/os-quota-sets", f"{ROOT}/os-quota-class-sets", f"{ROOT}/limits"
NEWEST = {
    "instances": 10,
    "cores": 20,
    "ram": 51200,
    "key_pairs": 100,
    "metadata_items": 128,
    "server_groups": 10,
    "server_group_members": 10,
}
INJECTED = {"injected_files": 5, "injected_file_content_bytes": 10240, "injected_file_path_bytes": 255}
NETWORK = {"floating_ips": -1, "fixed_ips": -1, "security_groups": -1, "security_group_rules": -1}
SHAPES = [
    ("2.1", NEWEST | INJECTED | NETWORK),
    ("2.35", NEWEST | INJECTED | NETWORK),
    ("2.36", NEWEST | INJECTED),
    ("2.56", NEWEST | INJECTED),
]


@pytest.mark.parametrize(("version", "shape"), [*SHAPES, ("2.57", NEWEST), ("2.104", NEWEST)])
async def test_each_version_has_its_limits(version, shape):
    async with compute() as c:
        for what in ("", "/defaults"):
            assert (await c.member(version).get(f"{SETS}/p1{what}")).json == {"quota_set": {"id": "p1"} | shape}
        detail = (await c.member(version).get(f"{SETS}/p1/detail")).json["quota_set"]
        assert {k: v["limit"] for k, v in detail.items() if k != "id"} == shape
        assert (await c.admin(version).put(f"{SETS}/p1", {"quota_set": {}})).json == {"quota_set": shape}


async def test_changes_and_their_end():
    async with compute() as c:
        admin = c.admin()
        changed = await admin.put(f"{SETS}/p1", {"quota_set": {"cores": "5", "instances": -1}})
        assert changed.status == 200 and changed.json == {"quota_set": NEWEST | {"cores": 5, "instances": -1}}
        assert (await c.member().get(f"{SETS}/p1")).json["quota_set"]["cores"] == 5
        assert (await c.member().get(f"{SETS}/p1/defaults")).json["quota_set"]["cores"] == 20
        own = await admin.put(f"{SETS}/p1?user_id=u", {"quota_set": {"cores": 3}})
        assert own.json["quota_set"]["cores"] == 3
        assert (await admin.get(f"{SETS}/p1?user_id=u")).json["quota_set"]["cores"] == 3
        too_much = await admin.put(f"{SETS}/p1?user_id=u", {"quota_set": {"cores": 6}})
        assert too_much.status == 400
        assert too_much.json["badRequest"]["message"] == "Quota limit 6 for cores must be less than or equal to 5."
        assert (await admin.delete(f"{SETS}/p1?user_id=u")).status == 202
        assert (await admin.get(f"{SETS}/p1?user_id=u")).json["quota_set"]["cores"] == 5
        gone = await admin.delete(f"{SETS}/p1")
        assert (
            gone.status == 202 and gone.data == b"" and (await admin.get(f"{SETS}/p1")).json["quota_set"] == {"id": "p1"} | NEWEST
        )
        old = await c.admin("2.35").put(f"{SETS}/p1", {"quota_set": {"injected_files": 9, "floating_ips": 8}})
        assert (old.json["quota_set"]["injected_files"], old.json["quota_set"]["floating_ips"]) == (9, 8)


async def test_not_below_what_is_used_unless_forced():
    async with compute() as c:
        for _ in range(2):
            await a_server(c, vcpus=2)
        refused = await c.admin().put(f"{SETS}/p1", {"quota_set": {"instances": 7, "cores": 3}})
        assert refused.status == 400 and refused.json["badRequest"]["message"] == (
            "Quota limit 3 for cores must be greater than or equal to already used and reserved 4."
        )
        assert (await c.admin().get(f"{SETS}/p1")).json["quota_set"] == {"id": "p1"} | NEWEST
        assert (await c.admin().put(f"{SETS}/p1", {"quota_set": {"cores": 3, "force": "True"}})).status == 200
        detail = (await c.member().get(f"{SETS}/p1/detail")).json["quota_set"]
        assert detail["cores"] == {"limit": 3, "in_use": 4, "reserved": 0} and detail["instances"]["in_use"] == 2


BAD = [
    {"cores": -2},
    {"cores": "x"},
    {"cores": None},
    {"cores": 1 << 31},
    {"cores": True},
    {"cores": ""},
    {"cores": "-9"},
    {"unknown": 1},
]


@pytest.mark.parametrize("fields", [*BAD, {"force": "maybe"}, {"injected_files": 1}, {"fixed_ips": 1}], ids=str)
async def test_bad_input(fields):
    async with compute() as c:
        assert (await c.admin().put(f"{SETS}/p1", {"quota_set": fields})).status == 400
        assert (await c.admin().put(f"{CLASS}/default", {"quota_class_set": fields})).status == 400
        assert (await c.admin().get(f"{SETS}/p1")).json["quota_set"] == {"id": "p1"} | NEWEST


async def test_who_may():
    async with compute() as c:
        member, body = c.member(), {"quota_set": {"cores": 1}}
        assert (await member.get(f"{SETS}/p2")).status == 403 and (await member.get(f"{SETS}/p2/detail")).status == 403
        assert (await member.get(f"{SETS}/p2/defaults")).status == 200
        assert (await member.put(f"{SETS}/p1", body)).status == 403 and (await member.delete(f"{SETS}/p1")).status == 403
        assert (await c.caller("manager").put(f"{SETS}/p1", body)).status == 403
        assert (await member.get(f"{CLASS}/default")).status == 403
        assert (await member.put(f"{CLASS}/default", {"quota_class_set": {}})).status == 403


async def test_unknown_parameters_are_refused_since_2_75():
    async with compute() as c:
        assert (await c.member("2.75").get(f"{SETS}/p1?x=1")).status == 400 and (
            await c.member("2.74").get(f"{SETS}/p1?x=1")
        ).status == 200
        assert (await c.member("2.75").get(f"{LIMITS}?x=1")).status == 400 and (
            await c.member("2.74").get(f"{LIMITS}?x=1")
        ).status == 200


async def test_quota_classes():
    async with compute() as c:
        oldest = NEWEST | INJECTED | NETWORK
        del oldest["server_groups"], oldest["server_group_members"]
        for version, shape in (("2.1", oldest), ("2.49", oldest), ("2.50", NEWEST | INJECTED), ("2.57", NEWEST)):
            assert (await c.admin(version).get(f"{CLASS}/default")).json == {"quota_class_set": {"id": "default"} | shape}
        changed = await c.admin().put(f"{CLASS}/default", {"quota_class_set": {"ram": 1}})
        assert changed.status == 200 and changed.json == {"quota_class_set": NEWEST | {"ram": 1}}
        assert (await c.member().get(f"{SETS}/p1")).json["quota_set"]["ram"] == 1
        assert (await c.admin().put(f"{CLASS}/{'x' * 256}", {"quota_class_set": {"ram": 1}})).status == 400


ABSOLUTE = {
    "maxTotalInstances": 10,
    "maxTotalCores": 20,
    "maxTotalRAMSize": 51200,
    "maxTotalKeypairs": 100,
    "maxServerMeta": 128,
    "maxServerGroups": 10,
    "maxServerGroupMembers": 10,
    "totalInstancesUsed": 1,
    "totalCoresUsed": 2,
    "totalRAMUsed": 512,
    "totalServerGroupsUsed": 0,
}
FILES = {"maxPersonality": 5, "maxPersonalitySize": 10240}
IMAGES = {"maxImageMeta": 128}
NETWORKS = {
    "maxTotalFloatingIps": -1,
    "maxSecurityGroups": -1,
    "maxSecurityGroupRules": -1,
    "totalFloatingIpsUsed": 0,
    "totalSecurityGroupsUsed": 0,
}


async def test_limits():
    async with compute() as c:
        await a_server(c, vcpus=2, memory_mb=512)
        shapes = (
            ("2.1", ABSOLUTE | FILES | IMAGES | NETWORKS),
            ("2.36", ABSOLUTE | FILES | IMAGES),
            ("2.39", ABSOLUTE | FILES),
            ("2.57", ABSOLUTE),
            ("2.104", ABSOLUTE),
        )
        for version, shape in shapes:
            assert (await c.member(version).get(LIMITS)).json == {"limits": {"rate": [], "absolute": shape}}, version
        assert (await c.member(project="p2").get(LIMITS)).json["limits"]["absolute"]["totalInstancesUsed"] == 0
        assert (await c.admin(project="p2").get(f"{LIMITS}?tenant_id=p1")).json["limits"]["absolute"]["totalInstancesUsed"] == 1
        assert (await c.member(project="p2").get(f"{LIMITS}?tenant_id=p1")).status == 403
