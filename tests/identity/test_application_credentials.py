"""Application credentials: who makes them, what their tokens may do, and what ends them."""

import asyncio

import pytest

from pileus.identity.access_rules import gate
from pileus.identity.model import AccessRule
from tests.harness import Caller
from tests.identity.booted import V3


async def make(caller, user: str, **fields) -> dict:
    got = await caller.post(f"{V3}/users/{user}/application_credentials", {"application_credential": {"name": "robot"} | fields})
    assert got.status == 201, got.text
    return got.json["application_credential"]


async def use(keystone, made: dict, **proof):
    given = {"id": made["id"], "secret": made["secret"]} | proof
    return await keystone.login({"methods": ["application_credential"], "application_credential": given})


async def ann_and_robot(keystone, **fields):
    user, project = await keystone.member("ann")
    ann = await keystone.as_("ann", "ann", project="ann")
    return user, project, ann, await make(ann, user, **fields)


async def test_a_program_acts_as_its_user_on_one_project(keystone):
    user, project, ann, made = await ann_and_robot(keystone, description="for CI")
    assert len(made["secret"]) > 80 and made["project_id"] == project and not made["unrestricted"]
    got = await use(keystone, made)
    token = got.json["token"]
    assert got.status == 201
    assert (token["user"]["id"], token["project"]["id"], token["methods"]) == (user, project, ["application_credential"])
    assert token["application_credential"] == {"id": made["id"], "name": "robot", "restricted": True}
    assert {r["name"] for r in token["roles"]} == {"member", "reader"}
    shown = (await ann.get(f"{V3}/users/{user}/application_credentials/{made['id']}")).json["application_credential"]
    assert "secret" not in shown and "hash" not in shown and shown["description"] == "for CI"


async def test_by_name_and_user_too(keystone):
    _, _, _, made = await ann_and_robot(keystone)
    named = {"name": "robot", "user": {"name": "ann", "domain": {"name": "Default"}}, "secret": made["secret"]}
    login = {"methods": ["application_credential"], "application_credential": named}
    assert (await keystone.login(login)).status == 201
    assert (await keystone.login({**login, "application_credential": named | {"name": "other"}})).status == 401
    del named["user"]
    assert (await keystone.login(login)).status == 400


async def test_CVE_2026_42998_the_user_beside_an_id_is_not_believed(keystone):
    """Row 18 of the list of advisories."""
    user, _, _, made = await ann_and_robot(keystone)
    got = await use(keystone, made, user={"name": "admin", "domain": {"id": "default"}})
    assert got.json["token"]["user"]["id"] == user


@pytest.mark.parametrize("wrong", [{"secret": "x"}, {"id": "0" * 32}, {"secret": ""}, {"secret": "x" * 5000}])
async def test_a_wrong_secret_tells_nothing(keystone, wrong):
    _, _, _, made = await ann_and_robot(keystone)
    got = await use(keystone, made, **wrong)
    assert (got.status, got.json["error"]["message"]) == (401, "The request you have made requires authentication.")


async def test_it_has_no_more_roles_than_were_given(keystone):
    await keystone.member("ann", role="manager")
    _, _, _, made = await ann_and_robot(keystone, roles=[{"name": "reader"}])
    got = await use(keystone, made)
    assert [r["name"] for r in got.json["token"]["roles"]] == ["reader"]
    ann, user = await keystone.as_("ann", "ann", project="ann"), made["user_id"]
    refused = await ann.post(
        f"{V3}/users/{user}/application_credentials", {"application_credential": {"name": "b", "roles": [{"name": "admin"}]}}
    )
    assert refused.status == 400


async def test_its_token_is_for_this_project_only(keystone):
    _, _, _, made = await ann_and_robot(keystone)
    await keystone.member("ann", "other")
    token = (await use(keystone, made)).headers["x-subject-token"]
    assert (await keystone.rescope(token, {"project": {"name": "other", "domain": {"id": "default"}}})).status == 403
    proof = {"methods": ["application_credential"], "application_credential": {"id": made["id"], "secret": made["secret"]}}
    assert (await keystone.login(proof, {"project": {"name": "other", "domain": {"id": "default"}}})).status == 401


async def test_it_ends_in_time_and_its_token_with_it(keystone):
    _, _, _, made = await ann_and_robot(keystone, expires_at="2026-01-01T00:10:00Z")
    assert made["expires_at"] == "2026-01-01T00:10:00.000000"
    got = await use(keystone, made)
    assert got.json["token"]["expires_at"] == "2026-01-01T00:10:00.000000Z"
    await asyncio.sleep(601)
    assert not await keystone.works(got.headers["x-subject-token"])
    assert (await use(keystone, made)).status == 401


@pytest.mark.parametrize("lost", ["credential", "role", "user", "project", "disabled"])
async def test_what_ends_it_ends_its_tokens(keystone, lost):
    user, project, ann, made = await ann_and_robot(keystone)
    token = (await use(keystone, made)).headers["x-subject-token"]
    admin = await keystone.as_()
    roles = {r["name"]: r["id"] for r in (await admin.get(f"{V3}/roles")).json["roles"]}
    assert await keystone.works(token)
    match lost:
        case "credential":
            got = await ann.delete(f"{V3}/users/{user}/application_credentials/{made['id']}")
        case "role":
            got = await admin.delete(f"{V3}/projects/{project}/users/{user}/roles/{roles['member']}")
        case "user":
            got = await admin.delete(f"{V3}/users/{user}")
        case "project":
            got = await admin.delete(f"{V3}/projects/{project}")
        case "disabled":
            got = await admin.patch(f"{V3}/users/{user}", {"user": {"enabled": False}})
    assert got.status in (200, 204), got.text
    assert not await keystone.works(token)
    assert (await use(keystone, made)).status == 401
    await keystone.identity.application_credentials.remove_orphans()
    left = (await admin.get(f"{V3}/users/{user}/application_credentials")).json["application_credentials"]
    assert len(left) == (1 if lost == "disabled" else 0)


async def test_a_restricted_one_makes_nothing_that_outlives_it(keystone):
    """Row 20: CVE-2026-43000, OSSA-2026-005: no credentials, no trusts."""
    user, project, _, made = await ann_and_robot(keystone)
    other, _ = await keystone.member("bob")
    robot = Caller(keystone.app, (await use(keystone, made)).headers["x-subject-token"])
    mine = f"{V3}/users/{user}/application_credentials"
    trust = {"trustor_user_id": user, "trustee_user_id": other, "project_id": project, "impersonation": True,
             "roles": [{"name": "member"}]}
    ec2 = {"user_id": user, "project_id": project, "type": "ec2", "blob": '{"access": "a", "secret": "b"}'}
    for got in (
        await robot.post(mine, {"application_credential": {"name": "more"}}),
        await robot.delete(f"{mine}/{made['id']}"),
        await robot.post(f"{V3}/OS-TRUST/trusts", {"trust": trust}),
        await robot.post(f"{V3}/credentials", {"credential": ec2}),
    ):
        assert got.status == 403, got.text


async def test_an_unrestricted_one_hands_on_only_what_it_has(keystone):
    await keystone.member("ann", role="manager")
    user, _, _, made = await ann_and_robot(keystone, unrestricted=True, roles=[{"name": "reader"}])
    robot = Caller(keystone.app, (await use(keystone, made)).headers["x-subject-token"])
    mine = f"{V3}/users/{user}/application_credentials"
    assert (await robot.post(mine, {"application_credential": {"name": "more", "roles": [{"name": "member"}]}})).status == 400
    more = await make(robot, user, name="more")
    assert [r["name"] for r in more["roles"]] == ["reader"]


async def test_only_the_user_makes_them_and_nobody_elses_are_there(keystone):
    user, _, _, made = await ann_and_robot(keystone)
    bob, _ = await keystone.member("bob")
    stranger, admin = await keystone.as_("bob", "bob", project="bob"), await keystone.as_()
    theirs = f"{V3}/users/{user}/application_credentials"
    assert (await admin.post(theirs, {"application_credential": {"name": "x"}})).status == 403
    assert (await stranger.get(f"{theirs}/{made['id']}")).status == 403
    for path in (f"application_credentials/{made['id']}", "access_rules/" + "0" * 32):
        assert (await stranger.get(f"{V3}/users/{bob}/{path}")).status == 404
        assert (await stranger.delete(f"{V3}/users/{bob}/{path}")).status == 404
    assert (await admin.get(theirs)).json["application_credentials"][0]["id"] == made["id"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 256},
        {"expires_at": "yesterday"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"roles": [{}]},
        {"secret": ""},
        {"unrestricted": "yes"},
        {"access_rules": [{"service": "compute"}]},
        {"access_rules": [{"service": "compute", "method": "get", "path": "/"}]},
        {"access_rules": [{"service": "compute", "method": "GET", "path": "v2"}]},
    ],
)
async def test_bad_ones_are_refused(keystone, fields):
    user, _ = await keystone.member("ann")
    ann = await keystone.as_("ann", "ann", project="ann")
    url = f"{V3}/users/{user}/application_credentials"
    assert (await ann.post(url, {"application_credential": {"name": "x"} | fields})).status == 400
    assert not (await ann.get(url)).json["application_credentials"]


async def test_a_name_is_taken_once_per_user(keystone):
    user, _, ann, _ = await ann_and_robot(keystone)
    again = await ann.post(f"{V3}/users/{user}/application_credentials", {"application_credential": {"name": "robot"}})
    assert again.status == 409


# ---- access rules ----------------------------------------------------------------------------------------------------
RULE = {"service": "identity", "method": "GET", "path": "/v3/regions"}


async def test_access_rules_are_kept_to(keystone):
    _, _, _, made = await ann_and_robot(keystone, access_rules=[RULE])
    token = (await use(keystone, made)).headers["x-subject-token"]
    robot = Caller(keystone.app, token)
    assert (await robot.get(f"{V3}/regions")).status == 200
    assert (await robot.get(f"{V3}/auth/projects")).status == 401
    assert (await robot.post(f"{V3}/regions", {"region": {}})).status == 401
    svc = await keystone.identity.ensure_project("service")
    await keystone.identity.ensure_user("nova", "nova", project_id=svc.id, role="service")
    nova = await keystone.token("nova", project={"name": "service", "domain": {"id": "default"}})
    got = await robot.get(f"{V3}/auth/projects", headers={"X-Service-Token": nova})
    assert got.status == 200


async def test_no_rules_at_all_allow_nothing(keystone):
    _, _, _, made = await ann_and_robot(keystone, access_rules=[])
    assert not await keystone.works((await use(keystone, made)).headers["x-subject-token"])


async def test_who_does_not_know_of_rules_does_not_get_such_a_token_validated(keystone):
    _, _, _, made = await ann_and_robot(keystone, access_rules=[RULE])
    token = (await use(keystone, made)).headers["x-subject-token"]
    admin = await keystone.as_()
    assert (await admin.get(f"{V3}/auth/tokens", headers={"X-Subject-Token": token})).status == 404
    knows = {"X-Subject-Token": token, "OpenStack-Identity-Access-Rules": "1.0"}
    shown = (await admin.get(f"{V3}/auth/tokens", headers=knows)).json["token"]["application_credential"]
    assert [r | {"id": ""} for r in shown["access_rules"]] == [RULE | {"id": ""}]


async def test_rules_are_used_again_and_outlive_their_credential(keystone):
    user, _, ann, one = await ann_and_robot(keystone, access_rules=[RULE])
    rule = one["access_rules"][0]["id"]
    two = await make(ann, user, name="two", access_rules=[RULE])
    three = await make(ann, user, name="three", access_rules=[{"id": rule}])
    assert two["access_rules"][0]["id"] == three["access_rules"][0]["id"] == rule
    assert (await ann.delete(f"{V3}/users/{user}/access_rules/{rule}")).status == 403
    for made in (one, two, three):
        assert (await ann.delete(f"{V3}/users/{user}/application_credentials/{made['id']}")).status == 204
    assert [r["id"] for r in (await ann.get(f"{V3}/users/{user}/access_rules?service=identity")).json["access_rules"]] == [rule]
    assert not (await ann.get(f"{V3}/users/{user}/access_rules?method=POST")).json["access_rules"]
    assert (await ann.delete(f"{V3}/users/{user}/access_rules/{rule}")).status == 204
    assert not (await ann.get(f"{V3}/users/{user}/access_rules")).json["access_rules"]


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/v2.1/servers", "/compute/v2.1/servers", True),
        ("/compute/v2.1/servers", "/compute/v2.1/servers", True),
        ("/v2.1/servers", "/compute/v2.1/servers/1", False),
        ("/v2.1/servers/*", "/compute/v2.1/servers/1", True),
        ("/v2.1/servers/*", "/compute/v2.1/servers/1/ips", False),
        ("/v2.1/servers/{id}/ips", "/compute/v2.1/servers/1/ips", True),
        ("/v2.1/**", "/compute/v2.1/servers/1/ips", True),
        ("/v2.1/**", "/compute/v2x1/servers", False),
        ("/v2.1/serv*", "/compute/v2.1/servers", True),
        ("/v2.1/servers", "/compute/v2.1/servers\n", False),
        ("/v2.1/servers", "/computer/v2.1/servers", False),
    ],
)
def test_patterns(pattern, path, fits):
    rules = gate([AccessRule(id="", user_id="", service="compute", method="GET", path=pattern)])
    assert rules.allows("compute", "/compute", "GET", path) == fits
    assert not rules.allows("compute", "/compute", "POST", path) and not rules.allows("image", "/compute", "GET", path)


def test_services_are_known_by_their_other_names():
    rules = gate([AccessRule(id="", user_id="", service="volumev3", method="GET", path="/v3/**")])
    assert rules.allows("block-storage", "/volume", "GET", "/volume/v3/p/volumes")
