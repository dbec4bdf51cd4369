"""Domains, projects, their trees and tags."""

import pytest

from tests.identity.booted import V3, booted


async def create(caller, kind, **fields):
    got = await caller.post(f"{V3}/{kind}s", {kind: fields})
    assert got.status == 201, got.text
    return got.json[kind]


async def names(caller, query, kind="projects"):
    got = await caller.get(f"{V3}/{kind}{query}")
    assert got.status == 200, got.text
    return [p["name"] for p in got.json[kind]]


async def test_a_project_as_created_shown_and_listed(keystone):
    admin = await keystone.as_()
    made = await create(admin, "project", name="  p1 ", color="blue", tags=["a", "b"])
    assert made == {
        "id": made["id"],
        "name": "p1",
        "domain_id": "default",
        "parent_id": "default",
        "description": "",
        "enabled": True,
        "is_domain": False,
        "tags": ["a", "b"],
        "options": {},
        "color": "blue",
        "links": {"self": f"http://falconframework.org{V3}/projects/{made['id']}"},
    }
    assert (await admin.get(f"{V3}/projects/{made['id']}")).json["project"] == made
    listed = (await admin.get(f"{V3}/projects?name=p1")).json
    assert listed["projects"] == [made] and listed["links"]["self"].endswith(f"{V3}/projects?name=p1")
    changed = (await admin.patch(f"{V3}/projects/{made['id']}", {"project": {"description": None, "size": 3}})).json["project"]
    assert changed == made | {"description": None, "size": 3}
    assert (await admin.delete(f"{V3}/projects/{made['id']}")).status == 204
    assert (await admin.get(f"{V3}/projects/{made['id']}")).status == 404
    assert (await admin.delete(f"{V3}/projects/{made['id']}")).status == 404


async def test_a_domain_as_created_shown_and_listed(keystone):
    admin = await keystone.as_()
    made = await create(admin, "domain", name="d1")
    assert made == {
        "id": made["id"],
        "name": "d1",
        "description": "",
        "enabled": True,
        "tags": [],
        "options": {},
        "links": {"self": f"http://falconframework.org{V3}/domains/{made['id']}"},
    }
    assert (await admin.get(f"{V3}/domains/{made['id']}")).json["domain"] == made
    as_project = (await admin.get(f"{V3}/projects/{made['id']}")).json["project"]
    assert (as_project["is_domain"], as_project["domain_id"], as_project["parent_id"]) == (True, None, None)
    assert set(await names(admin, "", "domains")) == {"Default", "d1"} and await names(admin, "?enabled=false", "domains") == []
    assert "d1" not in await names(admin, "") and set(await names(admin, "?is_domain=true")) == {"Default", "d1"}
    assert (await admin.get(f"{V3}/domains/{(await create(admin, 'project', name='p'))['id']}")).status == 404


async def test_a_project_that_is_a_domain(keystone):
    admin = await keystone.as_()
    made = await create(admin, "project", name="d1", is_domain=True)
    assert made["domain_id"] is None and "d1" in await names(admin, "", "domains")
    assert (await admin.post(f"{V3}/projects", {"project": {"name": "x", "is_domain": True, "parent_id": "default"}})).status == 400
    path = f"{V3}/projects/{made['id']}"
    assert (await admin.delete(path)).status == 403
    assert (await admin.patch(path, {"project": {"is_domain": False}})).status == 400
    assert (await admin.patch(path, {"project": {"enabled": False}})).status == 200
    assert (await admin.delete(path)).status == 204


async def test_deleting_a_domain_takes_everything_in_it(keystone):
    admin, identity = await keystone.as_(), keystone.identity
    domain = (await create(admin, "domain", name="d1"))["id"]
    project = await create(admin, "project", name="p", domain_id=domain)
    child = await create(admin, "project", name="q", domain_id=domain, parent_id=project["id"])
    user, group = await create(admin, "user", name="u", domain_id=domain), await create(admin, "group", name="g", domain_id=domain)
    role = await create(admin, "role", name="r", domain_id=domain)
    outside = (await keystone.member("ann"))[0]
    await admin.patch(f"{V3}/users/{outside}", {"user": {"default_project_id": child["id"]}})
    await identity.assign_role("member", user_id=outside, project_id=child["id"])
    await identity.assign_role("member", user_id=user["id"], project_id=(await identity.ensure_project("ann")).id)

    refused = await admin.delete(f"{V3}/domains/{domain}")
    assert refused.status == 403 and "disable" in refused.json["error"]["message"]
    await admin.patch(f"{V3}/domains/{domain}", {"domain": {"enabled": False}})
    assert (await admin.delete(f"{V3}/domains/{domain}")).status == 204
    for path in (
        f"domains/{domain}",
        f"projects/{project['id']}",
        f"projects/{child['id']}",
        f"users/{user['id']}",
        f"groups/{group['id']}",
        f"roles/{role['id']}",
    ):
        assert (await admin.get(f"{V3}/{path}")).status == 404, path
    left = (await admin.get(f"{V3}/role_assignments")).json["role_assignments"]
    assert len(left) == 3  # the administrator's two, and ann's on her own project
    assert "default_project_id" not in (await admin.get(f"{V3}/users/{outside}")).json["user"]


async def test_the_default_domain_stays(keystone):
    admin = await keystone.as_()
    assert (await admin.delete(f"{V3}/domains/default")).status == 403
    assert (await admin.patch(f"{V3}/domains/default", {"domain": {"enabled": False}})).status == 403
    assert (await keystone.auth()).status == 201


async def test_trees(keystone):
    admin = await keystone.as_()
    top = await create(admin, "project", name="top")
    middle = await create(admin, "project", name="middle", parent_id=top["id"])
    low = await create(admin, "project", name="low", parent_id=middle["id"], domain_id="default")
    other = await create(admin, "project", name="other", parent_id=top["id"])

    async def show(project, query):
        return (await admin.get(f"{V3}/projects/{project['id']}?{query}")).json["project"]

    assert (await show(low, "parents_as_ids"))["parents"] == {middle["id"]: {top["id"]: {"default": None}}}
    assert (await show(top, "subtree_as_ids"))["subtree"] == {middle["id"]: {low["id"]: None}, other["id"]: None}
    assert (await show(low, "subtree_as_ids=true"))["subtree"] is None
    assert (await show(top, "subtree_as_list"))["subtree"] == []  # of those the caller has a role on
    me = (await keystone.identity.authenticate(admin.token)).user_id
    await keystone.identity.assign_role("reader", user_id=me, project_id=middle["id"])
    assert [p["project"]["id"] for p in (await show(top, "subtree_as_list"))["subtree"]] == [middle["id"]]
    assert [p["project"]["id"] for p in (await show(low, "parents_as_list"))["parents"]] == [middle["id"]]
    assert (await admin.get(f"{V3}/projects/{top['id']}?parents_as_list&parents_as_ids")).status == 400
    assert sorted(await names(admin, f"?parent_id={top['id']}")) == ["middle", "other"]

    path = f"{V3}/projects/{middle['id']}"
    assert (await admin.delete(path)).status == 403
    assert (await admin.patch(path, {"project": {"enabled": False}})).status == 403
    assert (await admin.patch(path, {"project": {"parent_id": other["id"]}})).status == 403
    assert (await admin.patch(path, {"project": {"parent_id": low["id"]}})).status == 403  # not in a circle either
    assert (await admin.patch(path, {"project": {"parent_id": top["id"]}})).status == 200
    for project in (low, middle):
        assert (await admin.patch(f"{V3}/projects/{project['id']}", {"project": {"enabled": False}})).status == 200
    assert (await admin.patch(f"{V3}/projects/{low['id']}", {"project": {"enabled": True}})).status == 403
    assert (await admin.post(f"{V3}/projects", {"project": {"name": "x", "parent_id": low["id"]}})).status == 400


async def test_depth_is_limited():
    async with booted(max_project_depth=3) as keystone:
        admin, parent = await keystone.as_(), None
        for level in range(3):
            parent = (await create(admin, "project", name=f"p{level}", parent_id=parent))["id"]
        assert (await admin.post(f"{V3}/projects", {"project": {"name": "p3", "parent_id": parent}})).status == 403


@pytest.mark.parametrize(
    "kind,fields,status",
    [
        ("project", {}, 400),
        ("project", {"name": ""}, 400),
        ("project", {"name": "   "}, 400),
        ("project", {"name": "x" * 65}, 400),
        ("project", {"name": 7}, 400),
        ("project", {"name": "x", "enabled": "no"}, 400),
        ("project", {"name": "x", "domain_id": "nope"}, 400),
        ("project", {"name": "x", "parent_id": "nope"}, 400),
        ("project", {"name": "x", "parent_id": "../etc"}, 400),
        ("project", {"name": "x", "tags": ["a/b"]}, 400),
        ("project", {"name": "x", "tags": ["t"] * 81}, 400),
        ("project", {"name": "x", "options": {"unknown": 1}}, 400),
        ("project", {"name": "x", "description": 5}, 400),
        ("project", {"name": "admin"}, 409),
        ("project", {"name": "x", "domain_id": "default", "parent_id": "default"}, 201),
        ("domain", {"name": ""}, 400),
        ("domain", {"name": "x" * 65}, 400),
        ("domain", {}, 400),
        ("domain", {"name": "Default"}, 409),
        ("domain", {"name": "x", "enabled": None}, 400),
    ],
)
async def test_what_is_refused_changes_nothing(keystone, kind, fields, status):
    admin = await keystone.as_()
    before = (await admin.get(f"{V3}/{kind}s")).json
    got = await admin.post(f"{V3}/{kind}s", {kind: fields})
    assert got.status == status, got.text
    if status >= 400:
        assert got.json["error"]["code"] == status and got.json["error"]["message"]
        assert (await admin.get(f"{V3}/{kind}s")).json == before


async def test_ids_and_domains_do_not_change(keystone):
    admin = await keystone.as_()
    other = await create(admin, "domain", name="d1")
    for kind in ("project", "user", "group"):
        made = await create(admin, kind, name="x")
        path = f"{V3}/{kind}s/{made['id']}"
        assert (await admin.patch(path, {kind: {"id": "other"}})).status == 400
        assert (await admin.patch(path, {kind: {}})).status == (200 if kind == "project" else 400)
        assert (await admin.patch(path, {kind: {"domain_id": other["id"]}})).status == 400
        assert (await admin.patch(path, {kind: {"domain_id": "default", "name": "y"}})).status == 200
        assert (await admin.post(f"{V3}/{kind}s", {kind: {"name": "y"}})).status == 409
        assert (await admin.post(f"{V3}/{kind}s", {kind: {"name": "y", "domain_id": other["id"]}})).status == 201
        assert (await admin.patch(path, {kind: {"name": "   "}})).status == 400
        clash = await create(admin, kind, name="z")
        assert (await admin.patch(f"{V3}/{kind}s/{clash['id']}", {kind: {"name": "y"}})).status == 409
        assert (await admin.get(f"{V3}/{kind}s/{clash['id']}")).json[kind]["name"] == "z"


async def test_two_parents_that_contradict_each_other(keystone):
    admin = await keystone.as_()
    other = await create(admin, "domain", name="d1")
    top = await create(admin, "project", name="top")
    assert (
        await admin.post(f"{V3}/projects", {"project": {"name": "x", "domain_id": other["id"], "parent_id": top["id"]}})
    ).status == 400
    assert (
        await admin.post(f"{V3}/projects", {"project": {"name": "x", "domain_id": other["id"], "parent_id": "default"}})
    ).status == 400


async def test_immutable_until_it_is_not(keystone):
    admin = await keystone.as_()
    for kind in ("project", "role", "domain"):
        made = await create(admin, kind, name="x", options={"immutable": True}, **({"enabled": False} if kind == "domain" else {}))
        path = f"{V3}/{kind}s/{made['id']}"
        assert (await admin.delete(path)).status == 403
        assert (await admin.patch(path, {kind: {"name": "y"}})).status == 403
        assert (await admin.patch(path, {kind: {"name": "y", "options": {"immutable": False}}})).status == 403
        assert (await admin.patch(path, {kind: {"options": {"immutable": None}}})).json[kind]["options"] == {}
        assert (await admin.delete(path)).status == 204


async def test_filters(keystone):
    admin = await keystone.as_()
    for name in ("alpha", "alphabet", "beta_1", "beta%2"):
        await create(admin, "project", name=name, enabled=name != "beta_1")
    assert await names(admin, "?name=alpha") == ["alpha"]
    assert await names(admin, "?name__contains=pha") == ["alpha", "alphabet"]
    assert await names(admin, "?name__icontains=PHA") == ["alpha", "alphabet"]
    assert await names(admin, "?name__startswith=beta") == ["beta%2", "beta_1"]
    assert await names(admin, "?name__endswith=bet") == ["alphabet"]
    assert await names(admin, "?name__contains=a_") == ["beta_1"]  # no wildcards
    assert await names(admin, "?name__contains=%25") == ["beta%2"]
    for no in ("false", "False", "0"):
        assert await names(admin, f"?enabled={no}") == ["beta_1"]
    for yes in ("true", "True", "1", ""):
        assert "beta_1" not in await names(admin, f"?enabled={yes}")
    assert len(await names(admin, "?unknown=1&name__regex=x")) == 5


async def test_tags(keystone):
    admin = await keystone.as_()
    one = (await create(admin, "project", name="one", tags=["a", "b"]))["id"]
    await create(admin, "project", name="two", tags=["b"])
    path = f"{V3}/projects/{one}/tags"
    assert (await admin.get(path)).json["tags"] == ["a", "b"]
    assert (await admin.put(path + "/c")).status == 201 and (await admin.put(path + "/c")).status == 201
    assert (await admin.get(path + "/c")).status == 204 and (await admin.get(path + "/d")).status == 404
    for query, found in (
        ("tags=b", ["one", "two"]),
        ("tags=a,b", ["one"]),
        ("tags-any=a,b", ["one", "two"]),
        ("not-tags=a,b", ["admin", "two"]),
        ("not-tags-any=a,c", ["admin", "two"]),
        ("tags=b&not-tags=c", ["two"]),
    ):
        assert await names(admin, f"?{query}") == found, query
    assert (await admin.delete(path + "/c")).status == 204 and (await admin.delete(path + "/c")).status == 404
    assert (await admin.put(path, {"tags": ["x", "y"]})).json["tags"] == ["x", "y"]
    for bad in (["x", "x"], ["a,b"], [""], [1], "x", [f"t{i}" for i in range(81)]):
        assert (await admin.put(path, {"tags": bad})).status == 400
    await admin.put(path, {"tags": [f"t{i}" for i in range(80)]})
    assert (await admin.put(path + "/more")).status == 400 and (await admin.put(path + "/a,b")).status == 400
    assert (await admin.delete(path)).status == 204 and (await admin.get(path)).json["tags"] == []
