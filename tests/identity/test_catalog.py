"""Services, endpoints, regions, and the catalog made of them."""

import pytest

from tests.identity.booted import V3
from tests.identity.test_projects import create

SELF = f"http://falconframework.org{V3}"


async def test_services(keystone):
    admin = await keystone.as_()
    made = await create(admin, "service", type="dns", name="designate", description="names")
    assert made == {
        "id": made["id"],
        "type": "dns",
        "name": "designate",
        "description": "names",
        "enabled": True,
        "links": {"self": f"{SELF}/services/{made['id']}"},
    }
    path = f"{V3}/services/{made['id']}"
    assert (await admin.get(path)).json["service"] == made == (await admin.get(f"{V3}/services?type=dns")).json["services"][0]
    assert (await admin.patch(path, {"service": {"name": "d", "color": "red"}})).json["service"] == made | {
        "name": "d",
        "color": "red",
    }
    for bad in ({}, {"type": ""}, {"type": 1}, {"type": "x", "enabled": "True"}, {"type": "x", "name": "n" * 256}):
        assert (await admin.post(f"{V3}/services", {"service": bad})).status == 400, bad
    endpoint = await create(admin, "endpoint", service_id=made["id"], interface="public", url="http://x")
    assert (
        (await admin.delete(path)).status == 204
        and (await admin.get(path)).status == 404
        and (await admin.delete(path)).status == 404
    )
    assert (await admin.get(f"{V3}/endpoints/{endpoint['id']}")).status == 404


async def test_endpoints(keystone):
    admin = await keystone.as_()
    service = (await create(admin, "service", type="dns"))["id"]
    made = await create(admin, "endpoint", service_id=service, interface="public", url="http://x", region="New", name="n")
    assert made == {
        "id": made["id"],
        "service_id": service,
        "interface": "public",
        "url": "http://x",
        "region": "New",
        "region_id": "New",
        "enabled": True,
        "name": "n",
        "links": {"self": f"{SELF}/endpoints/{made['id']}"},
    }
    assert (await admin.get(f"{V3}/regions/New")).status == 200  # the older spelling makes the region
    path = f"{V3}/endpoints/{made['id']}"
    for query in (f"service_id={service}", "region_id=New", f"interface=public&service_id={service}"):
        assert (await admin.get(f"{V3}/endpoints?{query}")).json["endpoints"] == [made]
    changed = await admin.patch(path, {"endpoint": {"interface": "admin", "region_id": None, "url": "http://y", "enabled": False}})
    assert changed.json["endpoint"] == made | {
        "interface": "admin",
        "region": None,
        "region_id": None,
        "url": "http://y",
        "enabled": False,
    }
    for bad in (
        {"enabled": "False"},
        {"interface": "secret"},
        {"url": "nonsense"},
        {"url": ""},
        {"service_id": "nope"},
        {"region_id": "nope"},
        {"url": "http://x/$(password)s"},
        {"url": "http://x/$(project_id"},
        {"url": "http://x/%(tenant_id)d"},
    ):
        assert (await admin.patch(path, {"endpoint": bad})).status == 400, bad
        full = {"service_id": service, "interface": "public", "url": "http://x"} | bad
        assert (await admin.post(f"{V3}/endpoints", {"endpoint": full})).status == 400, bad
    for missing in ("service_id", "interface", "url"):
        full = {"service_id": service, "interface": "public", "url": "http://x"}
        del full[missing]
        assert (await admin.post(f"{V3}/endpoints", {"endpoint": full})).status == 400
    assert (await admin.get(path)).json["endpoint"] == changed.json["endpoint"]
    assert (await admin.delete(path)).status == 204 and (await admin.delete(path)).status == 404


async def test_regions(keystone):
    admin = await keystone.as_()
    assert (await create(admin, "region"))["id"]
    top = await create(admin, "region", id="top", description="all")
    assert top == {"id": "top", "description": "all", "parent_region_id": None, "links": {"self": f"{SELF}/regions/top"}}
    put = await admin.put(f"{V3}/regions/low", {"region": {"parent_region_id": "top"}})
    assert put.status == 201 and put.json["region"]["id"] == "low" and put.json["region"]["description"] == ""
    assert (
        (await admin.put(f"{V3}/regions/low", {"region": {}})).status
        == 409
        == (await admin.post(f"{V3}/regions", {"region": {"id": "low"}})).status
    )
    assert (await admin.put(f"{V3}/regions/x", {"region": {"id": "y"}})).status == 400
    assert (await admin.post(f"{V3}/regions", {"region": {"id": "z", "parent_region_id": "nope"}})).status == 404
    assert (await admin.post(f"{V3}/regions", {"region": {"id": "r" * 256}})).status == 400
    assert [r["id"] for r in (await admin.get(f"{V3}/regions?parent_region_id=top")).json["regions"]] == ["low"]
    for loop in ("top", "low"):
        assert (await admin.patch(f"{V3}/regions/top", {"region": {"parent_region_id": loop}})).status == 400
    assert (await admin.patch(f"{V3}/regions/low", {"region": {"description": "new"}})).json["region"]["parent_region_id"] == "top"
    assert (await admin.delete(f"{V3}/regions/RegionOne")).status == 403  # endpoints are in it
    service = (await create(admin, "service", type="dns"))["id"]
    endpoint = await create(admin, "endpoint", service_id=service, interface="public", url="http://x", region_id="low")
    assert (await admin.delete(f"{V3}/regions/top")).status == 403
    await admin.delete(f"{V3}/endpoints/{endpoint['id']}")
    assert (await admin.delete(f"{V3}/regions/top")).status == 204
    assert [(await admin.get(f"{V3}/regions/{r}")).status for r in ("top", "low")] == [404, 404]


async def test_the_catalog_follows_at_once(keystone):
    admin = await keystone.as_()

    async def shown():
        catalog = (await admin.get(f"{V3}/auth/catalog")).json["catalog"]
        return {s["type"]: sorted(e["url"] for e in s["endpoints"]) for s in catalog}

    before = await shown()
    assert before["compute"] == ["http://cloud/compute/v2.1"] * 3
    service = (await create(admin, "service", type="dns", name="d"))["id"]
    assert (await shown())["dns"] == []
    endpoint = (await create(admin, "endpoint", service_id=service, interface="public", url="http://x/$(project_id)s/%(user_id)s"))[
        "id"
    ]
    who = await keystone.identity.authenticate(admin.token)
    assert (await shown())["dns"] == [f"http://x/{who.project_id}/{who.user_id}"]
    await admin.patch(f"{V3}/endpoints/{endpoint}", {"endpoint": {"enabled": False}})
    assert (await shown())["dns"] == []
    await admin.patch(f"{V3}/services/{service}", {"service": {"enabled": False}})
    assert await shown() == before


@pytest.mark.parametrize("times", [1, 2])
async def test_bootstrap_may_run_again_and_follows_a_move(keystone, times):
    admin = await keystone.as_()
    before = [
        (await admin.get(f"{V3}/{what}")).json
        for what in ("roles", "users", "projects", "domains", "services", "regions", "role_assignments", "role_inferences")
    ]
    generations = dict(keystone.identity.core.generations.known)
    from tests.identity.booted import CATALOG

    for _ in range(times):
        await keystone.identity.bootstrap(admin_password="secret", services=CATALOG)
    assert keystone.identity.core.generations.known == generations and await keystone.works(admin.token)
    moved = [(kind, name, url.replace("cloud", "moved"), *more) for kind, name, url, *more in CATALOG]
    await keystone.identity.bootstrap(admin_password="other", services=moved)
    admin = await keystone.as_("admin", "other")
    after = [
        (await admin.get(f"{V3}/{what}")).json
        for what in ("roles", "users", "projects", "domains", "services", "regions", "role_assignments", "role_inferences")
    ]
    assert after == before
    endpoints = (await admin.get(f"{V3}/endpoints")).json["endpoints"]
    assert len(endpoints) == 12 and all(e["url"].startswith("http://moved/") for e in endpoints)


async def test_policy_files(keystone):
    admin = await keystone.as_()
    made = (await admin.post(f"{V3}/policies", {"policy": {"type": "application/json", "blob": '{"a": "b"}', "note": 1}})).json[
        "policy"
    ]
    assert made == {
        "id": made["id"],
        "type": "application/json",
        "blob": '{"a": "b"}',
        "note": 1,
        "links": {"self": f"{SELF}/policies/{made['id']}"},
    }
    path = f"{V3}/policies/{made['id']}"
    assert (
        (await admin.get(path)).json["policy"]
        == made
        == (await admin.get(f"{V3}/policies?type=application/json")).json["policies"][0]
    )
    assert (await admin.get(f"{V3}/policies?type=other")).json["policies"] == []
    assert (await admin.patch(path, {"policy": {"blob": "new", "more": 2}})).json["policy"] == made | {"blob": "new", "more": 2}
    for bad in ({}, {"type": "x"}, {"blob": "x"}, {"type": "x", "blob": {"a": "b"}}, {"type": "t" * 256, "blob": ""}):
        assert (await admin.post(f"{V3}/policies", {"policy": bad})).status == 400
    assert (await admin.delete(path)).status == 204 and (await admin.get(path)).status == 404
