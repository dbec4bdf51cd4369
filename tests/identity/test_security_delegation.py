"""Whoever acts by something that was handed on (a trust, an application credential, EC2 keys) tries to get more than that.

Rows 17, 18, 20, 24 and 29 of the list of advisories; more of them are beside what they are about, in test_trusts,
test_application_credentials, test_ec2 and test_credentials.
"""

import pytest

from tests.harness import Caller
from tests.identity.booted import V3
from tests.identity.test_application_credentials import ann_and_robot, make, use
from tests.identity.test_ec2 import ann_nova, ask, version_4
from tests.identity.test_projects import create
from tests.identity.test_trusts import PATH, pair


async def robot_of(keystone, **fields):
    """(user, project, a caller who is ann's program)"""
    user, project, ann, made = await ann_and_robot(keystone, **fields)
    return user, project, ann, Caller(keystone.app, (await use(keystone, made)).headers["x-subject-token"])


async def signer_of(keystone):
    """(ann, her id, a caller with a token that a service got for what was signed with her keys)"""
    ann, key, nova = await ann_nova(keystone)
    got = await ask(nova, version_4(key))
    assert got.status == 200, got.text
    return ann, key["user_id"], Caller(keystone.app, got.headers["x-subject-token"])


async def application_of(keystone):
    """(the administrator, their id, a caller with what they lent to an OAuth 1.0a application)"""
    from tests.identity.test_oauth1 import authorized, mine

    application = await authorized(keystone)
    token = (await application.log_in()).headers["x-subject-token"]
    return await keystone.as_(), await mine(keystone), Caller(keystone.app, token)


@pytest.mark.parametrize("unrestricted", [False, True])
async def test_CVE_2026_43000_no_application_credential_has_to_do_with_trusts(keystone, unrestricted):
    """Row 20: with somebody's stolen or forged credential one would make a trust that outlives it, with roles it lacks."""
    await keystone.member("ann", role="admin")
    user, project, ann, robot = await robot_of(keystone, unrestricted=unrestricted, roles=[{"name": "member"}])
    eve, _ = await keystone.member("eve")
    body = {"trustor_user_id": user, "trustee_user_id": eve, "project_id": project, "impersonation": True}
    for role in ("admin", "member", "reader"):
        assert (await robot.post(PATH, {"trust": body | {"roles": [{"name": role}]}})).status == 403
    there = (await ann.post(PATH, {"trust": body | {"roles": [{"name": "member"}]}})).json["trust"]["id"]
    for method, path in (("GET", f"{PATH}?trustor_user_id={user}"), ("GET", f"{PATH}/{there}"), ("HEAD", f"{PATH}/{there}"),
                         ("GET", f"{PATH}/{there}/roles"), ("DELETE", f"{PATH}/{there}")):
        assert (await robot.request(method, path)).status == 403, (method, path)
    assert len((await ann.get(f"{PATH}?trustor_user_id={user}")).json["trusts"]) == 1


DELEGATED = ["trust", "application credential", "unrestricted application credential", "EC2 keys", "access token"]


@pytest.mark.parametrize("by", DELEGATED)
async def test_CVE_2026_90460_no_delegated_token_reads_or_changes_credentials(keystone, by):
    """Rows 17 and 25: seeds of one-time passwords are the user's own, and no credential moves to another project."""
    if by == "trust":
        p = await pair(keystone)
        user, ann, caller = p.ann, p.trustor, Caller(keystone.app, await p.token(await p.create()))
    elif by == "EC2 keys":
        ann, user, caller = await signer_of(keystone)
    elif by == "access token":
        ann, user, caller = await application_of(keystone)
    else:
        user, _, ann, caller = await robot_of(keystone, unrestricted=by.startswith("un"))
    _, other = await keystone.member("ann", "other")
    seed = await create(ann, "credential", user_id=user, type="totp", blob="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    before = (await ann.get(f"{V3}/credentials")).json
    one = f"{V3}/credentials/{seed['id']}"
    wanted = {"user_id": user, "type": "cert", "blob": "x"}
    for method, path, body in (
        ("POST", f"{V3}/credentials", wanted), ("POST", f"{V3}/credentials", wanted | {"type": "EC2", "project_id": other}),
        ("PATCH", one, {"project_id": other}), ("PATCH", one, {"type": "ec2"}), ("PATCH", one, {"blob": "x"}), ("DELETE", one, None),
    ):
        got = await caller.request(method, path, json={"credential": body} if body else None)
        assert got.status == 403, (method, body, got.text)
    for path in (f"{V3}/credentials", one, f"{V3}/credentials?type=totp"):
        got = await caller.get(path)
        assert got.status == 403 or (by.startswith("un") and "GEZDG" not in got.text), (path, got.text)
    assert (await ann.get(f"{V3}/credentials")).json == before


async def test_CVE_2026_43001_EC2_keys_are_for_one_project(keystone):
    """Row 17: what was signed for one project opens no other one, and nothing that lasts longer is made of it."""
    ann, user, signer = await signer_of(keystone)
    _, other = await keystone.member("ann", "other")
    mine = (await keystone.identity.authenticate(signer.token)).project_id
    for scope in ("unscoped", {"project": {"id": other}}, {"domain": {"id": "default"}}, {"system": {"all": True}}):
        assert (await keystone.rescope(signer.token, scope)).status in (401, 403), scope
    assert (await keystone.rescope(signer.token, {"project": {"id": mine}})).status == 201
    bob, _ = await keystone.member("bob")
    trust = {"trustor_user_id": user, "trustee_user_id": bob, "project_id": other, "impersonation": True, "roles": [{"name": "member"}]}
    for path, body in (
        (PATH, {"trust": trust}),
        (f"{V3}/users/{user}/application_credentials", {"application_credential": {"name": "x", "unrestricted": True}}),
        (f"{V3}/users/{user}/credentials/OS-EC2", {"tenant_id": other}),
    ):
        assert (await signer.post(path, body)).status == 403, path
    assert (await ann.post(PATH, {"trust": trust})).status == 201


@pytest.mark.parametrize("impersonation", [True, False])
async def test_OSSA_2014_018_a_trust_makes_nothing_that_outlives_it(keystone, impersonation):
    """Row 29 (and OSSA-2013-032, OSSA-2014-022): neither keys, nor application credentials, nor a trust for a third one."""
    p = await pair(keystone)
    token = await p.token(await p.create(impersonation=impersonation))
    me = p.ann if impersonation else p.bob
    eve, _ = await keystone.member("eve")
    caller = Caller(keystone.app, token)
    keys = {"user_id": me, "project_id": p.project, "type": "ec2", "blob": '{"access": "a", "secret": "b"}'}
    for path, body in (
        (f"{V3}/users/{me}/credentials/OS-EC2", {"tenant_id": p.project}),
        (f"{V3}/credentials", {"credential": keys}),
        (f"{V3}/users/{me}/application_credentials", {"application_credential": {"name": "x"}}),
        (PATH, {"trust": p.good | {"trustee_user_id": eve, "trustor_user_id": me}}),
        (PATH, {"trust": p.good | {"trustee_user_id": eve, "trustor_user_id": p.bob}}),
    ):
        assert (await caller.post(path, body)).status == 403, path
    for user in (p.ann, p.bob):
        assert (await p.admin.get(f"{V3}/users/{user}/credentials/OS-EC2")).json["credentials"] == []


async def test_CVE_2026_42998_every_way_of_naming_another_user(keystone):
    """Row 18: the credential says whose it is, whatever stands beside it."""
    user, _, _, made = await ann_and_robot(keystone)
    admin = (await keystone.identity.users.find_named("admin", "default")).id
    for beside in ({"id": admin}, {"name": "admin", "domain": {"id": "default"}}, {"name": "admin", "domain": {"name": "Default"}}):
        got = await use(keystone, made, user=beside)
        assert got.status == 201 and got.json["token"]["user"]["id"] == user
        got = await use(keystone, made, user=beside, name="robot")
        assert got.status != 201 or got.json["token"]["user"]["id"] == user
    proof = {"name": made["name"], "secret": made["secret"], "user": {"id": admin}}
    assert (await keystone.login({"methods": ["application_credential"], "application_credential": proof})).status == 401


async def test_OSSA_2020_005_rules_and_roles_of_a_credential_are_kept_by_all_that_is_made_of_it(keystone):
    """Row 24: an unrestricted credential's offspring has its project and at most its roles."""
    await keystone.member("ann", role="manager")
    user, _, _, robot = await robot_of(keystone, unrestricted=True, roles=[{"name": "reader"}])
    _, other = await keystone.member("ann", "other")
    mine = f"{V3}/users/{user}/application_credentials"
    for fields in ({"roles": [{"name": "manager"}]}, {"roles": [{"name": "member"}, {"name": "reader"}]}):
        assert (await robot.post(mine, {"application_credential": {"name": "x"} | fields})).status in (400, 403, 404)
    got = await use(keystone, await make(robot, user, name="child", project_id=other))
    assert {r["name"] for r in got.json["token"]["roles"]} == {"reader"}
    assert got.json["token"]["project"]["id"] == (await keystone.identity.authenticate(robot.token)).project_id != other
