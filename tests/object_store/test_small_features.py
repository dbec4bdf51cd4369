"""Features of one screen: quoted ETags, expired objects, where something is."""

from tests.object_store.harness import TestStore


async def test_etags_are_in_quotes_where_account_or_container_wants_them(store):
    alice = store.as_("alice")
    await alice.put("/c")
    etag = (await alice.put("/c/o", b"x")).headers["etag"]
    assert not etag.startswith('"')
    await alice.post("", X_Account_Rfc_Compliant_Etags="true")
    assert (await alice.get("/c/o")).headers["etag"] == f'"{etag}"'
    await alice.post("/c", X_Container_Rfc_Compliant_Etags="false")
    assert (await alice.head("/c/o")).headers["etag"] == etag
    assert (await alice.head("/c")).headers["x-container-rfc-compliant-etags"] == "False"
    await alice.post("/c", X_Remove_Container_Rfc_Compliant_Etags="x")
    assert (await alice.put("/c/p", b"x")).headers["etag"] == f'"{etag}"'


async def test_what_has_expired_is_read_by_who_asks_where_that_is_allowed():
    async with TestStore(proxy={"allow_open_expired": True}) as store:
        alice = store.as_("alice")
        await alice.put("/c")
        await alice.put("/c/o", b"x", X_Delete_After="5")
        await store.clock.sleep(6)
        assert (await alice.get("/c/o")).status == 404
        assert (await alice.get("/c/o", X_Open_Expired="true")).data == b"x"
        store.config.proxy.allow_open_expired = False
        assert (await alice.get("/c/o", X_Open_Expired="true")).status == 404


async def test_where_something_is():
    async with TestStore(list_endpoints_path="/endpoints/", replicas=2, devices=3) as store:
        alice = store.as_("alice")
        await alice.put("/c")
        urls = (await store.anonymous().get("//endpoints/v1/AUTH_alice/c/o")).json
        assert len(urls) == 2 and all(url.startswith("http://127.0.0.1:6200/object/d") and url.endswith("/AUTH_alice/c/o") for url in urls)
        told = (await store.anonymous().get("//endpoints/v2/AUTH_alice/c/o")).json
        assert told == {"endpoints": urls, "headers": {"x-backend-storage-policy-index": "0"}}
        assert (await store.anonymous().get("//endpoints/v3/AUTH_alice")).status == 400
        assert (await store.anonymous().put("//endpoints/v1/AUTH_alice")).status == 405


async def test_nobody_is_told_where_things_are_unless_that_is_wanted(store):
    assert (await store.anonymous().get("//endpoints/v1/AUTH_alice/c/o")).status == 400


async def test_what_has_no_type_gets_the_one_that_its_name_tells(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/v", X_Versions_Enabled="true")
    for path in ("/c/a.txt", "/v/a.txt"):
        await alice.put(path, b"x")
        assert (await alice.head(path)).headers["content-type"] == "text/plain"
    await alice.put("/c/b.html", b"x", Content_Type="text/odd", X_Detect_Content_Type="true")
    assert (await alice.head("/c/b.html")).headers["content-type"] == "text/html"
    await alice.put("/c/c.html", b"x", Content_Type="text/odd")
    assert (await alice.head("/c/c.html")).headers["content-type"] == "text/odd"


async def test_listings_of_accounts_name_policies_and_containers_show_when_they_were_changed():
    policies = [{"index": 0, "name": "gold", "default": True}, {"index": 1, "name": "silver"}]
    async with TestStore(policies=policies) as store:
        alice = store.as_("alice")
        await alice.put("/a")
        await alice.put("/b", X_Storage_Policy="silver")
        rows = (await alice.get("?format=json")).json
        assert [(row["name"], row["storage_policy"]) for row in rows] == [("a", "gold"), ("b", "silver")]
        assert "storage_policy_index" not in rows[0] and "<storage_policy>silver</storage_policy>" in (await alice.get("?format=xml")).text
        before = (await alice.head("/a")).headers["last-modified"]
        await store.clock.sleep(2)
        await alice.post("/a", X_Container_Meta_Colour="blue")
        changed = (await alice.head("/a")).headers["last-modified"]
        await store.clock.sleep(2)
        await alice.put("/a/o", b"x")
        assert before != changed == (await alice.head("/a")).headers["last-modified"]
