"""Trusts: somebody acts for somebody else, with no more than what that one has, and no longer."""

import asyncio

import pytest

from pileus.identity.periodic import remove_expired_trusts
from tests.harness import Caller
from tests.identity.booted import V3
from tests.identity.test_projects import create

PATH = f"{V3}/OS-TRUST/trusts"


class Pair:
    """ann trusts bob with her role on her project."""

    def __init__(self, keystone, ids, callers):
        self.keystone = keystone
        self.ann, self.project, self.bob = ids
        self.trustor, self.trustee, self.admin = callers
        self.good = {"trustor_user_id": self.ann, "trustee_user_id": self.bob, "project_id": self.project,
                     "impersonation": True, "roles": [{"name": "member"}]}

    async def create(self, **changes):
        got = await self.trustor.post(PATH, {"trust": self.good | changes})
        assert got.status == 201, got.text
        return got.json["trust"]

    async def log_in(self, trust, user="bob", **more):
        return await self.keystone.auth(user, user, scope={"OS-TRUST:trust": {"id": trust["id"]}} | more)

    async def token(self, trust):
        got = await self.log_in(trust)
        assert got.status == 201, got.text
        return got.headers["x-subject-token"]


async def pair(keystone):
    (ann, project), (bob, _) = await keystone.member("ann"), await keystone.member("bob")
    callers = await keystone.as_("ann", "ann", project="ann"), await keystone.as_("bob", "bob", project="bob"), await keystone.as_()
    return Pair(keystone, (ann, project, bob), callers)


async def test_create_show_list_delete(keystone):
    p = await pair(keystone)
    made = await p.create(expires_at="2026-01-01T00:30:00Z", remaining_uses=3, allow_redelegation=False)
    assert made | p.good | {"roles": 0} == made | {"roles": 0}
    assert made["expires_at"] == "2026-01-01T00:30:00.000000Z" and made["remaining_uses"] == 3
    assert made["redelegation_count"] == 0 and made["redelegated_trust_id"] is None and made["deleted_at"] is None
    assert [r["name"] for r in made["roles"]] == ["member"] and made["roles_links"]["self"].endswith(f"{made['id']}/roles")
    one, role = f"{PATH}/{made['id']}", made["roles"][0]
    other = (await keystone.identity.roles.find_named("reader")).id
    brief = {k: v for k, v in made.items() if k not in ("roles", "roles_links")}
    for who in (p.trustor, p.trustee, p.admin):
        assert (await who.get(one)).json["trust"] == made
        assert (await who.get(f"{one}/roles")).json["roles"] == [role]
        assert (await who.get(f"{one}/roles/{role['id']}")).json["role"] == role
        assert (await who.get(f"{one}/roles/{other}")).status == 404
        for path, status in ((one, 200), (f"{one}/roles", 200), (f"{one}/roles/{role['id']}", 200), (f"{one}/roles/{other}", 404)):
            assert (await who.request("HEAD", path)).status == status, path
    for who, query, status in (
        (p.admin, "", 200),
        (p.trustor, "", 403),
        (p.trustor, f"?trustor_user_id={p.ann}", 200),
        (p.trustor, f"?trustee_user_id={p.bob}", 403),
        (p.trustee, f"?trustee_user_id={p.bob}", 200),
        (p.trustee, f"?trustor_user_id={p.ann}", 403),
        (p.trustee, f"?trustee_user_id={p.bob}&trustor_user_id={p.ann}", 403),
        (p.trustee, "?trustee_user_id__contains=", 403),
    ):
        got = await who.get(PATH + query)
        assert got.status == (await who.request("HEAD", PATH + query)).status == status, query
        assert status == 403 or got.json["trusts"] == [brief]
    assert (await p.admin.get(f"{PATH}?trustor_user_id={p.bob}")).json["trusts"] == []
    assert (await p.trustee.delete(one)).status == 403
    assert (await p.trustor.delete(one)).status == 204
    assert [(await who.get(one)).status for who in (p.trustor, p.trustee, p.admin)] == [404] * 3


async def test_nobody_creates_one_for_somebody_else(keystone):
    p = await pair(keystone)
    for who in (p.trustee, p.admin):
        assert (await who.post(PATH, {"trust": p.good})).status == 403


async def test_bad_input_changes_nothing(keystone):
    p = await pair(keystone)
    manager = (await keystone.identity.roles.find_named("manager")).id
    for wrong, status in (
        ({"roles": []}, 403),
        ({"roles": [{"name": "admin"}]}, 404),
        ({"roles": [{"name": "member"}, {"id": manager}]}, 404),
        ({"roles": [{}]}, 400),
        ({"trustee_user_id": "missing"}, 404),
        ({"project_id": "missing"}, 404),
        ({"project_id": None}, 400),
        ({"impersonation": None}, 400),
        ({"expires_at": "bad.123Z"}, 400),
        ({"expires_at": "9999-12-31T23:59:59-05:00"}, 400),
        ({"expires_at": 1}, 400),
        ({"expires_at": "2025-12-31T23:59:59Z"}, 400),
        ({"remaining_uses": 0}, 400),
        ({"remaining_uses": "1"}, 400),
        ({"allow_redelegation": True, "redelegation_count": 4}, 403),
        ({"allow_redelegation": True, "remaining_uses": 1}, 400),
        ({"redelegated_trust_id": "x"}, 403),
        ({"unknown": 1}, 400),
    ):
        got = await p.trustor.post(PATH, {"trust": p.good | wrong})
        assert got.status == status, (wrong, got.text)
    assert (await p.admin.get(PATH)).json["trusts"] == []


@pytest.mark.parametrize("impersonation", [True, False])
@pytest.mark.parametrize("by_token", [True, False])
async def test_a_token_of_a_trust(keystone, impersonation, by_token):
    p = await pair(keystone)
    await keystone.identity.assign_role("manager", user_id=p.ann, project_id=p.project)
    trust = await p.create(impersonation=impersonation)
    scope = {"OS-TRUST:trust": {"id": trust["id"]}}
    got = await (keystone.rescope(p.trustee.token, scope) if by_token else p.log_in(trust))
    token = got.json["token"]
    assert token["OS-TRUST:trust"] == {"id": trust["id"], "impersonation": impersonation, "trustor_user": {"id": p.ann},
                                       "trustee_user": {"id": p.bob}}
    assert token["user"]["id"] == (p.ann if impersonation else p.bob) and token["project"]["id"] == p.project
    assert [r["name"] for r in token["roles"]] == ["member", "reader"]
    context = await keystone.identity.authenticate(got.headers["x-subject-token"])
    assert context.trust_id == trust["id"] and context.roles == {"member", "reader"} and context.project_id == p.project
    assert "OS-TRUST:trust" not in (await keystone.auth("ann", "ann")).json["token"]
    shown = await p.admin.get(f"{V3}/auth/tokens", headers={"X-Subject-Token": got.headers["x-subject-token"]})
    assert shown.json["token"] == token


async def test_only_the_trustee_logs_in_with_it(keystone):
    p = await pair(keystone)
    trust = await p.create()
    await keystone.member("eve")
    assert [(await p.log_in(trust, user)).status for user in ("ann", "eve", "bob")] == [403, 403, 201]
    assert (await p.log_in({"id": "missing"})).status == 401
    assert (await p.log_in(trust, project={"id": p.project})).status == 400


async def test_a_token_of_a_trust_makes_no_other_token_no_trust_and_reads_no_secret(keystone):
    """Row 29 of the list of advisories."""
    p = await pair(keystone)
    trust, other = await p.create(), await p.create()
    secret = await create(p.trustor, "credential", user_id=p.ann, type="cert", blob="x")
    token = await p.token(trust)
    for scope in (None, "unscoped", {"project": {"id": p.project}}, {"OS-TRUST:trust": {"id": trust["id"]}}):
        assert (await keystone.rescope(token, scope)).status == 403
    caller = Caller(keystone.app, token)
    assert (await caller.post(PATH, {"trust": p.good})).status == 403
    assert (await caller.post(PATH, {"trust": p.good | {"redelegated_trust_id": trust["id"]}})).status == 403
    credential = {"user_id": p.ann, "type": "cert", "blob": "y"}
    for method, path, body in (
        ("GET", "", None), ("POST", "", credential), ("GET", secret["id"], None),
        ("PATCH", secret["id"], {"blob": "y"}), ("DELETE", secret["id"], None),
    ):
        url = f"{V3}/credentials/{path}".rstrip("/")
        assert (await caller.request(method, url, json={"credential": body} if body else None)).status == 403, method
    assert (await caller.delete(f"{PATH}/{other['id']}")).status == 403
    assert len((await p.admin.get(PATH)).json["trusts"]) == 2
    assert (await caller.delete(f"{PATH}/{trust['id']}")).status == 204


async def test_uses_are_counted_and_never_had_twice(keystone):
    p = await pair(keystone)
    trust = await p.create(remaining_uses=2)
    assert (await p.log_in(trust, "ann")).status == 403
    await keystone.identity.users.update(p.ann, {"enabled": False})
    assert (await p.log_in(trust)).status == 401  # and takes no use
    await keystone.identity.users.update(p.ann, {"enabled": True})
    got = await asyncio.gather(*(p.log_in(trust) for _ in range(5)))
    assert sorted(g.status for g in got) == [201, 201, 401, 401, 401]
    one = f"{PATH}/{trust['id']}"
    for path in (one, f"{one}/roles"):
        assert [(await p.trustee.request(method, path)).status for method in ("GET", "HEAD")] == [404, 404], "it is used up"
    for one in got:
        assert one.status == 401 or await keystone.works(one.headers["x-subject-token"])


async def test_a_trust_expires_with_its_tokens(keystone):
    p = await pair(keystone)
    trust = await p.create(expires_at="2026-01-01T02:10:00+02:00", remaining_uses=5)
    assert trust["expires_at"] == "2026-01-01T00:10:00.000000Z"
    got = await p.log_in(trust)
    assert got.json["token"]["expires_at"] == "2026-01-01T00:10:00.000000Z"
    await asyncio.sleep(599)
    assert await keystone.works(got.headers["x-subject-token"])
    await asyncio.sleep(2)
    assert not await keystone.works(got.headers["x-subject-token"])
    assert (await p.log_in(trust)).status == 401
    assert [(await who.get(f"{PATH}/{trust['id']}")).status for who in (p.trustor, p.admin)] == [404, 404]
    assert [t["remaining_uses"] for t in (await p.admin.get(PATH)).json["trusts"]] == [4]


async def test_expired_trusts_are_forgotten_and_others_are_not(keystone):
    p = await pair(keystone)
    await p.create(expires_at="2026-01-01T00:10:00Z")
    kept = [(await p.create(**more))["id"] for more in ({"expires_at": "2026-01-01T01:00:00Z"}, {}, {"remaining_uses": 1})]
    await asyncio.sleep(599)
    assert await remove_expired_trusts(keystone.identity) is None
    await asyncio.sleep(1)
    assert await remove_expired_trusts(keystone.identity) == "1 trusts removed"
    assert sorted(t["id"] for t in (await p.admin.get(PATH)).json["trusts"]) == sorted(kept)


async def test_one_that_is_over_can_still_be_deleted(keystone):
    p = await pair(keystone)
    trust = await p.create(remaining_uses=1)
    await p.token(trust)
    assert (await p.trustor.delete(f"{PATH}/{trust['id']}")).status == 204
    assert (await p.admin.get(PATH)).json["trusts"] == []


GONE = ("trust", "trustor", "trustee", "project", "role", "trustor disabled", "trustee disabled", "project disabled",
        "trustor's password", "trustee's password", "parent")


@pytest.mark.parametrize("impersonation", [True, False])
@pytest.mark.parametrize("gone", GONE)
async def test_a_token_ends_with_what_it_stands_on(keystone, gone, impersonation):
    p = await pair(keystone)
    trust = await p.create(impersonation=impersonation)
    token = (await keystone.rescope(p.trustee.token, {"OS-TRUST:trust": {"id": trust["id"]}})).headers["x-subject-token"]
    assert await keystone.works(token)
    member = (await keystone.identity.roles.find_named("member")).id
    users, projects = f"{V3}/users", f"{V3}/projects"
    how = {
        "trust": ("DELETE", f"{PATH}/{trust['id']}", None),
        "trustor": ("DELETE", f"{users}/{p.ann}", None),
        "trustee": ("DELETE", f"{users}/{p.bob}", None),
        "project": ("DELETE", f"{projects}/{p.project}", None),
        "role": ("DELETE", f"{projects}/{p.project}/users/{p.ann}/roles/{member}", None),
        "trustor disabled": ("PATCH", f"{users}/{p.ann}", {"user": {"enabled": False}}),
        "trustee disabled": ("PATCH", f"{users}/{p.bob}", {"user": {"enabled": False}}),
        "project disabled": ("PATCH", f"{projects}/{p.project}", {"project": {"enabled": False}}),
        "trustor's password": ("PATCH", f"{users}/{p.ann}", {"user": {"password": "new"}}),
        "trustee's password": ("PATCH", f"{users}/{p.bob}", {"user": {"password": "new"}}),
    }
    if gone == "parent":
        await p.admin.delete(f"{V3}/auth/tokens", headers={"X-Subject-Token": p.trustee.token})
    else:
        method, path, body = how[gone]
        assert (await p.admin.request(method, path, json=body)).status in (200, 204)
    assert not await keystone.works(token)
    if gone in ("trust", "trustor", "trustee", "project"):
        assert (await p.admin.get(f"{PATH}/{trust['id']}")).status == 404
    if gone not in ("trustor's password", "parent"):
        assert (await p.log_in(trust)).status == 401
    if gone.endswith("disabled"):
        kind = "project" if gone.startswith("project") else "user"
        await p.admin.request(method, path, json={kind: {"enabled": True}})
        assert not await keystone.works(token) and (await p.log_in(trust)).status == 201


async def test_a_trustor_who_has_the_role_no_more_gives_nothing_of_the_trust(keystone):
    """Not even those roles of it that the trustor kept: it was given as a whole."""
    p = await pair(keystone)
    await keystone.identity.assign_role("manager", user_id=p.ann, project_id=p.project)
    trust = await p.create(roles=[{"name": "manager"}, {"name": "reader"}])
    token = await p.token(trust)
    manager = (await keystone.identity.roles.find_named("manager")).id
    assert (await p.admin.delete(f"{V3}/projects/{p.project}/users/{p.ann}/roles/{manager}")).status == 204
    assert not await keystone.works(token) and (await p.log_in(trust)).status == 401
