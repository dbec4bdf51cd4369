"""Users of the object store's own: logging in, groups, lists of containers and of accounts, services."""

import json

import pytest

from tests.object_store.harness import Caller, TestStore

USERS = [{"account": "test", "user": "tester", "key": "testing", "groups": [".admin"]},
         {"account": "test", "user": "tester3", "key": "testing3"},
         {"account": "test2", "user": "tester2", "key": "testing2", "groups": [".admin"]},
         {"account": "test5", "user": "tester5", "key": "testing5", "groups": [".service"]},
         {"account": "admin", "user": "admin", "key": "admin", "groups": [".admin", ".reseller_admin"]},
         {"account": "admin", "user": "reader", "key": "reader", "groups": [".reseller_reader"]}]


@pytest.fixture
def store():
    return TestStore(temp_auth={"users": USERS, "reseller_prefixes": ["AUTH", "SERVICE"], "require_group": {"SERVICE": ".service"}})


async def log_in(store, user, key, path="/auth/v1.0"):
    got = await Caller(store, "", {}).get("/" + path, X_Auth_User=user, X_Auth_Key=key, Host="store.example:8080")
    assert got.status == 200, got
    url = got.headers["x-storage-url"]
    assert url.startswith("http://store.example:8080/v1/AUTH_")
    return Caller(store, url.removeprefix("http://store.example:8080"), {"x-auth-token": got.headers["x-auth-token"]})


async def test_an_administrator_owns_his_account_and_no_other(store):
    tester, other = await log_in(store, "test:tester", "testing"), await log_in(store, "test2:tester2", "testing2", "/auth/v1/test2/auth")
    assert (await tester.put("/c")).status == 201 and (await tester.put("/c/o", b"x")).status == 201
    for method, path in (("GET", "/c/o"), ("PUT", "/c/p"), ("DELETE", "/c/o"), ("GET", "")):
        assert (await other.request(method, "//v1/AUTH_test" + path)).status == 403
    assert (await tester.delete("")).status in (403, 405)


@pytest.mark.parametrize(("user", "key"), [("test:tester", "wrong"), ("test:nobody", "testing"), ("tester", "testing"), ("", ""),
                                           ("test2:tester", "testing")])
async def test_who_is_not_known_gets_no_token(store, user, key):
    got = await Caller(store, "", {}).get("//auth/v1.0", X_Auth_User=user, X_Auth_Key=key)
    assert got.status == 401 and "x-auth-token" not in got.headers and got.headers["www-authenticate"].startswith("Swift realm=")


async def test_tokens_end_and_cannot_be_made_up(store):
    tester = await log_in(store, "test:tester", "testing")
    token = tester.headers["x-auth-token"]
    forged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    assert (await tester.get("", X_Auth_Token=forged)).status == 401
    await store.clock.sleep(86_401)
    assert (await tester.get("")).status == 401


async def test_container_lists_name_users_and_accounts(store):
    tester, third = await log_in(store, "test:tester", "testing"), await log_in(store, "test:tester3", "testing3")
    second = await log_in(store, "test2:tester2", "testing2")
    await tester.put("/c", X_Container_Read="test:tester3", X_Container_Write="test2")
    await tester.put("/c/o", b"x")
    assert (await third.get("/c/o")).status == 200 and (await third.put("/c/p", b"")).status == 403
    assert (await second.get("//v1/AUTH_test/c/o")).status == 403 and (await second.put("//v1/AUTH_test/c/p", b"")).status == 201


async def test_account_lists(store):
    tester, second = await log_in(store, "test:tester", "testing"), await log_in(store, "test2:tester2", "testing2")
    third = await log_in(store, "test:tester3", "testing3")
    await tester.put("/c")
    steps = (({"read-only": ["test2:tester2"]}, 204, 403, 403), ({"read-write": ["test2"]}, 204, 201, 403),
             ({"admin": ["test2:tester2"]}, 204, 201, 204))
    for lists, reads, writes, owns in steps:
        assert (await tester.post("", X_Account_Access_Control=json.dumps(lists))).status == 204
        assert json.loads((await tester.head("")).headers["x-account-access-control"]) == lists
        assert (await second.head("//v1/AUTH_test")).status == reads
        assert (await second.put("//v1/AUTH_test/c/o", b"")).status == writes
        assert (await second.post("//v1/AUTH_test", X_Account_Meta_A="1")).status == owns
        assert ("x-account-access-control" in (await second.head("//v1/AUTH_test")).headers) == ("admin" in lists)
        assert (await third.get("")).status == 403
    for bad in ("x", "[]", '{"who": []}', '{"admin": "x"}', '{"admin": [1]}'):
        refused = await tester.post("", X_Account_Access_Control=bad)
        assert refused.status == 400 and "invalid" in refused.text
    assert (await tester.post("", X_Account_Access_Control="{}")).status == 204
    assert (await second.head("//v1/AUTH_test")).status == 403


async def test_a_services_accounts_want_its_token_beside_the_users(store):
    tester, service = await log_in(store, "test:tester", "testing"), await log_in(store, "test5:tester5", "testing5")
    path = "//v1/SERVICE_test/c"
    assert (await tester.put(path)).status == 403 and (await service.put(path)).status == 403
    assert (await tester.put(path, X_Service_Token=service.headers["x-auth-token"])).status == 201


async def test_resellers(store):
    tester = await log_in(store, "test:tester", "testing")
    await tester.put("/c")
    admin, reader = await log_in(store, "admin:admin", "admin"), await log_in(store, "admin:reader", "reader")
    assert (await admin.put("//v1/AUTH_test/d")).status == 201 and (await admin.put("//v1/AUTH_new")).status == 201
    assert (await reader.get("//v1/AUTH_test/c")).status in (200, 204) and (await reader.put("//v1/AUTH_test/e")).status == 403
    assert (await admin.get("//v1/AUTH_.hidden")).status == 403


async def test_headers_of_lists_mean_nothing_from_others(store):
    tester, third = await log_in(store, "test:tester", "testing"), await log_in(store, "test:tester3", "testing3")
    await tester.put("/c")
    assert (await third.post("", X_Account_Access_Control='{"admin": ["test:tester3"]}')).status == 403
    assert (await third.get("/c", X_Account_Sysmeta_Core_Access_Control='{"admin": ["test:tester3"]}')).status == 403
    assert "x-account-access-control" not in (await tester.head("")).headers


async def test_who_may_write_everything_does_not_change_who_may(store):
    tester, second = await log_in(store, "test:tester", "testing"), await log_in(store, "test2:tester2", "testing2")
    await tester.post("", X_Account_Access_Control='{"read-write": ["test2"]}', X_Account_Meta_Temp_URL_Key="secret")
    await tester.put("/c", X_Container_Read="jdoe", X_Container_Meta_Temp_URL_Key="secret", X_Container_Sync_Key="secret")
    changes = {"X_Container_Read": "frank", "X_Container_Meta_Temp_URL_Key": "mine", "X_Remove_Container_Sync_Key": "x"}
    assert (await second.post("//v1/AUTH_test/c", X_Container_Meta_Colour="blue", **changes)).status == 204
    seen = (await tester.head("/c")).headers
    assert (seen["x-container-read"], seen["x-container-meta-temp-url-key"], seen["x-container-sync-key"]) == ("jdoe", "secret", "secret")
    assert seen["x-container-meta-colour"] == "blue"
    assert "x-account-meta-temp-url-key" not in (await second.head("//v1/AUTH_test")).headers
    assert (await tester.head("")).headers["x-account-meta-temp-url-key"] == "secret"
