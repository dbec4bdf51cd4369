"""Who may do what: every route without a token and with a stranger's; then the personas one by one."""

import re

import pytest

from pileus.identity.api import API, federated_auth
from pileus.identity.policy import DEFAULTS
from tests.identity.booted import V3, booted
from tests.identity.test_projects import create

#: Routes that need no token, and those open to everybody with one; nothing else may be.
PUBLIC = {("GET", "/"), ("GET", "/v3"), ("POST", "/v3/auth/tokens"), ("POST", "/v3/users/{user_id}/password")}
PUBLIC |= {("POST", "/v3/OS-OAUTH2/token")}
PUBLIC |= {("POST", f"/v3/OS-OAUTH1/{what}") for what in ("request_token", "access_token")}  # the signature is the proof
PUBLIC |= {("POST", f"/v3/auth/OS-FEDERATION/saml2{form}") for form in ("", "/ecp")}  # the token in the body is the proof
PUBLIC |= {("GET", "/v3/OS-FEDERATION/saml2/metadata")}
GONE = ("/v3/OS-SIMPLE-CERT/ca", "/v3/OS-SIMPLE-CERT/certificates", "/v3/auth/tokens/OS-PKI/revoked")
PUBLIC |= {("GET", path) for path in GONE}
PUBLIC |= {(r.method, r.path) for r in federated_auth.ROUTES}  # what proves who it is comes from an identity provider
EVERYBODY = {
    ("GET", path)
    for path in (
        "/v3/regions",
        "/v3/regions/{region_id}",
        "/v3/auth/projects",
        "/v3/auth/domains",
        "/v3/auth/system",
        "/v3/auth/catalog",
        "/v3/OS-FEDERATION/projects",
        "/v3/OS-FEDERATION/domains",
        "/v3/registered_limits",
        "/v3/registered_limits/{registered_limit_id}",
        "/v3/limits/model",
        "/v3/domains/{domain_id}/config/security_compliance",
        "/v3/domains/{domain_id}/config/security_compliance/{option}",
    )
}
#: What upstream shows to administrators alone (and revocations to services).
NOT_FOR_READERS = ("OS-OAUTH1/access_tokens", "OS-REVOKE")
#: Lists that anybody may ask for, and that show only what is the caller's own.
OWN = {("GET", "/v3/credentials"), ("GET", "/v3/limits")}
ROUTES = [(r.method, r.path) for r in API.routes]
CLOSED = [r for r in ROUTES if r not in PUBLIC | EVERYBODY | OWN]
BODIES = {
    "auth": {},
    "domain": {"name": "x"},
    "project": {"name": "x"},
    "user": {"name": "x"},
    "group": {"name": "x"},
    "role": {"name": "x"},
    "service": {"type": "x"},
    "endpoint": {"interface": "public", "service_id": "x", "url": "http://x"},
    "region": {"id": "x"},
    "policy": {"type": "x", "blob": "{}"},
    "credential": {"user_id": "x", "type": "x", "blob": "x"},
    "trust": {"trustor_user_id": "x", "trustee_user_id": "x", "project_id": "x", "impersonation": False, "roles": []},
    "application_credential": {"name": "x"},
    "tenant_id": "x",
    "credentials": {"access": "x"},
    "tags": [],
}


def refusal(path: str) -> int:
    """What a stranger gets: trusts are not even there."""
    return 404 if "{trust_id}" in path else 403


def test_every_route_has_a_rule():
    rules = {r.policy for r in API.routes}
    assert rules - {None} <= set(DEFAULTS)
    assert {(r.method, r.path) for r in API.routes if r.policy is None} == PUBLIC
    assert {(r.method, r.path) for r in API.routes if r.policy and DEFAULTS[r.policy].rule == ""} <= EVERYBODY | OWN


async def ids(keystone) -> dict[str, str]:
    """One existing thing of each kind, none of which belongs to the one who asks."""
    admin = await keystone.as_()
    user, project = await keystone.member("ann")
    group = (await create(admin, "group", name="g"))["id"]
    roles = {r["name"]: r["id"] for r in (await admin.get(f"{V3}/roles")).json["roles"]}
    service = (await admin.get(f"{V3}/services")).json["services"][0]["id"]
    endpoint = (await admin.get(f"{V3}/endpoints")).json["endpoints"][0]["id"]
    policy = (await admin.post(f"{V3}/policies", {"policy": {"type": "x", "blob": "{}"}})).json["policy"]["id"]
    domain = (await create(admin, "domain", name="theirs"))["id"]
    credential = await create(admin, "credential", user_id=user, type="cert", blob="x")
    carl, _ = await keystone.member("carl")
    ann = await keystone.as_("ann", "ann", project="ann")
    trust = {"trustor_user_id": user, "trustee_user_id": carl, "project_id": project, "impersonation": True,
             "roles": [{"name": "member"}]}
    wanted = {"name": "a", "access_rules": [{"service": "compute", "method": "GET", "path": "/v2.1/servers"}]}
    made = await ann.post(f"{V3}/users/{user}/application_credentials", {"application_credential": wanted})
    app_cred = made.json["application_credential"]
    return {
        "trust_id": (await ann.post(f"{V3}/OS-TRUST/trusts", {"trust": trust})).json["trust"]["id"],
        "application_credential_id": app_cred["id"],
        "access_rule_id": app_cred["access_rules"][0]["id"],
        "user_id": user,
        "project_id": project,
        "group_id": group,
        "role_id": roles["member"],
        "implied_role_id": roles["reader"],
        "service_id": service,
        "endpoint_id": endpoint,
        "domain_id": domain,
        "policy_id": policy,
        "credential_id": credential["id"],
        "region_id": "RegionOne",
        "tag": "t",
        "group": "identity",
        "option": "driver",
    }


async def call(caller, method: str, path: str, known: dict[str, str], **headers):
    url = "/identity" + re.sub(r"{(\w+)}", lambda m: known.get(m[1], "missing"), path)
    sends = method in ("POST", "PATCH") or (method == "PUT" and (path.endswith("tags") or "regions" in path))
    return await caller.request(
        method, url, json=BODIES if sends else None, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


async def test_every_route_without_a_token():
    async with booted() as keystone:
        known = await ids(keystone)
        for method, path in CLOSED + sorted(EVERYBODY | OWN):
            for caller in (keystone.anonymous, keystone.anonymous.with_headers(X_Auth_Token="gAAAAnonsense")):
                got = await call(caller, method, path, known)
                assert got.status == 401, (method, path, got.text)
                assert method == "HEAD" or got.json["error"]["title"] == "Unauthorized"


@pytest.mark.parametrize("role", ["reader", "member", "manager"])
async def test_every_route_to_a_stranger(role):
    """Somebody with a role on another project, however high, gets to see and change nothing; nothing says what exists."""
    async with booted() as keystone:
        known = await ids(keystone)
        admin = await keystone.as_()
        theirs = await keystone.token("ann")
        await keystone.member("eve", "eve", role)
        eve = await keystone.as_("eve", "eve", project="eve")
        everything = (
            "users",
            "projects",
            "domains",
            "roles",
            "groups",
            "services",
            "endpoints",
            "regions",
            "role_assignments",
            "role_inferences",
            "credentials",
            "OS-TRUST/trusts",
        )
        before = [(await admin.get(f"{V3}/{what}")).json for what in everything]
        for method, path in OWN:
            got = await call(eve, method, path, known)
            assert got.status == 200 and got.json[path.rpartition("/")[2]] == [], path
        missing = known | {key: "missing" for key in known}
        for method, path in CLOSED:
            if role == "manager" and method == "GET" and path in ("/v3/roles", "/v3/roles/{role_id}"):
                continue  # managers may see which roles they can give
            got = await call(eve, method, path, known, X_Subject_Token=theirs)
            assert got.status == refusal(path), (method, path, got.status, got.text)
            if "{" in path:
                assert (await call(eve, method, path, missing, X_Subject_Token=theirs)).status == refusal(path), (method, path)
        assert [(await admin.get(f"{V3}/{what}")).json for what in everything] == before and await keystone.works(theirs)


async def persona(keystone, role: str, **scope):
    """A user with this role on a domain (`domain=id`), on the system (`system=True`) or nowhere else."""
    user = await keystone.identity.create_user(role + "-p", "pw")
    await keystone.identity.assign_role(role, user_id=user.id, domain_id=scope.get("domain"))
    asked = {"domain": {"id": scope["domain"]}} if "domain" in scope else {"system": {"all": True}}
    return await keystone.as_(role + "-p", "pw", scope=asked)


async def test_a_domain_manager_rules_the_domain_and_nothing_else(keystone):
    admin = await keystone.as_()
    mine, other = [(await create(admin, "domain", name=n))["id"] for n in ("mine", "other")]
    boss = await persona(keystone, "manager", domain=mine)
    roles = {r["name"]: r["id"] for r in (await boss.get(f"{V3}/roles")).json["roles"]}
    made = {}
    for kind in ("project", "user", "group"):
        made[kind] = await create(boss, kind, name="x")  # without a domain: in the one of the scope
        assert made[kind]["domain_id"] == mine
        assert (await boss.post(f"{V3}/{kind}s", {kind: {"name": "y", "domain_id": other}})).status == 403
        foreign = await create(admin, kind, name="f", domain_id=other)
        assert [x["id"] for x in (await boss.get(f"{V3}/{kind}s")).json[f"{kind}s"]] == [made[kind]["id"]]
        assert (await boss.get(f"{V3}/{kind}s?domain_id={other}")).json[f"{kind}s"] == []
        path = f"{V3}/{kind}s/{foreign['id']}"
        assert [
            (await boss.request(m, path, json={kind: {"name": "z"}} if m == "PATCH" else None)).status
            for m in ("GET", "PATCH", "DELETE")
        ] == [403] * 3
        made["foreign " + kind] = foreign
    user, project, group = (made[k]["id"] for k in ("user", "project", "group"))
    assert (await boss.put(f"{V3}/projects/{project}/users/{user}/roles/{roles['member']}")).status == 204
    assert (await boss.put(f"{V3}/domains/{mine}/groups/{group}/roles/{roles['manager']}")).status == 204
    assert (await boss.get(f"{V3}/projects/{project}/users/{user}/roles")).status == 200
    assert (await boss.put(f"{V3}/groups/{group}/users/{user}")).status == 204
    assert (await boss.put(f"{V3}/groups/{group}/users/{made['foreign user']['id']}")).status == 403
    # Not above themselves, not beyond the domain, not the system.
    for path in (
        f"projects/{project}/users/{user}/roles/{roles['admin']}",
        f"system/users/{user}/roles/{roles['member']}",
        f"projects/{made['foreign project']['id']}/users/{user}/roles/{roles['member']}",
        f"projects/{project}/users/{made['foreign user']['id']}/roles/{roles['member']}",
        f"domains/{other}/users/{user}/roles/{roles['member']}",
    ):
        assert (await boss.put(f"{V3}/{path}")).status == 403, path
    listed = (await boss.get(f"{V3}/role_assignments")).json["role_assignments"]
    assert len(listed) == 3 and all(a["scope"].get("domain", a["scope"].get("project"))["id"] in (mine, project) for a in listed)
    assert (await boss.get(f"{V3}/role_assignments?scope.project.id={project}&include_subtree")).status == 200
    away = f"{V3}/role_assignments?scope.project.id={made['foreign project']['id']}&include_subtree"
    assert (await boss.get(away)).status == 403
    assert [d["id"] for d in (await boss.get(f"{V3}/domains")).json["domains"]] == [mine]
    assert (await boss.get(f"{V3}/domains/{mine}")).status == 200 and (await boss.get(f"{V3}/domains/{other}")).status == 403
    assert (await boss.patch(f"{V3}/domains/{mine}", {"domain": {"name": "q"}})).status == 403
    assert (await boss.post(f"{V3}/projects", {"project": {"name": "d", "is_domain": True}})).status == 403
    assert (await boss.post(f"{V3}/roles", {"role": {"name": "d", "domain_id": mine}})).status == 403
    assert (await boss.get(f"{V3}/services")).status == 403


async def test_a_domain_reader_reads_the_domain(keystone):
    admin = await keystone.as_()
    mine = (await create(admin, "domain", name="mine"))["id"]
    reader = await persona(keystone, "reader", domain=mine)
    for kind in ("project", "user", "group"):
        made = await create(admin, kind, name="x", domain_id=mine)
        path = f"{V3}/{kind}s/{made['id']}"
        assert (await reader.get(path)).status == 200 and (await reader.get(f"{V3}/{kind}s")).json[f"{kind}s"] == [made]
        assert (await reader.patch(path, {kind: {"name": "y"}})).status == 403 and (await reader.delete(path)).status == 403
        assert (await reader.post(f"{V3}/{kind}s", {kind: {"name": "y"}})).status == 403
    assert (await reader.get(f"{V3}/role_assignments")).status == 200


async def test_a_system_reader_reads_everything_and_changes_nothing(keystone):
    known = await ids(keystone)
    theirs = await keystone.token("ann")
    reader = await persona(keystone, "reader", system=True)
    admin = await keystone.as_()
    await admin.put(f"{V3}/projects/{known['project_id']}/tags/t")
    for method, path in CLOSED:
        got = await call(reader, method, path, known, X_Subject_Token=theirs)
        if method in ("GET", "HEAD") and not any(kind in path for kind in NOT_FOR_READERS):
            assert got.status in (200, 204, 404), (method, path, got.text)  # 404: that user has no such role there
        else:
            assert got.status == 403, (method, path, got.text)


async def test_users_see_themselves(keystone):
    user, project = await keystone.member("ann")
    other, elsewhere = await keystone.member("bob")
    ann = await keystone.as_("ann", "ann", project="ann")
    for path in (
        f"users/{user}",
        f"users/{user}/projects",
        f"users/{user}/groups",
        f"projects/{project}",
        f"projects/{project}/tags",
        "domains/default",
    ):
        assert (await ann.get(f"{V3}/{path}")).status == 200, path
    for path in (
        f"users/{other}",
        f"users/{other}/projects",
        f"users/{other}/groups",
        f"projects/{elsewhere}",
        "users",
        "projects",
        "domains",
    ):
        assert (await ann.get(f"{V3}/{path}")).status == 403, path
    assert (await ann.patch(f"{V3}/users/{user}", {"user": {"enabled": True}})).status == 403
    assert (await ann.delete(f"{V3}/users/{user}")).status == 403


async def test_an_administrator_of_a_domain_scope_cannot_touch_the_deployment(keystone):
    """Services, roles and domains take tokens of the system or of a project: an admin's domain token is refused."""
    admin = await keystone.as_()
    mine = (await create(admin, "domain", name="mine"))["id"]
    boss = await persona(keystone, "admin", domain=mine)
    for path, body in (
        ("domains", {"domain": {"name": "x"}}),
        ("roles", {"role": {"name": "x"}}),
        ("services", {"service": {"type": "x"}}),
        ("regions", {"region": {"id": "x"}}),
    ):
        assert (await boss.post(f"{V3}/{path}", body)).status == 403
    assert (await boss.get(f"{V3}/services")).status == 403
