"""The older versioning: a stack of versions, or a history, in a container of one's own."""


async def owner(store, header):
    alice = store.as_("alice")
    await alice.put("/old")
    assert (await alice.put("/c", **{header: "old"})).status == 201
    assert (await alice.head("/c")).headers[header.lower().replace("_", "-")] == "old"
    return alice


async def test_deleting_from_a_stack_brings_the_version_before_it_back(store):
    alice = await owner(store, "X_Versions_Location")
    for body in (b"a", b"b", b"c"):
        assert (await alice.put("/c/o", body, X_Object_Meta_Of=body.decode())).status == 201
    kept = await alice.names("/old")
    assert len(kept) == 2 and all(name.startswith("001o/") for name in kept)
    for body in (b"b", b"a"):
        assert (await alice.delete("/c/o")).status == 204
        got = await alice.get("/c/o")
        assert (got.data, got.headers["x-object-meta-of"]) == (body, body.decode())
    assert await alice.names("/old") == []
    assert (await alice.delete("/c/o")).status == 204 and (await alice.get("/c/o")).status == 404


async def test_a_history_keeps_everything_and_says_when_it_was_deleted(store):
    alice = await owner(store, "X_History_Location")
    await alice.put("/c/o", b"a")
    await alice.put("/c/o", b"b")
    assert (await alice.delete("/c/o")).status == 204
    rows = (await alice.get("/old?format=json")).json
    assert [row["bytes"] for row in rows] == [1, 1, 0]
    assert rows[-1]["content_type"] == "application/x-deleted;swift_versions_deleted=1"
    assert (await alice.get("/c/o")).status == 404
    # The same container as a stack: what is under the marker comes back.
    await alice.post("/c", X_Versions_Location="old")
    assert (await alice.delete("/c/o")).status == 204
    assert (await alice.get("/c/o")).data == b"b"


async def test_what_is_asked_of_a_container_is_checked(store):
    alice = await owner(store, "X_Versions_Location")
    assert (await alice.post("/c", X_Versions_Location="a/b")).status == 412
    assert (await alice.post("/c", X_Versions_Location="a", X_History_Location="b")).status == 400
    assert (await alice.post("/c", X_Versions_Enabled="true")).status == 400
    assert (await alice.post("/c", X_Remove_Versions_Location="x")).status == 204
    assert "x-versions-location" not in (await alice.head("/c")).headers


async def test_ossa_2015_006_who_may_not_write_deletes_no_versions(store):
    alice, bob = await owner(store, "X_Versions_Location"), store.as_("bob")
    await alice.put("/c/o", b"a")
    await alice.put("/c/o", b"b")
    await alice.post("/c", X_Container_Read="bob:bob")
    await alice.post("/old", X_Container_Write="bob:bob")
    assert (await bob.delete("//v1/AUTH_alice/c/o")).status == 403
    assert (await bob.put("//v1/AUTH_alice/c/o", b"x")).status == 403
    assert (await alice.get("/c/o")).data == b"b" and len(await alice.names("/old")) == 1
