"""Registered limits and limits, flat and in two levels."""

import pytest

from pileus.identity.errors import TreeTooDeep
from tests.identity.booted import V3, booted


async def _service(admin):
    return next(s["id"] for s in (await admin.get(f"{V3}/services")).json["services"] if s["type"] == "compute")


async def _register(admin, name="cores", most=10, **more):
    body = {"service_id": await _service(admin), "resource_name": name, "default_limit": most} | more
    return (await admin.post(f"{V3}/registered_limits", {"registered_limits": [body]})).json["registered_limits"][0]


async def _limit(admin, most, **more):
    body = {"service_id": await _service(admin), "resource_name": "cores", "resource_limit": most} | more
    return await admin.post(f"{V3}/limits", {"limits": [body]})


async def test_registered_limits(keystone):
    admin = await keystone.as_()
    made = await _register(admin, region_id="RegionOne", description="d")
    path = f"{V3}/registered_limits/{made['id']}"
    assert (await admin.get(path)).json["registered_limit"] == made
    await _register(admin)  # the same without a region is another
    same = {"service_id": made["service_id"], "resource_name": "cores", "default_limit": 1}
    for again in (same, same | {"region_id": "RegionOne"}):
        body = {"registered_limits": [again | {"resource_name": "new"}, again]}
        assert (await admin.post(f"{V3}/registered_limits", body)).status == 409
    assert len((await admin.get(f"{V3}/registered_limits")).json["registered_limits"]) == 2  # all or none
    assert len((await admin.get(f"{V3}/registered_limits?region_id=RegionOne")).json["registered_limits"]) == 1
    changed = await admin.patch(path, {"registered_limit": {"default_limit": 5, "resource_name": "ram"}})
    assert changed.json["registered_limit"] == made | {"default_limit": 5, "resource_name": "ram"}
    for bad in (
        {"default_limit": -2},
        {"default_limit": 2**31},
        {"service_id": "nope"},
        {"region_id": "nope"},
        {"resource_name": "n" * 256},
        {"nope": 1},
    ):
        assert (await admin.patch(path, {"registered_limit": bad})).status == 400, bad
        assert (await admin.post(f"{V3}/registered_limits", {"registered_limits": [same | bad]})).status == 400, bad
    assert (await admin.delete(path)).status == 204 and (await admin.get(path)).status == 404


async def test_limits_and_who_sees_them(keystone):
    admin = await keystone.as_()
    _, project = await keystone.member("ann")
    assert (await _limit(admin, 3, project_id=project)).status == 403  # nothing is registered
    registered = await _register(admin)
    made = (await _limit(admin, 3, project_id=project)).json["limits"][0]
    assert made["project_id"] == project and made["domain_id"] is None and made["resource_limit"] == 3
    of_domain = (await _limit(admin, 2, domain_id="default")).json["limits"][0]
    assert (await _limit(admin, 4, project_id=project)).status == 409
    for bad in ({}, {"project_id": project, "domain_id": "default"}, {"project_id": "nope"}, {"domain_id": project}):
        assert (await _limit(admin, 1, **bad)).status == 400, bad
    path = f"{V3}/limits/{made['id']}"
    assert (await admin.patch(path, {"limit": {"resource_limit": 99}})).json["limit"] == made | {"resource_limit": 99}
    assert (await admin.patch(path, {"limit": {"project_id": "x"}})).status == 400
    ann = await keystone.as_("ann", "ann", project="ann")
    assert [x["id"] for x in (await ann.get(f"{V3}/limits")).json["limits"]] == [made["id"]]
    assert (await ann.get(path)).status == 200
    assert (await ann.get(f"{V3}/limits/{of_domain['id']}")).status == 403
    await keystone.member("bob")
    bob = await keystone.as_("bob", "bob", project="bob")
    assert (await bob.get(path)).status == 403 and (await bob.get(f"{V3}/limits")).json["limits"] == []
    assert len((await admin.get(f"{V3}/limits?domain_id=default")).json["limits"]) == 1
    above = f"{V3}/registered_limits/{registered['id']}"
    assert (await admin.delete(above)).status == 403
    assert (await admin.patch(above, {"registered_limit": {"resource_name": "x"}})).status == 403
    assert (await admin.patch(above, {"registered_limit": {"default_limit": 1}})).status == 200
    assert (await admin.delete(path)).status == 204
    assert (await ann.get(f"{V3}/limits/model")).json["model"]["name"] == "flat"


@pytest.mark.parametrize("other", [-1, 11])
async def test_two_levels(other):
    async with booted(limit_enforcement_model="strict_two_level") as keystone:
        admin = await keystone.as_()
        assert (await admin.get(f"{V3}/limits/model")).json["model"]["name"] == "strict_two_level"
        _, project = await keystone.member("ann")
        below = await admin.post(f"{V3}/projects", {"project": {"name": "below", "parent_id": project}})
        assert below.status == 403
        await _register(admin)
        assert (await _limit(admin, other, project_id=project)).status == 403  # the domain has the default: 10
        mine = (await _limit(admin, 8, project_id=project)).json["limits"][0]
        assert (await _limit(admin, 7, domain_id="default")).status == 403
        theirs = (await _limit(admin, 9, domain_id="default")).json["limits"][0]
        path = f"{V3}/limits/{mine['id']}"
        assert (await admin.patch(path, {"limit": {"resource_limit": 10}})).status == 403
        assert (await admin.get(path)).json["limit"]["resource_limit"] == 8
        assert (await admin.patch(f"{V3}/limits/{theirs['id']}", {"limit": {"resource_limit": -1}})).status == 200
        assert (await admin.patch(path, {"limit": {"resource_limit": other}})).status == 200
        service = await _service(admin)
        await _register(admin, "ram")
        both = [
            {"service_id": service, "resource_name": "ram", "resource_limit": 50, "project_id": project},
            {"service_id": service, "resource_name": "ram", "resource_limit": 60, "domain_id": "default"},
        ]
        assert (await admin.post(f"{V3}/limits", {"limits": both})).status == 201  # together they fit


async def test_two_levels_are_not_begun_over_a_deeper_tree(tmp_path):
    """Limits of projects that nobody counts would be worse than none. In the other model, and once moved, it starts."""
    url = f"sqlite:///{tmp_path}/db"
    async with booted(url) as keystone:
        admin = await keystone.as_()
        _, project = await keystone.member("ann")
        below = (await admin.post(f"{V3}/projects", {"project": {"name": "below", "parent_id": project}})).json["project"]["id"]
    with pytest.raises(TreeTooDeep, match=below):
        async with booted(url, limit_enforcement_model="strict_two_level"):
            pass
    async with booted(url) as keystone:
        assert (await (await keystone.as_()).delete(f"{V3}/projects/{below}")).status == 204
    async with booted(url, limit_enforcement_model="strict_two_level") as keystone:
        assert await keystone.as_()


async def test_two_levels_hold_whatever_changes_above():
    """A default that is lowered, or a domain's limit that is taken away, may leave no project with more than its domain."""
    async with booted(limit_enforcement_model="strict_two_level") as keystone:
        admin = await keystone.as_()
        _, project = await keystone.member("ann")
        registered = (await _register(admin))["id"]
        assert (await _limit(admin, 20, domain_id="default")).status == 201
        domain = (await admin.get(f"{V3}/limits?domain_id=default")).json["limits"][0]["id"]
        assert (await _limit(admin, 15, project_id=project)).status == 201
        assert (await admin.delete(f"{V3}/limits/{domain}")).status == 403  # the default is 10
        path = f"{V3}/registered_limits/{registered}"
        assert (await admin.patch(path, {"registered_limit": {"default_limit": 5}})).status == 200, "the domain has its own"
        assert (await admin.patch(path, {"registered_limit": {"default_limit": 15}})).status == 200
        assert (await admin.delete(f"{V3}/limits/{domain}")).status == 204
        assert (await admin.patch(path, {"registered_limit": {"default_limit": 14}})).status == 403
        assert (await admin.get(path)).json["registered_limit"]["default_limit"] == 15
        assert (await admin.patch(path, {"registered_limit": {"default_limit": -1}})).status == 200
