"""Copies within the store: what comes along, whose rights count, what is refused."""


async def owner(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/d")
    await alice.put("/c/o", b"0123456789", Content_Type="text/x", X_Object_Meta_A="1", X_Object_Meta_B="2")
    return alice


async def test_both_forms_copy_bytes_and_metadata(store):
    alice = await owner(store)
    got = await alice.request("COPY", "/c/o", Destination="d/p", X_Object_Meta_B="3")
    assert got.status == 201 and got.headers["x-copied-from"] == "c/o" and got.headers["x-copied-from-account"] == "AUTH_alice"
    assert (await alice.put("/d/q", X_Copy_From="/c/o", X_Fresh_Metadata="true", X_Object_Meta_N="9")).status == 201
    p, q = await alice.get("/d/p"), await alice.get("/d/q")
    assert p.data == q.data == b"0123456789" and p.headers["content-type"] == q.headers["content-type"] == "text/x"
    assert [p.headers.get(f"x-object-meta-{n}") for n in "abn"] == ["1", "3", None]
    assert [q.headers.get(f"x-object-meta-{n}") for n in "abn"] == [None, None, "9"]


async def test_ranges_and_preconditions_are_the_sources(store):
    alice = await owner(store)
    assert (await alice.put("/d/p", X_Copy_From="c/o", Range="bytes=2-4")).status == 201
    assert (await alice.get("/d/p")).data == b"234"
    assert (await alice.put("/d/q", X_Copy_From="c/o", If_Match="other")).status == 412
    assert (await alice.get("/d/q")).status == 404


async def test_other_accounts_need_rights_on_both_sides(store):
    alice, bob = await owner(store), store.as_("bob")
    await bob.put("/mine")
    copy = {"X_Copy_From": "c/o", "X_Copy_From_Account": "AUTH_alice"}
    assert (await bob.put("/mine/o", **copy)).status == 403
    await alice.post("/c", X_Container_Read="bob:bob")
    assert (await bob.put("/mine/o", **copy)).status == 201
    to_alice = {"Destination": "d/o", "Destination_Account": "AUTH_alice"}
    assert (await bob.request("COPY", "/mine/o", **to_alice)).status == 403
    await alice.post("/d", X_Container_Write="bob:bob")
    assert (await bob.request("COPY", "/mine/o", **to_alice)).status == 201
    assert await alice.names("/d") == ["o"]


async def test_what_is_no_copy_is_refused_and_makes_nothing(store):
    alice = await owner(store)
    for method, path, headers, status in [
        ("COPY", "/c/o", {}, 412), ("COPY", "/c/o", {"Destination": "d"}, 412), ("COPY", "/c/none", {"Destination": "d/x"}, 404),
        ("COPY", "/c/o", {"Destination": "none/x"}, 404), ("PUT", "/d/x", {"X_Copy_From": "c"}, 412),
        ("COPY", "/c/o", {"Destination": "d/x", "Destination_Account": "a/b"}, 412), ("PUT", "/d/x", {"X_Copy_From": "c/none"}, 404),
    ]:
        assert (await alice.request(method, path, **headers)).status == status, (method, path, headers)
    assert (await alice.put("/d/x", b"body", X_Copy_From="c/o")).status == 400
    assert await alice.names("/d") == []
