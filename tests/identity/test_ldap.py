"""Domains whose users and groups are in LDAP, against a real OpenLDAP server."""

import pytest

from pileus.identity.directory.ldap import Ldap
from pileus.identity.domain_options import DEFAULTS
from tests.identity import slapd
from tests.identity.booted import V3, booted
from tests.identity.test_projects import create

pytest.importorskip("ldap3")
pytestmark = pytest.mark.realtime
needs_slapd = pytest.mark.skipif(slapd.missing() is not None, reason=slapd.missing() or "")


@pytest.fixture(scope="module")
def server():
    made = slapd.Slapd()
    yield made
    made.close()


@pytest.fixture
def directory(server):
    with server.connection() as connection:
        connection.search(slapd.SUFFIX, "(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))")
        for entry in [e.entry_dn for e in connection.entries]:
            connection.delete(entry)
    for uid in ("ann", "bob"):
        server.person(uid)
    server.team("dev", "ann", "bob")
    server.team("ops", "bob")
    return server


def options(directory, **more):
    return {
        "url": directory.url,
        "user": slapd.ROOT_DN,
        "password": slapd.ROOT_PASSWORD,
        "suffix": slapd.SUFFIX,
        "user_tree_dn": "ou=people,dc=corp",
        "user_id_attribute": "uid",
        "user_name_attribute": "uid",
        "user_enabled_attribute": "employeeType",
        "group_tree_dn": "ou=teams,dc=corp",
        "group_name_attribute": "cn",
    } | more


async def setup(cloud, directory, **more):
    admin = await cloud.as_()
    domain = (await create(admin, "domain", name="corp"))["id"]
    config = {"config": {"identity": {"driver": "ldap"}, "ldap": options(directory, **more)}}
    assert (await admin.put(f"{V3}/domains/{domain}/config", config)).status == 201
    return admin, domain


async def listed(cloud, admin, domain, kind="users"):
    cloud.identity.directories.asked.clear()
    return {x["name"]: x for x in (await admin.get(f"{V3}/{kind}?domain_id={domain}")).json[kind]}


@pytest.fixture
def cloud():
    return booted()


@needs_slapd
async def test_users_and_groups_are_as_the_directory_has_them(cloud, directory):
    admin, domain = await setup(cloud, directory)
    users, groups = await listed(cloud, admin, domain), await listed(cloud, admin, domain, "groups")
    assert users.keys() == {"ann", "bob"} and groups.keys() == {"dev", "ops"}
    assert users["ann"]["email"] == "ann@corp" and users["ann"]["enabled"] and groups["dev"]["description"] == "the dev"
    members = (await admin.get(f"{V3}/groups/{groups['dev']['id']}/users")).json["users"]
    assert {m["name"] for m in members} == {"ann", "bob"}
    generations = dict(cloud.identity.core.generations.known)
    assert await listed(cloud, admin, domain) == users and cloud.identity.core.generations.known == generations


@needs_slapd
async def test_logins_are_the_directorys(cloud, directory):
    admin, domain = await setup(cloud, directory)
    got = await cloud.auth("ann", "pw", domain="corp", scope="unscoped")
    assert got.status == 201, got.text
    user = got.json["token"]["user"]["id"]
    assert len(user) == 64
    project = (await create(admin, "project", name="p", domain_id=domain))["id"]
    group = (await listed(cloud, admin, domain, "groups"))["dev"]["id"]
    role = next(r["id"] for r in (await admin.get(f"{V3}/roles")).json["roles"] if r["name"] == "member")
    await admin.put(f"{V3}/projects/{project}/groups/{group}/roles/{role}")
    for _ in range(2):
        assert (await cloud.auth("ann", "pw", domain="corp", scope={"project": {"id": project}})).status == 201
    by_id = {"methods": ["password"], "password": {"user": {"id": user, "password": "pw"}}}
    assert (await cloud.login(by_id)).status == 201
    refused = [await cloud.auth(name, word, domain="corp") for name, word in
               (("ann", "wrong"), ("ann", ""), ("nobody", "pw"), ("*", "pw"), ("ann)(uid=*", "pw"), ("a" * 300, "pw"))]
    assert {r.status for r in refused} == {401} and len({r.text for r in refused}) == 1
    directory.change("uid=ann,ou=people,dc=corp", userPassword=["new"])
    assert (await cloud.auth("ann", "pw", domain="corp")).status == 401  # no password is remembered
    assert (await cloud.auth("ann", "new", domain="corp", scope="unscoped")).status == 201


@needs_slapd
async def test_who_leaves_is_disabled_and_keeps_their_roles(cloud, directory):
    admin, domain = await setup(cloud, directory)
    token = (await cloud.auth("ann", "pw", domain="corp", scope="unscoped")).headers["x-subject-token"]
    ann = (await listed(cloud, admin, domain))["ann"]["id"]
    assert await cloud.works(token)
    directory.delete("uid=ann,ou=people,dc=corp")
    assert not (await listed(cloud, admin, domain))["ann"]["enabled"]
    assert not await cloud.works(token) and (await cloud.auth("ann", "pw", domain="corp")).status == 401
    assert (await admin.get(f"{V3}/users/{ann}/groups")).status == 200
    directory.person("ann")
    assert (await listed(cloud, admin, domain))["ann"] | {"enabled": True, "id": ann} == (await listed(cloud, admin, domain))["ann"]


@needs_slapd
async def test_groups_follow(cloud, directory):
    admin, domain = await setup(cloud, directory)
    bob = (await listed(cloud, admin, domain))["bob"]["id"]

    async def of_bob():
        return {g["name"] for g in (await admin.get(f"{V3}/users/{bob}/groups")).json["groups"]}

    assert await of_bob() == {"dev", "ops"}
    directory.change("cn=dev,ou=teams,dc=corp", member=["uid=ann,ou=people,dc=corp"])
    await listed(cloud, admin, domain)
    assert await of_bob() == {"ops"}
    directory.change("cn=dev,ou=teams,dc=corp", member=["UID=bob, ou=People,dc=corp"])  # DNs are compared as DNs
    assert (await cloud.auth("bob", "pw", domain="corp", scope="unscoped")).status == 201
    assert await of_bob() == {"dev", "ops"}
    assert await cloud.identity.directories.refresh_all() == "1 directories asked"


@needs_slapd
async def test_nothing_is_written(cloud, directory):
    admin, domain = await setup(cloud, directory)
    user = (await listed(cloud, admin, domain))["ann"]["id"]
    group = (await listed(cloud, admin, domain, "groups"))["dev"]["id"]
    before = await listed(cloud, admin, domain), await listed(cloud, admin, domain, "groups")
    for method, path, body in (
        ("POST", "users", {"user": {"name": "x", "domain_id": domain}}),
        ("PATCH", f"users/{user}", {"user": {"enabled": False}}),
        ("DELETE", f"users/{user}", None),
        ("POST", "groups", {"group": {"name": "x", "domain_id": domain}}),
        ("PATCH", f"groups/{group}", {"group": {"name": "y"}}),
        ("DELETE", f"groups/{group}", None),
        ("DELETE", f"groups/{group}/users/{user}", None),
    ):
        assert (await admin.request(method, f"{V3}/{path}", json=body)).status == 403, (method, path)
    assert (await listed(cloud, admin, domain), await listed(cloud, admin, domain, "groups")) == before
    assert (await create(admin, "user", name="elsewhere"))["enabled"]


@needs_slapd
async def test_a_silent_directory(cloud, directory):
    admin, domain = await setup(cloud, directory)
    users = await listed(cloud, admin, domain)
    for change in ({"url": "ldap://127.0.0.1:9"}, {"password": "wrong"}, {"user_tree_dn": "ou=nowhere,dc=corp"}):
        await admin.put(
            f"{V3}/domains/{domain}/config",
            {"config": {"identity": {"driver": "ldap"}, "ldap": options(directory, **change)}},
        )
        assert await listed(cloud, admin, domain) == users  # what is known stays
        assert (await cloud.auth("ann", "pw", domain="corp")).status == 503
    assert (await cloud.auth()).status == 201


@needs_slapd
@pytest.mark.parametrize(
    ("more", "said", "enabled"),
    [
        ({}, "TRUE", True),
        ({}, "FALSE", False),
        ({}, "nonsense", False),
        ({"user_enabled_invert": True}, "TRUE", False),
        ({"user_enabled_invert": True}, "FALSE", True),
        ({"user_enabled_mask": 2}, "512", True),
        ({"user_enabled_mask": 2}, "514", False),
        ({"user_enabled_attribute": "carLicense"}, "FALSE", True),  # absent: the default
        ({"user_enabled_attribute": "carLicense", "user_enabled_default": "False"}, "TRUE", False),
        ({"user_enabled_emulation": True, "user_enabled_emulation_dn": "cn=dev,ou=teams,dc=corp"}, "FALSE", True),
        ({"user_enabled_emulation": True, "user_enabled_emulation_dn": "cn=ops,ou=teams,dc=corp"}, "TRUE", False),
    ],
)
async def test_OSSA_2026_007_who_is_enabled(directory, more, said, enabled):
    """Row 23 of the list of advisories."""
    directory.change("uid=ann,ou=people,dc=corp", employeeType=[said])
    asked = Ldap(DEFAULTS["ldap"] | options(directory, **more))
    assert [p.enabled for p in asked.people("ann")] == [enabled]


@needs_slapd
@pytest.mark.parametrize("said", ["FALSE", "false", "False", "no", "0", "disabled"])
async def test_OSSA_2026_007_who_is_disabled_in_words_does_not_log_in(cloud, directory, said):
    """Row 23: a text that is not empty is no permission; tokens from before end with it, roles or not."""
    admin, domain = await setup(cloud, directory)
    token = (await cloud.auth("ann", "pw", domain="corp", scope="unscoped")).headers["x-subject-token"]
    assert await cloud.works(token)
    directory.change("uid=ann,ou=people,dc=corp", employeeType=[said])
    assert (await cloud.auth("ann", "pw", domain="corp")).status == 401
    assert (await listed(cloud, admin, domain))["ann"]["enabled"] is False
    assert not await cloud.works(token) and (await cloud.rescope(token)).status == 404
    assert (await cloud.auth("bob", "pw", domain="corp")).status == 201


@needs_slapd
async def test_large_directories_come_in_pages(directory):
    for at in range(23):
        directory.person(f"u{at}")
    found = Ldap(DEFAULTS["ldap"] | options(directory, page_size=5)).people()
    assert len(found) == 25 and len({p.local_id for p in found}) == 25
    only = options(directory, user_filter="(mail=u1*)", query_scope="sub", user_tree_dn=None)
    assert len(Ldap(DEFAULTS["ldap"] | only).people()) == 11
