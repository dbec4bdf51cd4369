"""One-time passwords, rules of several factors, and receipts."""

import asyncio
import base64

import pytest

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
    assert (await login(keystone, proofs("totp", code=passcode(keystone, 1)))).status == 201
    assert (await login(keystone, proofs("totp", code=passcode(keystone)))).json["token"]["methods"] == ["totp"]
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
    await asyncio.sleep(30)
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
    await asyncio.sleep(30)
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


async def test_a_one_time_password_is_good_once(keystone):
    """RFC 6238, 5.2. An overheard one is worth nothing, whatever it was used for and however quickly."""
    await ann(keystone)
    code = passcode(keystone)
    at_once = await asyncio.gather(*(login(keystone, proofs("totp", code=code)) for _ in range(5)))
    assert sorted(a.status for a in at_once) == [201, 401, 401, 401, 401]
    assert (await login(keystone, proofs("password", "totp", code=code))).status == 401
    assert (await login(keystone, proofs("totp", code=passcode(keystone, 1)))).status == 401, "older than one that was used"
    await asyncio.sleep(30)
    assert (await login(keystone, proofs("totp", code=code))).status == 401, "still within the window, but used"
    assert (await login(keystone, proofs("totp", code=passcode(keystone)))).status == 201


async def test_a_wrong_password_does_not_use_up_the_other_factor(keystone):
    await ann(keystone)
    code = passcode(keystone)
    assert (await login(keystone, proofs("password", "totp", code=code, password="x"))).status == 401
    assert (await login(keystone, proofs("password", "totp", code=code))).status == 201


async def test_every_seed_has_its_own_codes(keystone):
    user, other = await ann(keystone), b"09876543210987654321"
    await create(await keystone.as_(), "credential", user_id=user, type="totp", blob=base64.b32encode(other).decode())
    now = int(keystone.kit.clock.now().timestamp()) // 30
    assert (await login(keystone, proofs("totp", code=totp.code(KEY, now)))).status == 201
    assert (await login(keystone, proofs("totp", code=totp.code(other, now)))).status == 201


@pytest.mark.parametrize("change", ["delete", "another blob"])
async def test_what_was_had_by_a_seed_ends_with_it(keystone, change):
    """Tokens, those made from them, and receipts; others stay."""
    user = await ann(keystone)
    first = await login(keystone, proofs("totp", code=passcode(keystone)))
    token = first.headers["x-subject-token"]
    child = (await keystone.rescope(token, {"project": {"name": "ann", "domain": {"id": "default"}}})).headers["x-subject-token"]
    plain = (await login(keystone, proofs("password"))).headers["x-subject-token"]
    admin = await keystone.as_()
    await admin.patch(f"{V3}/users/{user}", {"user": {"options": RULES}})
    await asyncio.sleep(30)
    receipt = (await login(keystone, proofs("totp", code=passcode(keystone)))).headers["openstack-auth-receipt"]
    [seed] = (await admin.get(f"{V3}/credentials?user_id={user}")).json["credentials"]
    one = f"{V3}/credentials/{seed['id']}"
    if change == "delete":
        assert (await admin.delete(one)).status == 204
    else:
        assert (await admin.patch(one, {"credential": {"blob": SEED.lower()}})).status == 200
    assert [await keystone.works(t) for t in (token, child, plain)] == [False, False, True]
    assert (await login(keystone, proofs("password"), receipt)).status == 401


async def test_other_factors_beside_an_application_credential_must_hold(keystone):
    user = await ann(keystone)
    caller = await keystone.as_("ann", "ann", project="ann")
    made = await caller.post(f"{V3}/users/{user}/application_credentials", {"application_credential": {"name": "robot"}})
    robot = {k: made.json["application_credential"][k] for k in ("id", "secret")}
    for code, status in (("000000", 401), (passcode(keystone), 201)):
        both = proofs("totp", code=code)
        both = both | {"methods": ["application_credential", "totp"], "application_credential": robot}
        assert (await login(keystone, both)).status == status
