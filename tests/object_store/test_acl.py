"""Access lists, cross-account rights, accounts of services."""

import pytest

from pileus.object_store.pipeline import acl
from tests.object_store.harness import Caller, TestStore


async def owner(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"x")
    return alice


async def test_without_a_list_only_operators_of_the_project_come_in(store):
    alice = await owner(store)
    bob = store.as_("bob")
    reader = store.as_("rita", project="alice", roles=("reader",))
    for other, status in ((bob, 403), (reader, 403), (store.anonymous(), 401)):
        for path in ("/c/o", "/c", ""):
            got = await other.get("//v1/AUTH_alice" + path)
            assert got.status == status, (other, path)
        assert (await other.put("//v1/AUTH_alice/c/new", b"")).status == status
    assert await alice.names("/c") == ["o"]


@pytest.mark.parametrize("element", ["bob:bob", "*:bob", "bob:*", "*:*"])
async def test_users_of_other_projects_by_read_and_write_lists(store, element):
    alice = await owner(store)
    bob = store.as_("bob")
    await alice.post("/c", X_Container_Read=element)
    assert (await bob.get("//v1/AUTH_alice/c/o")).status == 200
    assert (await bob.get("//v1/AUTH_alice/c")).status == 200
    assert (await bob.put("//v1/AUTH_alice/c/new", b"")).status == 403
    await alice.post("/c", X_Container_Write=element)
    assert (await bob.put("//v1/AUTH_alice/c/new", b"")).status == 201
    assert (await bob.post("//v1/AUTH_alice/c", X_Container_Read="*:*")).status == 403
    shown = (await bob.head("//v1/AUTH_alice/c")).headers
    assert "x-container-read" not in shown and "x-container-write" not in shown
    await alice.post("/c", X_Remove_Container_Read="x", X_Container_Write="")
    assert (await bob.get("//v1/AUTH_alice/c/o")).status == 403


async def test_a_role_in_a_list_counts_in_its_own_project_only(store):
    alice = await owner(store)
    await alice.post("/c", X_Container_Read="auditor")
    assert (await store.as_("rita", project="alice", roles=("auditor",)).get("/c/o")).status == 200
    assert (await store.as_("bob", roles=("auditor",)).get("//v1/AUTH_alice/c/o")).status == 403


async def test_everybody_and_referrers(store):
    alice = await owner(store)
    anonymous = store.anonymous()
    await alice.post("/c", X_Container_Read=".r:*")
    assert (await anonymous.get("/c/o")).status == 200
    assert (await anonymous.get("/c")).status == 401
    await alice.post("/c", X_Container_Read=".r:*.example.com, .r:-bad.example.com,.rlistings")
    assert (await alice.head("/c")).headers["x-container-read"] == ".r:.example.com,.r:-bad.example.com,.rlistings"
    assert (await anonymous.get("/c", Referer="https://www.example.com/x")).status == 200
    for referer in ("https://bad.example.com", "https://example.org", "", "https://[", "https://example.com.evil"):
        assert (await anonymous.get("/c/o", Referer=referer)).status == 401, referer


async def test_what_is_no_list_is_refused_and_changes_nothing(store):
    alice = await owner(store)
    for name, text in (("X_Container_Read", ".r:"), ("X_Container_Read", ".r:-"),
                       ("X_Container_Write", ".r:*"), ("X_Container_Read", ".x:y")):
        assert (await alice.post("/c", **{name: text})).status == 400
    assert "x-container-read" not in (await alice.head("/c")).headers


async def test_what_a_service_keeps_wants_its_token_beside_the_users(store):
    service = store.as_("glance", project="service", roles=("service",)).headers["x-auth-token"]
    alice = store.as_("alice")
    path = "//v1/SERVICE_alice/c"
    assert (await alice.put(path)).status == 403
    assert (await alice.put(path, X_Service_Token=service)).status == 201
    assert (await store.as_("bob").put(path, X_Service_Token=service)).status == 403
    assert (await alice.get(path)).status == 403


async def test_administrators_of_all_accounts(store):
    await owner(store)
    root = store.as_("root", roles=("ResellerAdmin",))
    assert (await root.get("//v1/AUTH_alice/c/o")).status == 200
    assert (await root.put("//v1/AUTH_alice/new")).status == 201


def test_names_count_in_the_default_domain_only():
    from pileus.core.context import Context

    who = Context(user_id="u1", user_name="bob", project_id="p1", project_name="shop")
    allowed = acl.parse("shop:bob")
    assert allowed.lets_in_user(who, by_name=True) and not allowed.lets_in_user(who, by_name=False)
    assert acl.parse("p1:u1").lets_in_user(who, by_name=False)


async def test_ossa_2014_020_the_realm_of_a_challenge_cannot_carry_headers(store):
    got = await store.anonymous().get("//v1/AUTH_x%22%0AContent-Length:%201%0A%0A%3Cb%3E")
    assert got.status == 401 and got.headers["www-authenticate"] == 'Swift realm="AUTH_x%22%0AContent-Length%3A%201%0A%0A%3Cb%3E"'


async def test_accounts_that_are_managed_by_hand_are_managed_by_resellers_only():
    """With allow_account_management: nobody else deletes accounts, not even his own."""
    users = [{"account": "test", "user": "tester", "key": "testing", "groups": [".admin"]}]
    async with TestStore(proxy={"allow_account_management": True}, temp_auth={"users": users}) as store:
        alice, bob, anybody = store.as_("alice"), store.as_("bob"), store.anonymous()
        reseller = store.as_("root", roles=("ResellerAdmin",))
        await alice.put("/c")
        token = (await Caller(store, "", {}).get("/auth/v1.0", X_Auth_User="test:tester", X_Auth_Key="testing")).headers["x-auth-token"]
        tester = Caller(store, "/v1/AUTH_test", {"x-auth-token": token})
        await tester.put("/c")
        for caller, status in ((anybody, 401), (bob, 403), (alice, 403)):
            assert (await caller.request("DELETE", "//v1/AUTH_alice")).status == status
        assert (await anybody.request("PUT", "//v1/AUTH_alice")).status == 401
        assert (await bob.request("PUT", "//v1/AUTH_alice", X_Account_Meta_Temp_Url_Key="mine")).status == 403
        assert (await tester.delete("")).status == 403 and (await tester.put("")).status == 403
        assert (await alice.get("/c")).status == 204 and (await tester.get("/c")).status == 204
        assert (await reseller.request("DELETE", "//v1/AUTH_alice")).status == 204
        assert (await alice.get("/c")).status in (404, 410)
