"""Quotas of containers and accounts, names that are refused, the policy file of plug-ins."""

from tests.object_store.harness import TestStore


async def test_a_containers_quota_is_its_owners(store):
    alice = store.as_("alice")
    await alice.put("/c", X_Container_Meta_Quota_Bytes="10", X_Container_Meta_Quota_Count="2")
    assert (await alice.put("/c/a", b"x" * 11)).status == 413
    assert (await alice.put("/c/a", b"x" * 6)).status == 201
    assert (await alice.put("/c/b", b"x" * 6)).status == 413
    assert (await alice.put("/c/b", b"x")).status == 201
    assert (await alice.put("/c/d", b"")).status == 413
    assert (await store.as_("bob").put("//v1/AUTH_alice/c/d", b"x" * 20)).status == 403
    assert (await alice.request("COPY", "/c/a", Destination="c/e")).status == 413
    for bad in ("many", "-1", "1.5"):
        assert (await alice.post("/c", X_Container_Meta_Quota_Bytes=bad)).status == 400
    await alice.post("/c", X_Remove_Container_Meta_Quota_Bytes="x", X_Remove_Container_Meta_Quota_Count="x")
    assert (await alice.put("/c/d", b"x" * 20)).status == 201


async def test_a_body_of_unknown_length_ends_where_its_quota_does(store):
    alice, root, taken = store.as_("alice"), store.as_("root", roles=("ResellerAdmin",)), []

    async def endless(most):
        for _ in range(most):
            taken.append(1000)
            yield b"x" * 1000

    await alice.put("/c", X_Container_Meta_Quota_Bytes="5500")
    assert (await alice.put("/c/o", endless(1000))).status == 413
    assert len(taken) < 50 and (await alice.get("/c/o")).status == 404 and store.files() == []
    assert (await alice.put("/c/o", endless(5))).status == 201 and (await alice.put("/c/p", endless(1))).status == 413
    await alice.put("/free")
    assert (await alice.put("/free/o", endless(1000))).status == 201
    await root.post("//v1/AUTH_alice", X_Account_Meta_Quota_Bytes="9000")
    assert (await alice.put("/free/p", endless(1000))).status == 413
    assert (await root.put("//v1/AUTH_alice/free/p", endless(20))).status == 201


async def test_an_accounts_quota_is_the_administrators(store):
    alice, root = store.as_("alice"), store.as_("root", roles=("ResellerAdmin",))
    await alice.put("/c")
    assert (await alice.post("", X_Account_Meta_Quota_Bytes="99")).status == 403
    assert (await root.post("//v1/AUTH_alice", X_Account_Meta_Quota_Bytes="5")).status == 204
    assert (await alice.post("", X_Remove_Account_Meta_Quota_Bytes="x")).status == 403
    assert (await alice.put("/c/a", b"x" * 6)).status == 413
    assert (await alice.put("/c/a", b"x" * 5)).status == 201
    assert (await root.put("//v1/AUTH_alice/c/b", b"x" * 50)).status == 201


async def test_names_are_looked_at_where_an_operator_wants_it():
    async with TestStore(name_check={"enabled": True, "maximum_length": 40}, cross_domain_policy="<allow/>") as store:
        alice = store.as_("alice")
        assert (await alice.put("/c")).status == 201
        for name in ("/c/<o>", "/c/a/../b", "/c/" + "x" * 40):
            assert (await alice.put(name, b"")).status == 400
        assert b"<allow/>" in (await store.anonymous().get("//crossdomain.xml")).data
        assert {"name_check", "crossdomain"} <= set((await alice.get("//info")).json)


async def test_an_accounts_quotas_of_objects_and_of_policies(store):
    alice, root = store.as_("alice"), store.as_("root", roles=("ResellerAdmin",))
    await alice.put("/c")
    policy = (await alice.head("/c")).headers["x-storage-policy"]
    for name in ("X_Account_Quota_Count", f"X_Account_Quota_Bytes_Policy_{policy}", "X_Remove_Account_Quota_Bytes"):
        assert (await alice.post("", **{name: "3"})).status == 403
    assert (await root.post("//v1/AUTH_alice", X_Account_Quota_Bytes="x")).status == 400
    assert (await root.post("//v1/AUTH_alice", **{"X_Account_Quota_Bytes_Policy_none": "1"})).status == 400
    await root.post("//v1/AUTH_alice", X_Account_Quota_Bytes="5")
    assert (await alice.head()).headers["x-account-quota-bytes"] == "5"
    assert (await alice.put("/c/a", b"x" * 6)).status == 413
    await root.post("//v1/AUTH_alice", X_Remove_Account_Quota_Bytes="t", **{f"X_Account_Quota_Bytes_Policy_{policy}": "4"})
    assert (await alice.put("/c/a", b"x" * 5)).status == 413
    assert (await alice.put("/c/a", b"x" * 4)).status == 201
