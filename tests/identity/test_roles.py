"""Roles, implications, grants, and the list of role assignments."""

import pytest

from tests.identity.booted import V3
from tests.identity.test_projects import create

SELF = f"http://falconframework.org{V3}"


async def test_a_role_as_created_shown_and_listed(keystone):
    admin = await keystone.as_()
    made = await create(admin, "role", name="auditor", description="reads", level=3)
    assert made == {
        "id": made["id"],
        "name": "auditor",
        "domain_id": None,
        "description": "reads",
        "options": {},
        "level": 3,
        "links": {"self": f"{SELF}/roles/{made['id']}"},
    }
    path = f"{V3}/roles/{made['id']}"
    assert (await admin.get(path)).json["role"] == made == (await admin.get(f"{V3}/roles?name=auditor")).json["roles"][0]
    assert (await admin.patch(path, {"role": {"name": "b"}})).json["role"] == made | {"name": "b"}
    assert (await admin.post(f"{V3}/roles", {"role": {"name": "b"}})).status == 409
    for bad in (
        {},
        {"name": ""},
        {"name": "x" * 256},
        {"name": 1},
        {"name": "x", "domain_id": "no such"},
        {"name": "x", "options": {"y": 1}},
    ):
        assert (await admin.post(f"{V3}/roles", {"role": bad})).status == 400, bad
    assert (await admin.post(f"{V3}/roles", {"role": {"name": "x", "domain_id": "nope"}})).status == 404
    assert (await admin.delete(path)).status == 204 and (await admin.get(path)).status == 404


async def test_domain_roles_are_a_world_of_their_own(keystone):
    admin = await keystone.as_()
    domain, other = [(await create(admin, "domain", name=n))["id"] for n in ("d1", "d2")]
    role = await create(admin, "role", name="member", domain_id=domain)
    listed = (await admin.get(f"{V3}/roles?domain_id={domain}")).json["roles"]
    assert listed == [role] and role["domain_id"] == domain
    assert role["id"] not in [r["id"] for r in (await admin.get(f"{V3}/roles")).json["roles"]]
    user, project = await keystone.member("ann")
    inside = (await create(admin, "project", name="p", domain_id=domain))["id"]
    assert (await admin.put(f"{V3}/projects/{project}/users/{user}/roles/{role['id']}")).status == 403
    assert (await admin.put(f"{V3}/domains/{other}/users/{user}/roles/{role['id']}")).status == 204, "domains are not checked"
    assert (await admin.put(f"{V3}/system/users/{user}/roles/{role['id']}")).status == 400
    assert (await admin.put(f"{V3}/projects/{inside}/users/{user}/roles/{role['id']}")).status == 204
    # It is no role of a token, but what it implies is.
    scope = {"project": {"id": inside}}
    assert (await keystone.auth("ann", "ann", scope=scope)).status == 401
    reader = (await keystone.identity.roles.find_named("reader")).id
    assert (await admin.put(f"{V3}/roles/{reader}/implies/{role['id']}")).status == 403
    assert (await admin.put(f"{V3}/roles/{role['id']}/implies/{reader}")).status == 201
    assert [r["name"] for r in (await keystone.auth("ann", "ann", scope=scope)).json["token"]["roles"]] == ["reader"]
    assert (await admin.patch(f"{V3}/roles/{role['id']}", {"role": {"domain_id": other}})).status == 400


async def test_implications(keystone):
    admin = await keystone.as_()
    a, b, c = [(await create(admin, "role", name=n))["id"] for n in "abc"]
    for prior, implied in ((a, b), (b, c)):
        got = await admin.put(f"{V3}/roles/{prior}/implies/{implied}")
        assert got.status == 201 and got.json["role_inference"]["implies"]["id"] == implied
    for prior, implied in ((c, a), (b, a), (a, a)):
        assert (await admin.put(f"{V3}/roles/{prior}/implies/{implied}")).status == 403  # no circles
    path = f"{V3}/roles/{a}/implies/{b}"
    got = await admin.get(path)
    assert (got.status, got.json["role_inference"]["prior_role"]["id"]) == (200, a)
    assert (await admin.head(path)).status == 204
    assert [r["id"] for r in (await admin.get(f"{V3}/roles/{a}/implies")).json["role_inference"]["implies"]] == [b]
    inferences = {
        i["prior_role"]["name"]: [r["name"] for r in i["implies"]]
        for i in (await admin.get(f"{V3}/role_inferences")).json["role_inferences"]
    }
    assert inferences == {"a": ["b"], "b": ["c"], "admin": ["manager"], "manager": ["member"], "member": ["reader"]}
    user, project = await keystone.member("ann")
    await admin.put(f"{V3}/projects/{project}/users/{user}/roles/{a}")
    assert (await keystone.identity.authenticate(await keystone.token("ann"))).roles == {"a", "b", "c", "member", "reader"}
    assert (
        (await admin.delete(path)).status == 204
        and (await admin.delete(path)).status == 404
        and (await admin.get(path)).status == 404
    )
    assert (await admin.put(f"{V3}/roles/{a}/implies/nope")).status == 404
    top = (await keystone.identity.roles.find_named("admin")).id
    assert (await admin.put(f"{V3}/roles/{a}/implies/{top}")).status == 403  # nothing makes administrators by the way


async def test_the_default_roles_cannot_be_touched(keystone):
    admin = await keystone.as_()
    roles = (await admin.get(f"{V3}/roles")).json["roles"]
    assert {"admin", "member", "reader"} <= {role["name"] for role in roles}
    for role in roles:
        assert (await admin.delete(f"{V3}/roles/{role['id']}")).status == 403
        assert (await admin.patch(f"{V3}/roles/{role['id']}", {"role": {"name": "x"}})).status == 403


#: Nothing is below the system that could inherit.
@pytest.mark.parametrize("on, inherited", [("project", False), ("project", True), ("domain", False), ("domain", True), ("system", False)])
@pytest.mark.parametrize("actor", ["user", "group"])
async def test_grants(keystone, on, actor, inherited):
    admin = await keystone.as_()
    who = (await create(admin, actor, name="w"))["id"]
    target = "system" if on == "system" else f"{on}s/{(await create(admin, on, name='t'))['id']}"
    role = (await create(admin, "role", name="r"))["id"]
    prefix, suffix = (f"{V3}/OS-INHERIT", "/inherited_to_projects") if inherited else (V3, "")
    roles = f"{prefix}/{target}/{actor}s/{who}/roles"
    one = f"{roles}/{role}{suffix}"
    listed = roles + suffix
    assert (
        (await admin.get(listed)).json["roles"] == []
        and (await admin.head(one)).status == 404
        and (await admin.delete(one)).status == 404
    )
    assert (await admin.put(one)).status == 204 and (await admin.put(one)).status == 204
    assert (await admin.head(one)).status == 204 and (await admin.get(one)).status == 204
    assert [r["name"] for r in (await admin.get(listed)).json["roles"]] == ["r"]
    if on != "system":  # the other kind is another assignment
        assert (
            await admin.head(
                f"{V3}/{target}/{actor}s/{who}/roles/{role}"
                if inherited
                else f"{V3}/OS-INHERIT/{target}/{actor}s/{who}/roles/{role}/inherited_to_projects"
            )
        ).status == 404
    assert (await admin.delete(one)).status == 204 and (await admin.head(one)).status == 404
    missing = [one.replace(role, "nope"), one.replace(who, "nope")] + (
        [one.replace(target.split("/")[1], "nope")] if on != "system" else []
    )
    for path in missing:
        assert (await admin.put(path)).status == 404 and (await admin.get(path)).status == 404, path
    if on == "domain":
        project = (await keystone.identity.ensure_project("p")).id
        assert (await admin.put(one.replace(target, f"domains/{project}"))).status == 404


async def tangle(keystone):
    """ann: reader of `low` by herself, clerk on all below `top` by a group; clerk implies reader."""
    admin = await keystone.as_()
    top = await create(admin, "project", name="top")
    low = await create(admin, "project", name="low", parent_id=top["id"])
    user, group, role = [
        (await create(admin, kind, name=n))["id"] for kind, n in (("user", "ann"), ("group", "g"), ("role", "clerk"))
    ]
    reader = (await keystone.identity.roles.find_named("reader")).id
    for path in (
        f"groups/{group}/users/{user}",
        f"roles/{role}/implies/{reader}",
        f"projects/{low['id']}/users/{user}/roles/{reader}",
        f"OS-INHERIT/projects/{top['id']}/groups/{group}/roles/{role}/inherited_to_projects",
    ):
        assert (await admin.put(f"{V3}/{path}")).status in (201, 204)
    return admin, top["id"], low["id"], user, group, role, reader


async def test_role_assignments_as_given(keystone):
    admin, top, low, user, group, role, reader = await tangle(keystone)

    async def listed(query):
        return (await admin.get(f"{V3}/role_assignments?{query}")).json["role_assignments"]

    direct = {
        "scope": {"project": {"id": low}},
        "user": {"id": user},
        "role": {"id": reader},
        "links": {"assignment": f"{SELF}/projects/{low}/users/{user}/roles/{reader}"},
    }
    handed_down = {
        "scope": {"project": {"id": top}, "OS-INHERIT:inherited_to": "projects"},
        "group": {"id": group},
        "role": {"id": role},
        "links": {"assignment": f"{SELF}/OS-INHERIT/projects/{top}/groups/{group}/roles/{role}/inherited_to_projects"},
    }
    assert (
        await listed(f"user.id={user}") == [direct] == await listed(f"scope.project.id={low}") == await listed(f"role.id={reader}")
    )
    assert await listed(f"group.id={group}") == [handed_down] == await listed("scope.OS-INHERIT:inherited_to=projects")
    both = await listed(f"scope.project.id={top}&include_subtree")
    assert len(both) == 2 and direct in both and handed_down in both
    system = await listed("scope.system=all")
    assert (
        len(system) == 1
        and system[0]["scope"] == {"system": {"all": True}}
        and "/v3/system/users/" in system[0]["links"]["assignment"]
    )
    named = (await listed(f"user.id={user}&include_names"))[0]
    assert named["user"] == {"id": user, "name": "ann", "domain": {"id": "default", "name": "Default"}}
    assert named["role"] == {"id": reader, "name": "reader"} and named["scope"]["project"]["domain"] == {
        "id": "default",
        "name": "Default",
    }
    assert await listed("user.id=nobody") == []


async def test_role_assignments_in_effect(keystone):
    admin, top, low, user, group, role, reader = await tangle(keystone)
    given = f"{SELF}/OS-INHERIT/projects/{top}/groups/{group}/roles/{role}/inherited_to_projects"
    membership = f"{SELF}/groups/{group}/users/{user}"
    for query in (f"user.id={user}", f"scope.project.id={low}", f"scope.project.id={top}&include_subtree"):
        found = (await admin.get(f"{V3}/role_assignments?effective&{query}")).json["role_assignments"]
        assert sorted(found, key=str) == sorted(
            [
                {
                    "scope": {"project": {"id": low}},
                    "user": {"id": user},
                    "role": {"id": reader},
                    "links": {"assignment": f"{SELF}/projects/{low}/users/{user}/roles/{reader}"},
                },
                {
                    "scope": {"project": {"id": low}, "OS-INHERIT:inherited_to": "projects"},
                    "user": {"id": user},
                    "role": {"id": role},
                    "links": {"assignment": given, "membership": membership},
                },
                {
                    "scope": {"project": {"id": low}, "OS-INHERIT:inherited_to": "projects"},
                    "user": {"id": user},
                    "role": {"id": reader},
                    "links": {
                        "assignment": given,
                        "membership": membership,
                        "prior_role": f"{SELF}/prior_role/{role}/implies/{reader}",
                    },
                },
            ],
            key=str,
        ), query
    assert (await admin.get(f"{V3}/role_assignments?effective&scope.project.id={top}")).json["role_assignments"] == []
    only = (await admin.get(f"{V3}/role_assignments?effective&user.id={user}&role.id={role}")).json["role_assignments"]
    assert [a["role"]["id"] for a in only] == [role]
    # What is in effect is what a token has.
    scope = {"project": {"id": low}}
    await admin.patch(f"{V3}/users/{user}", {"user": {"password": "ann"}})
    assert {r["id"] for r in (await keystone.auth("ann", "ann", scope=scope)).json["token"]["roles"]} == {role, reader}


@pytest.mark.parametrize(
    "query",
    [
        "scope.project.id=x&scope.domain.id=y",
        "scope.system=all&scope.domain.id=y",
        "scope.project.id=x&scope.system=all",
        "user.id=x&group.id=y",
        "effective&group.id=x",
        "effective&scope.domain.id=x&scope.OS-INHERIT:inherited_to=projects",
        "include_subtree",
    ],
)
async def test_filters_that_contradict_each_other(keystone, query):
    assert (await (await keystone.as_()).get(f"{V3}/role_assignments?{query}")).status == 400
