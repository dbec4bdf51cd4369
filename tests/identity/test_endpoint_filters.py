"""OS-EP-FILTER: what a project is shown of the catalog."""

from tests.identity.booted import V3

EP = f"{V3}/OS-EP-FILTER"


async def _catalog(caller):
    found = (await caller.get(f"{V3}/auth/catalog")).json["catalog"]
    return {s["type"]: sorted(e["interface"] for e in s["endpoints"]) for s in found}


async def _ids(admin):
    services = {s["type"]: s["id"] for s in (await admin.get(f"{V3}/services")).json["services"]}
    project = next(p["id"] for p in (await admin.get(f"{V3}/projects")).json["projects"] if p["name"] == "admin")
    return services, project


async def test_a_project_is_shown_what_it_was_given(keystone):
    admin = await keystone.as_()
    everything = await _catalog(admin)
    services, project = await _ids(admin)
    compute = (await admin.get(f"{V3}/endpoints?service_id={services['compute']}&interface=public")).json["endpoints"][0]
    path = f"{EP}/projects/{project}/endpoints/{compute['id']}"
    assert (await admin.request("HEAD", path)).status == 404 == (await admin.delete(path)).status
    assert [(await admin.put(path)).status for _ in range(2)] == [204, 204]
    assert (await admin.request("HEAD", path)).status == 204
    assert await _catalog(admin) == {"compute": ["public"]}
    assert (await admin.get(f"{EP}/projects/{project}/endpoints")).json["endpoints"] == [compute]
    assert [p["id"] for p in (await admin.get(f"{EP}/endpoints/{compute['id']}/projects")).json["projects"]] == [project]
    got = (await keystone.auth(scope={"project": {"id": project}})).json["token"]["catalog"]
    assert [s["type"] for s in got] == ["compute"]
    await keystone.member("other")
    assert await _catalog(await keystone.as_("other", "other", project="other")) == everything  # nobody else's is filtered
    assert (await admin.delete(path)).status == 204
    assert await _catalog(admin) == everything


async def test_groups_are_given_like_endpoints(keystone):
    admin = await keystone.as_()
    services, project = await _ids(admin)
    body = {"endpoint_group": {"name": "n", "filters": {"interface": "admin", "service_id": services["identity"]}}}
    made = (await admin.post(f"{EP}/endpoint_groups", body)).json["endpoint_group"]
    group = f"{EP}/endpoint_groups/{made['id']}"
    assert made["description"] is None and (await admin.get(group)).json["endpoint_group"] == made
    assert (await admin.get(f"{EP}/endpoint_groups?name=n")).json["endpoint_groups"] == [made]
    assert (await admin.get(f"{EP}/endpoint_groups?name=m")).json["endpoint_groups"] == []
    assert (await admin.request("HEAD", f"{group}/projects/{project}")).status == 404
    assert (await admin.put(f"{group}/projects/{project}")).status == 204
    pair = (await admin.get(f"{group}/projects/{project}")).json["project_endpoint_group"]
    assert pair["project_id"] == project and pair["endpoint_group_id"] == made["id"]
    assert await _catalog(admin) == {"identity": ["admin"]}
    assert (await admin.get(f"{EP}/projects/{project}/endpoint_groups")).json["endpoint_groups"] == [made]
    assert [p["id"] for p in (await admin.get(f"{group}/projects")).json["projects"]] == [project]
    narrower = {"interface": "internal", "service_id": services["identity"]}
    changed = (await admin.patch(group, {"endpoint_group": {"filters": narrower}})).json["endpoint_group"]
    assert changed["filters"] == narrower
    wider = await admin.patch(group, {"endpoint_group": {"filters": {}}})
    assert wider.json["endpoint_group"]["filters"] == {}
    assert (await admin.patch(group, {"endpoint_group": {"filters": narrower}})).status == 200
    assert await _catalog(admin) == {"identity": ["internal"]}
    assert [e["interface"] for e in (await admin.get(f"{group}/endpoints")).json["endpoints"]] == ["internal"]
    assert (await admin.delete(group)).status == 204
    assert "compute" in await _catalog(admin)


async def test_bad_input_changes_nothing(keystone):
    admin = await keystone.as_()
    for bad in (
        {"name": "n"},
        {"filters": {}},
        {"name": "n", "filters": {"url": "x"}},
        {"name": "n", "filters": {"interface": "secret"}},
        {"name": "n" * 256, "filters": {}},
    ):
        assert (await admin.post(f"{EP}/endpoint_groups", {"endpoint_group": bad})).status == 400, bad
    assert (await admin.get(f"{EP}/endpoint_groups")).json["endpoint_groups"] == []
    _, project = await _ids(admin)
    assert (await admin.put(f"{EP}/projects/{project}/endpoints/nope")).status == 404
    assert (await admin.put(f"{EP}/endpoint_groups/nope/projects/{project}")).status == 404
    await keystone.member("user")
    user = await keystone.as_("user", "user", project="user")
    assert (await user.get(f"{EP}/endpoint_groups")).status == 403


async def test_consumers(keystone):
    admin = await keystone.as_()
    path = f"{V3}/OS-OAUTH1/consumers"
    made = (await admin.post(path, {"consumer": {"description": "d", "note": 1}})).json["consumer"]
    secret = made.pop("secret")
    assert len(secret) == 32 and made["note"] == 1
    one = f"{path}/{made['id']}"
    assert (await admin.get(one)).json["consumer"] == made == (await admin.get(path)).json["consumers"][0]
    assert (await admin.patch(one, {"consumer": {"description": "e"}})).json["consumer"] == made | {"description": "e"}
    assert (await admin.patch(one, {"consumer": {"secret": "mine"}})).status == 400
    assert (await admin.delete(one)).status == 204 and (await admin.get(one)).status == 404
