"""Trusts that are handed on: never more than what was had, and nothing of it outlives any of what it stands on."""

import asyncio

import pytest

from tests.harness import Caller
from tests.identity.booted import V3, booted
from tests.identity.test_trusts import PATH, Pair, pair

ENDS = "2026-01-01T00:30:00Z"


class Chain(Pair):
    """ann trusts bob, who may hand it on to carol, who may hand it on to dave."""

    def __init__(self, keystone, ids, callers, carol, dave):
        super().__init__(keystone, ids, callers)
        self.carol, self.dave = carol, dave

    async def hand_on(self, token: str, **fields):
        """By the holder of a token of a trust."""
        caller = Caller(self.keystone.app, token)
        who = (await caller.get(f"{V3}/auth/tokens", headers={"X-Subject-Token": token})).json["token"]["user"]["id"]
        wanted = self.good | {"trustor_user_id": who, "trustee_user_id": self.carol} | fields
        return await caller.post(PATH, {"trust": wanted})

    async def log_in_as(self, user: str, trust: dict) -> str:
        got = await self.log_in(trust, user)
        assert got.status == 201, got.text
        return got.headers["x-subject-token"]


async def chain(keystone) -> Chain:
    p = await pair(keystone)
    (carol, _), (dave, _) = await keystone.member("carol"), await keystone.member("dave")
    await keystone.identity.assign_role("manager", user_id=p.ann, project_id=p.project)
    return Chain(keystone, (p.ann, p.project, p.bob), (p.trustor, p.trustee, p.admin), carol, dave)


@pytest.mark.parametrize("impersonation", [True, False])
async def test_a_trust_is_handed_on_until_its_count_is_used_up(keystone, impersonation):
    p = await chain(keystone)
    first = await p.create(allow_redelegation=True, redelegation_count=2, impersonation=impersonation, expires_at=ENDS)
    assert first["redelegation_count"] == 2 and first["redelegated_trust_id"] is None
    got = await p.hand_on(await p.token(first), allow_redelegation=True, impersonation=impersonation)
    assert got.status == 201, got.text
    second = got.json["trust"]
    assert second["redelegated_trust_id"] == first["id"] and second["redelegation_count"] == 1
    assert second["expires_at"] == first["expires_at"] and second["trustor_user_id"] == (p.ann if impersonation else p.bob)
    token = await p.log_in_as("carol", second)
    meant = (await Caller(keystone.app, token).get(f"{V3}/auth/tokens", headers={"X-Subject-Token": token})).json["token"]
    assert meant["project"]["id"] == p.project and "member" in {r["name"] for r in meant["roles"]}
    assert meant["user"]["id"] == (p.ann if impersonation else p.carol)
    third = await p.hand_on(token, allow_redelegation=True, impersonation=impersonation, trustee_user_id=p.dave)
    assert third.status == 201 and third.json["trust"]["redelegation_count"] == 0
    last = await p.log_in_as("dave", third.json["trust"])
    assert await keystone.works(last)
    assert (await p.hand_on(last, impersonation=impersonation, trustee_user_id=p.bob)).status == 403


async def test_the_count_is_the_configurations_unless_less_is_asked_for(keystone):
    p = await chain(keystone)
    for asked, count in (({}, 3), ({"redelegation_count": None}, 3), ({"redelegation_count": 1}, 1), ({"redelegation_count": 0}, 0)):
        assert (await p.create(allow_redelegation=True, **asked))["redelegation_count"] == count
    assert (await p.create(allow_redelegation=False, redelegation_count=2))["redelegation_count"] == 0


async def test_where_it_is_not_allowed_nobody_hands_on():
    async with booted(max_redelegation_count=0) as keystone:
        p = await chain(keystone)
        assert (await p.create(allow_redelegation=True))["redelegation_count"] == 0
        assert (await p.hand_on(await p.token(await p.create()))).status == 403


@pytest.mark.parametrize("more", [
    {"roles": [{"name": "manager"}]},
    {"roles": [{"name": "member"}, {"name": "admin"}]},
    {"expires_at": "2026-01-01T00:30:01Z"},
    {"remaining_uses": 1},
    {"allow_redelegation": True, "redelegation_count": 2},
    {"allow_redelegation": True, "redelegation_count": 3},
    {"project_id": "another"},
    {"redelegated_trust_id": "another"},
    {"trustor_user_id": "another"},
])
async def test_nobody_hands_on_more_than_was_given(keystone, more):
    p = await chain(keystone)
    trust = await p.create(allow_redelegation=True, redelegation_count=2, expires_at=ENDS)
    another = (await keystone.identity.ensure_project("another")).id
    await keystone.identity.assign_role("member", user_id=p.ann, project_id=another)
    if "project_id" in more:
        more = {"project_id": another}
    if "trustor_user_id" in more:
        more = {"trustor_user_id": p.bob}
    got = await p.hand_on(await p.token(trust), **more)
    assert got.status == 404 if "admin" in str(more) else got.status == 403, got.text
    assert len((await p.admin.get(PATH)).json["trusts"]) == 1


async def test_OSSA_2014_018_who_may_not_impersonate_cannot_let_others(keystone):
    """Row 29: chained delegation: an impersonating link after one that does not would be ann's whole identity."""
    p = await chain(keystone)
    trust = await p.create(allow_redelegation=True, impersonation=False)
    assert (await p.hand_on(await p.token(trust), impersonation=True)).status == 403
    assert (await p.hand_on(await p.token(trust), impersonation=False)).status == 201


GONE = ("first trust", "ann", "bob", "bob disabled", "bob's password", "ann's role", "project disabled")


@pytest.mark.parametrize("gone", GONE)
@pytest.mark.parametrize("impersonation", [True, False])
async def test_what_was_handed_on_ends_with_any_of_what_it_stands_on(keystone, gone, impersonation):
    p = await chain(keystone)
    first = await p.create(allow_redelegation=True, impersonation=impersonation)
    second = (await p.hand_on(await p.token(first), impersonation=impersonation)).json["trust"]
    token = await p.log_in_as("carol", second)
    assert await keystone.works(token)
    member, manager = [(await keystone.identity.roles.find_named(name)).id for name in ("member", "manager")]
    role = f"{V3}/projects/{p.project}/users/{p.ann}/roles/"
    steps = {
        "first trust": [("DELETE", f"{PATH}/{first['id']}", None)],
        "ann": [("DELETE", f"{V3}/users/{p.ann}", None)],
        "bob": [("DELETE", f"{V3}/users/{p.bob}", None)],
        "bob disabled": [("PATCH", f"{V3}/users/{p.bob}", {"user": {"enabled": False}})],
        "bob's password": [("PATCH", f"{V3}/users/{p.bob}", {"user": {"password": "new"}})],
        "ann's role": [("DELETE", role + member, None), ("DELETE", role + manager, None)],
        "project disabled": [("PATCH", f"{V3}/projects/{p.project}", {"project": {"enabled": False}})],
    }[gone]
    for method, path, body in steps:
        assert (await p.admin.request(method, path, json=body)).status in (200, 204)
    assert not await keystone.works(token)
    still = gone == "bob's password"
    assert (await p.log_in(second, "carol")).status == (201 if still else 401)
    if gone in ("first trust", "ann", "bob"):
        assert (await p.admin.get(f"{PATH}/{second['id']}")).status == 404


async def test_a_chain_expires_as_a_whole(keystone):
    p = await chain(keystone)
    first = await p.create(allow_redelegation=True, expires_at=ENDS)
    sooner = (await p.hand_on(await p.token(first), expires_at="2026-01-01T00:10:00Z")).json["trust"]
    same = (await p.hand_on(await p.token(first))).json["trust"]
    tokens = [await p.log_in_as("carol", trust) for trust in (sooner, same)]
    await asyncio.sleep(600)
    assert [await keystone.works(t) for t in tokens] == [False, True]
    await asyncio.sleep(1200)
    assert not await keystone.works(tokens[1])
