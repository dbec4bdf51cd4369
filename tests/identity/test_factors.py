"""One-time passwords, rules of several factors, and receipts."""

import asyncio
import base64

from pileus.identity import totp
from tests.identity.booted import V3
from tests.identity.test_projects import create

KEY = b"12345678901234567890"
SEED = base64.b32encode(KEY).decode()
RULES = {"multi_factor_auth_enabled": True, "multi_factor_auth_rules": [["password", "totp"], ["no such method"]]}


def test_codes_are_those_of_rfc_6238():
    assert [totp.code(KEY, at // 30) for at in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]


def passcode(keystone, back: int = 0) -> str:
    return totp.code(KEY, int(keystone.kit.clock.now().timestamp()) // 30 - back)


async def ann(keystone, **options) -> str:
    user, _ = await keystone.member("ann")
    admin = await keystone.as_()
    await create(admin, "credential", user_id=user, type="totp", blob=SEED)
    if options:
        assert (await admin.patch(f"{V3}/users/{user}", {"user": {"options": options}})).status == 200
    return user


def proofs(*methods: str, code: str = "", password: str = "ann") -> dict:
    who = {"name": "ann", "domain": {"id": "default"}}
    given = {"password": {"user": who | {"password": password}}, "totp": {"user": who | {"passcode": code}}}
    return {"methods": list(methods)} | {m: given[m] for m in methods}


async def login(keystone, identity: dict, receipt: str = ""):
    headers = {"openstack-auth-receipt": receipt} if receipt else {}
    return await keystone.anonymous.request("POST", f"{V3}/auth/tokens", json={"auth": {"identity": identity}}, headers=headers)


async def test_a_one_time_password_is_enough_unless_more_is_asked_for(keystone):
    await ann(keystone)
    assert (await login(keystone, proofs("totp", code=passcode(keystone)))).json["token"]["methods"] == ["totp"]
    assert (await login(keystone, proofs("totp", code=passcode(keystone, 1)))).status == 201
    for wrong in (passcode(keystone, 2), passcode(keystone, -1), "", "1" * 5000):
        assert (await login(keystone, proofs("totp", code=wrong))).status == 401
    await keystone.member("bob")
    bobs = proofs("totp", code=passcode(keystone))
    bobs["totp"]["user"]["name"] = "bob"
    assert (await login(keystone, bobs)).status == 401


async def test_several_factors_at_once_or_one_after_another(keystone):
    user = await ann(keystone, **RULES)
    both = await login(keystone, proofs("password", "totp", code=passcode(keystone)))
    assert (both.status, both.json["token"]["methods"]) == (201, ["password", "totp"])
    half = await login(keystone, proofs("password"))
    assert half.status == 401 and half.json["required_auth_methods"] == [["password", "totp"]]
    assert half.json["receipt"]["methods"] == ["password"] and half.json["receipt"]["user"]["id"] == user
    receipt = half.headers["openstack-auth-receipt"]
    whole = await login(keystone, proofs("totp", code=passcode(keystone)), receipt)
    assert (whole.status, whole.json["token"]["methods"]) == (201, ["password", "totp"])
    token = whole.headers["x-subject-token"]
    assert (await keystone.rescope(token, {"project": {"name": "ann", "domain": {"id": "default"}}})).status == 201


async def test_a_receipt_is_no_token_and_no_proof_and_does_not_last(keystone):
    user = await ann(keystone, **RULES)
    receipt = (await login(keystone, proofs("password"))).headers["openstack-auth-receipt"]
    assert not await keystone.works(receipt)
    assert (await keystone.rescope(receipt)).status == 404
    assert (await login(keystone, {"methods": ["token"], "token": {"id": receipt}}, receipt)).status == 404
    token = (await login(keystone, proofs("password", "totp", code=passcode(keystone)))).headers["x-subject-token"]
    assert (await login(keystone, proofs("totp", code=passcode(keystone)), token)).status == 401
    assert (await login(keystone, proofs("totp", code=passcode(keystone)), receipt + "x")).status == 401
    other = await login(keystone, {"methods": ["password"], "password": {"user": {"name": "admin", "domain": {"id": "default"},
                                                                                 "password": "secret"}}}, receipt)
    assert other.status == 401
    await (await keystone.as_()).patch(f"{V3}/users/{user}", {"user": {"password": "new"}})
    assert (await login(keystone, proofs("totp", code=passcode(keystone)), receipt)).status == 401
    receipt = (await login(keystone, proofs("password", password="new"))).headers["openstack-auth-receipt"]
    await asyncio.sleep(301)
    assert (await login(keystone, proofs("totp", code=passcode(keystone)), receipt)).status == 401


async def test_a_wrong_factor_gets_no_receipt(keystone):
    await ann(keystone, **RULES)
    for wrong in (proofs("password", password="x"), proofs("password", "totp", code="000000")):
        got = await login(keystone, wrong)
        assert got.status == 401 and "openstack-auth-receipt" not in got.headers and "receipt" not in got.json


async def test_rules_that_nobody_could_keep_are_none(keystone):
    await ann(keystone, multi_factor_auth_enabled=True, multi_factor_auth_rules=[["no such method"]])
    assert (await login(keystone, proofs("password"))).status == 201
