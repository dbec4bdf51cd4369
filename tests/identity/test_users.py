"""Users and groups."""

import pytest

from tests.identity.booted import V3
from tests.identity.test_projects import create


async def test_a_user_as_created_shown_and_listed(keystone):
    admin = await keystone.as_()
    made = await create(admin, "user", name="ann", password="secret1", email="ann@example.org", description="an auntie")
    assert made == {
        "id": made["id"],
        "name": "ann",
        "domain_id": "default",
        "enabled": True,
        "options": {},
        "password_expires_at": None,
        "email": "ann@example.org",
        "description": "an auntie",
        "links": {"self": f"http://falconframework.org{V3}/users/{made['id']}"},
    }
    assert (await admin.get(f"{V3}/users/{made['id']}")).json["user"] == made
    assert (await admin.get(f"{V3}/users?name=ann")).json["users"] == [made]
    assert (await admin.get(f"{V3}/users?enabled=False")).json["users"] == []
    changed = await admin.patch(
        f"{V3}/users/{made['id']}", {"user": {"email": "a@b", "password": "secret2", "original_password": "secret1"}}
    )
    assert changed.json["user"] == made | {"email": "a@b"} and "secret" not in changed.text
    assert (await keystone.auth("ann", "secret2")).status == 201
    assert (await admin.delete(f"{V3}/users/{made['id']}")).status == 204
    assert (await admin.get(f"{V3}/users/{made['id']}")).status == 404
    assert (await keystone.auth("ann", "secret2")).status == 401


@pytest.mark.parametrize(
    "fields,status",
    [
        ({}, 400),
        ({"name": ""}, 400),
        ({"name": "x" * 256}, 400),
        ({"name": "x" * 255}, 201),
        ({"name": ["x"]}, 400),
        ({"name": "x", "enabled": 1}, 400),
        ({"name": "x", "password": 5}, 400),
        ({"name": "x", "password": ""}, 400),
        ({"name": "x", "password": None}, 201),
        ({"name": "x", "domain_id": "nope"}, 404),
        ({"name": "x", "default_project_id": "default"}, 400),
        ({"name": "admin"}, 409),
        ({"name": "x", "options": {"multi_factor_auth_enabled": True}}, 201),
        ({"name": "x", "options": {"multi_factor_auth_rules": ["password"]}}, 400),
        ({"name": "x", "options": {"multi_factor_auth_rules": [[]]}}, 400),
        ({"name": "x", "options": {"no_such_option": True}}, 400),
        ({"name": "x", "options": {"lock_password": "yes"}}, 400),
        ({"name": "x", "options": {"ignore_password_expiry": True}}, 201),
    ],
)
async def test_what_is_refused(keystone, fields, status):
    admin = await keystone.as_()
    got = await admin.post(f"{V3}/users", {"user": fields})
    assert got.status == status, got.text
    assert len((await admin.get(f"{V3}/users")).json["users"]) == (2 if status == 201 else 1)


async def test_what_a_user_may_act_on_and_is_in(keystone):
    user, project = await keystone.member("ann")
    admin = await keystone.as_()
    group = await create(admin, "group", name="g", description="d", note="n")
    await admin.put(f"{V3}/groups/{group['id']}/users/{user}")
    ann = await keystone.as_("ann", "ann", project="ann")
    assert [p["id"] for p in (await ann.get(f"{V3}/users/{user}/projects")).json["projects"]] == [project]
    assert (await ann.get(f"{V3}/users/{user}/groups")).json["groups"] == [group | {"membership_expires_at": None}]
    assert (await ann.get(f"{V3}/users/{user}")).json["user"]["name"] == "ann"
    assert (await admin.get(f"{V3}/users/nope/projects")).status == 404


async def test_groups_and_members(keystone):
    user, _ = await keystone.member("ann")
    admin = await keystone.as_()
    group = await create(admin, "group", name="g", description="d", note="n")
    assert group == {
        "id": group["id"],
        "name": "g",
        "domain_id": "default",
        "description": "d",
        "note": "n",
        "links": {"self": f"http://falconframework.org{V3}/groups/{group['id']}"},
    }
    path = f"{V3}/groups/{group['id']}"
    assert (await admin.get(path)).json["group"] == group == (await admin.get(f"{V3}/groups?name=g")).json["groups"][0]
    assert (await admin.patch(path, {"group": {"name": "h"}})).json["group"] == group | {"name": "h"}
    member = f"{path}/users/{user}"
    assert (await admin.head(member)).status == 404 and (await admin.delete(member)).status == 404
    assert (await admin.put(member)).status == 204 and (await admin.put(member)).status == 204
    assert (await admin.head(member)).status == 204 and (await admin.get(member)).status == 204
    assert [u["id"] for u in (await admin.get(f"{path}/users")).json["users"]] == [user]
    for nothing in (f"{path}/users/nope", f"{V3}/groups/nope/users/{user}"):
        assert [(await admin.request(m, nothing)).status for m in ("PUT", "GET", "DELETE")] == [404] * 3
    assert (await admin.delete(member)).status == 204 and (await admin.get(f"{path}/users")).json["users"] == []
    await admin.put(member)
    assert (await admin.delete(path)).status == 204 and (await admin.get(path)).status == 404
    assert (await admin.get(f"{V3}/users/{user}/groups")).json["groups"] == []


async def test_somebody_must_remain_who_can_administer(keystone):
    admin, identity = await keystone.as_(), keystone.identity
    me = (await identity.authenticate(admin.token)).user_id
    assert (await admin.delete(f"{V3}/users/{me}")).status == 403
    assert (await admin.patch(f"{V3}/users/{me}", {"user": {"enabled": False}})).status == 403
    group = (await create(admin, "group", name="admins"))["id"]
    role = (await identity.roles.find_named("admin")).id
    assert (await admin.put(f"{V3}/system/groups/{group}/roles/{role}")).status == 204
    await keystone.member("ann")
    ann = (await identity.users.find_named("ann", "default")).id
    await admin.put(f"{V3}/groups/{group}/users/{ann}")
    assert (await admin.delete(f"{V3}/users/{me}")).status == 204
    boss = await keystone.as_("ann", "ann", scope={"system": {"all": True}})
    for method, path in (
        ("DELETE", f"groups/{group}"),
        ("DELETE", f"groups/{group}/users/{ann}"),
        ("DELETE", f"users/{ann}"),
        ("DELETE", f"system/groups/{group}/roles/{role}"),
        ("DELETE", f"roles/{role}"),
    ):
        assert (await boss.request(method, f"{V3}/{path}")).status == 403, path
    assert (await boss.get(f"{V3}/users/{ann}")).status == 200


@pytest.mark.parametrize("way", ["password", "project deleted", "project disabled", "directory", "domain disabled", "role", "user"])
async def test_the_last_administrator_is_not_lost_by_one_call(keystone, way):
    """Whoever has the role but cannot log in, or has it on nothing that is enabled, does not count."""
    admin, identity = await keystone.as_(), keystone.identity
    elsewhere = (await create(admin, "domain", name="elsewhere"))["id"]
    project = (await create(admin, "project", name="tower", domain_id=elsewhere))["id"]
    boss = (await create(admin, "user", name="boss", domain_id=elsewhere, password="boss"))["id"]
    mute = (await create(admin, "user", name="mute"))["id"]
    off = (await create(admin, "project", name="off", enabled=False))["id"]
    role = (await identity.roles.find_named("admin")).id
    for path in (f"projects/{project}/users/{boss}", f"system/users/{mute}", f"projects/{off}/users/{boss}"):
        assert (await admin.put(f"{V3}/{path}/roles/{role}")).status == 204
    me = (await identity.authenticate(admin.token)).user_id
    assert (await admin.delete(f"{V3}/users/{me}")).status == 204
    caller = await keystone.as_("boss", "boss", domain="elsewhere", scope={"project": {"id": project}})
    before = [u["name"] for u in (await caller.get(f"{V3}/users")).json["users"]]
    method, path, body = {
        "password": ("PATCH", f"users/{boss}", {"user": {"password": None}}),
        "project deleted": ("DELETE", f"projects/{project}", None),
        "project disabled": ("PATCH", f"projects/{project}", {"project": {"enabled": False}}),
        "directory": ("PUT", f"domains/{elsewhere}/config", {"config": {"identity": {"driver": "ldap"}, "ldap": {"url": "ldap://x"}}}),
        "domain disabled": ("PATCH", f"domains/{elsewhere}", {"domain": {"enabled": False}}),
        "role": ("DELETE", f"projects/{project}/users/{boss}/roles/{role}", None),
        "user": ("DELETE", f"users/{boss}", None),
    }[way]
    got = await caller.request(method, f"{V3}/{path}", json=body)
    assert got.status == 403 and "nobody with the role admin" in got.text, got.text
    assert await keystone.works(caller.token), "nothing was changed"
    again = await keystone.auth("boss", "boss", domain="elsewhere", scope={"project": {"id": project}})
    assert again.status == 201 and [u["name"] for u in (await caller.get(f"{V3}/users")).json["users"]] == before
