"""Tokens that have expired: for services that finish what was begun while they were good, and for nobody else."""

import asyncio

import pytest

from pileus.identity.periodic import purge_revocations
from tests.harness import Caller
from tests.identity.booted import V3, booted

PATH = f"{V3}/auth/tokens"
HOUR, WINDOW = 3600, 7200


@pytest.fixture(params=["fernet", "jws"])
def keystone(request):
    return booted(allow_expired_window_s=WINDOW, token_expiration_s=HOUR, token_provider=request.param)


async def asked(keystone, token, query="?allow_expired=1", method="GET"):
    """By an administrator who has just logged in."""
    admin = await keystone.as_()
    return await admin.request(method, PATH + query, headers={"x-subject-token": token})


async def service(keystone) -> str:
    await keystone.member("nova", "service", role="service")
    return (await keystone.as_("nova", "nova", project="service")).token


async def with_service(keystone, token, service_token, method="GET", path="/regions") -> int:
    return (await Caller(keystone.app, token, {"x-service-token": service_token}).request(method, V3 + path)).status


async def test_who_asks_for_it_is_told_about_an_expired_token_for_a_while(keystone):
    ann, project = await keystone.member("ann")
    token = await keystone.token("ann")
    before = (await asked(keystone, token, "")).json
    await asyncio.sleep(HOUR)
    for query, status in (("", 404), ("?allow_expired=0", 404), ("?allow_expired=1", 200), ("?allow_expired", 200)):
        assert (await asked(keystone, token, query)).status == (await asked(keystone, token, query, "HEAD")).status == status, query
    late = (await asked(keystone, token)).json
    assert late == before and late["token"]["user"]["id"] == ann and late["token"]["project"]["id"] == project
    assert (await asked(keystone, token, method="DELETE")).status == 404
    await asyncio.sleep(WINDOW - 1)
    assert (await asked(keystone, token)).status == 200
    await asyncio.sleep(1)
    assert (await asked(keystone, token)).status == 404


async def test_an_expired_token_opens_no_door_and_is_exchanged_for_nothing(keystone):
    token = (await keystone.as_()).token
    await asyncio.sleep(HOUR)
    assert not await keystone.works(token)
    assert (await Caller(keystone.app, token).request("GET", f"{PATH}?allow_expired=1", headers={"x-subject-token": token})).status == 401
    assert (await keystone.rescope(token)).status == 404
    assert (await asked(keystone, token)).status == 200 and not await keystone.works(token), "being asked about it does not wake it"


async def test_a_service_goes_on_with_it_and_nobody_else_does(keystone):
    await keystone.member("ann")
    await keystone.member("bob")
    token = await keystone.token("ann")
    await asyncio.sleep(HOUR)
    bob, nova = await keystone.token("bob"), await service(keystone)
    assert await with_service(keystone, token, nova) == 200
    assert await with_service(keystone, token, bob) == 401
    assert await with_service(keystone, token, "rubbish") == 401
    assert await with_service(keystone, token, token) == 401
    assert await with_service(keystone, nova, token) == 401, "the service's own token must be good"
    await asyncio.sleep(HOUR)
    assert await with_service(keystone, token, nova) == 401, "also when the user's would be taken"
    await asyncio.sleep(WINDOW)
    assert await with_service(keystone, token, await service(keystone)) == 401


async def test_OSSA_2016_005_what_was_revoked_stays_so(keystone):
    """The revocation is kept as long as the token could be asked about."""
    await keystone.member("ann")
    admin, tokens = await keystone.as_(), [await keystone.token("ann") for _ in range(3)]
    assert (await admin.request("DELETE", PATH, headers={"x-subject-token": tokens[0]})).status == 204
    await asyncio.sleep(HOUR)
    nova = await service(keystone)
    await purge_revocations(keystone.identity)
    assert [(await asked(keystone, t)).status for t in tokens] == [404, 200, 200]
    assert [await with_service(keystone, t, nova) for t in tokens] == [401, 200, 200]
    user = (await keystone.identity.users.find_named("ann", "default")).id
    assert (await (await keystone.as_()).patch(f"{V3}/users/{user}", {"user": {"enabled": False}})).status == 200
    assert [(await asked(keystone, t)).status for t in tokens] == [404] * 3


async def test_a_revocation_outlives_the_default_window():
    async with booted() as keystone:
        admin, doomed = await keystone.as_(), (await keystone.as_()).token
        await admin.request("DELETE", PATH, headers={"x-subject-token": doomed})
        await asyncio.sleep(48 * HOUR + HOUR - 1)
        await purge_revocations(keystone.identity)
        assert (await asked(keystone, doomed)).status == 404


async def test_a_trust_that_has_ended_says_nothing_late(keystone):
    (ann, project), (bob, _) = await keystone.member("ann"), await keystone.member("bob")
    trustor = await keystone.as_("ann", "ann", project="ann")
    trust = {"trustor_user_id": ann, "trustee_user_id": bob, "project_id": project, "impersonation": False,
             "roles": [{"name": "member"}]}
    tokens = []
    for ends in ({"expires_at": "2026-01-01T00:10:00Z"}, {}):
        made = (await trustor.post(f"{V3}/OS-TRUST/trusts", {"trust": trust | ends})).json["trust"]
        got = await keystone.auth("bob", "bob", scope={"OS-TRUST:trust": {"id": made["id"]}})
        tokens.append(got.headers["x-subject-token"])
    await asyncio.sleep(HOUR)
    assert [(await asked(keystone, t)).status for t in tokens] == [404, 200]


async def test_without_a_window_expired_is_expired():
    async with booted(allow_expired_window_s=0) as keystone:
        token = (await keystone.as_()).token
        await asyncio.sleep(HOUR)
        assert (await asked(keystone, token)).status == 404
