"""Tokens that outlive what they stand on, or are bent into others: rows 21, 23 and 27 of the list of advisories.

More in test_revocation, test_tokens, test_trusts and test_jws.
"""

import asyncio
import base64

import pytest

from tests.harness import Caller
from tests.identity.booted import V3, booted
from tests.identity.test_federation import login, setup
from tests.identity.test_projects import create

UNTIL = "2026-01-01T01:00:00.000000Z"


async def federated(keystone) -> tuple[str, str]:
    """(a token that an identity provider's word was given for, a project of its user)"""
    admin = await keystone.as_()
    await setup(admin)
    group = (await create(admin, "group", name="dev"))["id"]
    project = (await keystone.identity.create_project("theirs")).id
    role = (await keystone.identity.roles.find_named("member")).id
    assert (await admin.put(f"{V3}/projects/{project}/groups/{group}/roles/{role}")).status == 204
    got = await login(keystone)
    assert got.status == 201, got.text
    return got.headers["x-subject-token"], project


async def test_CVE_2026_44394_a_rescoped_federated_token_ends_when_the_first_one_does():
    """Row 21: by every scope and over and over; nor does it outlive the membership that the provider gave."""
    async with booted(trusted_proxies=("127.0.0.0/8",)) as keystone:
        token, project = await federated(keystone)
        user = (await keystone.identity.authenticate(token)).user_id
        for _ in range(4):
            await asyncio.sleep(600)
            for scope in ("unscoped", {"project": {"id": project}}):
                got = await keystone.rescope(token, scope)
                assert got.status == 201 and got.json["token"]["expires_at"] == UNTIL
                assert got.json["token"]["user"]["id"] == user and set(got.json["token"]["methods"]) == {"saml2", "token"}
        child = got.headers["x-subject-token"]
        await asyncio.sleep(1201)
        assert not await keystone.works(token) and not await keystone.works(child)
        assert (await keystone.rescope(child, {"project": {"id": project}})).status == 404


def chain_of(length: int):
    async def make(keystone) -> list[str]:
        tokens = [await keystone.token("ann")]
        for _ in range(length - 1):
            got = await keystone.rescope(tokens[-1], {"project": {"name": "ann", "domain": {"id": "default"}}})
            assert got.status == 201 and got.json["token"]["expires_at"] == UNTIL
            tokens.append(got.headers["x-subject-token"])
        return tokens
    return make


@pytest.mark.parametrize("revoked", range(5))
async def test_OSSA_2016_008_every_link_of_a_chain_ends_all_that_follows(keystone, revoked):
    """Row 27: whichever of the tokens is revoked, by itself; those before it go on."""
    user, _ = await keystone.member("ann")
    tokens = await chain_of(5)(keystone)
    admin = await keystone.as_()
    got = await admin.delete(f"{V3}/auth/tokens", headers={"X-Subject-Token": tokens[revoked]})
    assert got.status == 204
    assert [await keystone.works(t) for t in tokens] == [at < revoked for at in range(5)]
    for token in tokens[revoked:]:
        assert (await keystone.rescope(token)).status == 404
        assert (await admin.get(f"{V3}/auth/tokens", headers={"X-Subject-Token": token})).status == 404
        assert (await admin.head(f"{V3}/auth/tokens", headers={"X-Subject-Token": token})).status == 404
    assert (await keystone.auth("ann", "ann")).status == 201, user


ENDS = ["user deleted", "user disabled", "password", "own password", "project disabled", "role", "domain disabled"]


@pytest.mark.parametrize("end", ENDS)
async def test_OSSA_2013_011_a_whole_chain_ends_with_what_it_stands_on(keystone, end):
    """Row 27 (and OSSA-2012-010, -014, -019, OSSA-2013-025): from the very next request on, and for good."""
    admin = await keystone.as_()
    domain = (await create(admin, "domain", name="d"))["id"]
    user = (await keystone.identity.create_user("ann", "ann", domain_id=domain)).id
    project = (await keystone.identity.create_project("p", domain_id=domain)).id
    await keystone.identity.assign_role("member", user_id=user, project_id=project)
    scope = {"project": {"id": project}}
    tokens = [(await keystone.auth("ann", "ann", domain="d", scope=scope)).headers["x-subject-token"]]
    for _ in range(3):
        tokens.append((await keystone.rescope(tokens[-1], scope)).headers["x-subject-token"])
    assert [await keystone.works(t) for t in tokens] == [True] * 4
    role = (await keystone.identity.roles.find_named("member")).id
    users = f"{V3}/users/{user}"
    method, path, body = {
        "user deleted": ("DELETE", users, None),
        "user disabled": ("PATCH", users, {"user": {"enabled": False}}),
        "password": ("PATCH", users, {"user": {"password": "new"}}),
        "own password": ("POST", f"{users}/password", {"user": {"original_password": "ann", "password": "new"}}),
        "project disabled": ("PATCH", f"{V3}/projects/{project}", {"project": {"enabled": False}}),
        "role": ("DELETE", f"{V3}/projects/{project}/users/{user}/roles/{role}", None),
        "domain disabled": ("PATCH", f"{V3}/domains/{domain}", {"domain": {"enabled": False}}),
    }[end]
    assert (await admin.request(method, path, json=body)).status in (200, 204)
    assert [await keystone.works(t) for t in tokens] == [False] * 4
    assert [(await keystone.rescope(t, scope)).status for t in tokens] == [404] * 4
    if "disabled" in end:
        kind = end.split()[0]
        assert (await admin.request(method, path, json={kind: {"enabled": True}})).status == 200
        assert [await keystone.works(t) for t in tokens] == [False] * 4


async def test_OSSA_2016_005_a_revoked_token_written_otherwise_is_still_revoked(keystone):
    """Row 27: base64 lets one write the same bytes in several ways. Only the one that was given out is a token."""
    await keystone.member("ann")
    token, admin = await keystone.token("ann"), await keystone.as_()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    whole = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    spelled = {token[:-1] + letter for letter in alphabet}
    spelled |= {token + tail for tail in ("=", "==", "===", "A", "%3D", ".", "!", "=" * 9)} | {token[:9] + "+" + token[9:]}
    for at in (0, 1, 8, 12, 24, len(whole) // 2, len(whole) - 33, len(whole) - 1):
        bent = bytearray(whole)
        bent[at] ^= 1
        spelled.add(base64.urlsafe_b64encode(bytes(bent)).decode().rstrip("="))
    assert [s for s in spelled if await keystone.works(s)] == [token]
    assert (await admin.delete(f"{V3}/auth/tokens", headers={"X-Subject-Token": token})).status == 204
    assert not [s for s in spelled if await keystone.works(s)]


async def test_no_renewal_by_delegation(keystone):
    """Row 27: neither a token that is made of one with a password beside it, nor one by a trust, lives longer than the first."""
    await keystone.member("ann")
    token = await keystone.token("ann")
    await asyncio.sleep(1800)
    who = {"user": {"name": "ann", "domain": {"id": "default"}, "password": "ann"}}
    got = await keystone.login({"methods": ["token", "password"], "token": {"id": token}, "password": who})
    assert got.status == 201 and got.json["token"]["expires_at"] == UNTIL
    both = got.headers["x-subject-token"]
    assert (await Caller(keystone.app, token).delete(f"{V3}/auth/tokens", headers={"X-Subject-Token": token})).status == 204
    assert not await keystone.works(both)
