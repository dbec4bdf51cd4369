"""One walk through what every client does first."""

from tests.identity.booted import V3

LISTS = ("users", "projects", "domains", "roles", "groups", "services", "endpoints", "regions", "role_assignments?effective&include_names",
         "role_inferences", "auth/projects", "auth/domains", "auth/system", "auth/catalog")


async def test_login_and_look_around(keystone):
    got = await keystone.auth(scope={"project": {"name": "admin", "domain": {"id": "default"}}})
    assert got.status == 201, got.text
    assert [r["name"] for r in got.json["token"]["roles"]] == ["admin", "manager", "member", "reader"]
    admin = await keystone.as_()
    for path in LISTS:
        got = await admin.get(f"{V3}/{path}")
        assert got.status == 200, (path, got.text)
