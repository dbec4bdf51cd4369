"""Symlinks: followed by readers with their own rights, pinned when they are static."""


async def owner(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/links")
    await alice.put("/c/o", b"hello", Content_Type="text/x", X_Object_Meta_A="1")
    return alice


async def test_reading_follows_and_everything_else_is_about_the_link(store):
    alice = await owner(store)
    assert (await alice.put("/links/l", X_Symlink_Target="c/o")).status == 201
    got = await alice.get("/links/l", Range="bytes=1-2")
    assert (got.status, got.data, got.headers["content-location"]) == (206, b"el", "/v1/AUTH_alice/c/o")
    link = await alice.head("/links/l?symlink=get")
    assert link.headers["x-symlink-target"] == "c/o" and link.headers["content-length"] == "0"
    post = await alice.post("/links/l", X_Object_Meta_A="2")
    assert (post.status, post.headers["location"]) == (307, "/v1/AUTH_alice/c/o")
    assert (await alice.get("/c/o")).headers["x-object-meta-a"] == "1"
    row, = (await alice.get("/links?format=json")).json
    assert row["symlink_path"] == "/v1/AUTH_alice/c/o" and row["bytes"] == 0 and len(row["hash"]) == 32
    assert (await alice.request("COPY", "/links/l", Destination="c/copy")).status == 201
    assert (await alice.get("/c/copy?symlink=get")).data == b"hello"
    assert (await alice.request("COPY", "/links/l?symlink=get", Destination="links/same")).status == 201
    assert (await alice.head("/links/same?symlink=get")).headers["x-symlink-target"] == "c/o"
    await alice.delete("/links/l")
    assert (await alice.get("/c/o")).status == 200 and (await alice.get("/links/l")).status == 404


async def test_a_static_link_is_of_one_state_of_its_target(store):
    alice = await owner(store)
    etag = (await alice.head("/c/o")).headers["etag"]
    assert (await alice.put("/links/l", X_Symlink_Target="c/o", X_Symlink_Target_Etag="0" * 32)).status == 409
    assert (await alice.put("/links/l", X_Symlink_Target="c/none", X_Symlink_Target_Etag=etag)).status == 409
    assert (await alice.put("/links/l", X_Symlink_Target="c/o", X_Symlink_Target_Etag=etag)).status == 201
    row, = (await alice.get("/links?format=json")).json
    assert (row["symlink_etag"], row["symlink_bytes"]) == (etag, 5)
    await alice.put("/c/o", b"other")
    assert (await alice.get("/links/l")).status == 409


async def test_loops_and_what_is_no_link(store):
    alice = await owner(store)
    await alice.put("/links/a", X_Symlink_Target="links/b")
    await alice.put("/links/b", X_Symlink_Target="links/a")
    assert (await alice.get("/links/a")).status == 409
    for headers in ({"X_Symlink_Target": "links/self"}, {"X_Symlink_Target": "c"}, {"X_Symlink_Target_Etag": "x"}):
        assert (await alice.put("/links/self", **headers)).status in (400, 412)
    assert (await alice.put("/links/self", b"body", X_Symlink_Target="c/o")).status == 400
    assert (await alice.post("/c/o", X_Symlink_Target="c/p")).status == 400


async def test_a_link_gives_nobody_rights(store):
    alice, bob = await owner(store), store.as_("bob")
    await bob.put("/mine")
    await bob.put("/mine/l", X_Symlink_Target="c/o", X_Symlink_Target_Account="AUTH_alice")
    assert (await bob.get("/mine/l")).status == 403
    await alice.post("/c", X_Container_Read="bob:bob")
    assert (await bob.get("/mine/l")).data == b"hello"
