"""Dynamic large objects: a body of all that is below a prefix."""


async def owner(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/parts")
    for n, body in enumerate((b"aaaa", b"bbbb", b"cccc")):
        await alice.put(f"/parts/big/{n}", body)
    await alice.put("/parts/other", b"zzzz")
    assert (await alice.put("/c/o", b"own body", X_Object_Manifest="parts/big/", Content_Type="text/x")).status == 201
    return alice


async def test_reads_go_through_all_segments(store):
    alice = await owner(store)
    got = await alice.get("/c/o")
    assert (got.status, got.data, got.headers["content-type"]) == (200, b"aaaabbbbcccc", "text/x")
    head = await alice.head("/c/o")
    assert (head.headers["content-length"], head.headers["etag"]) == ("12", got.headers["etag"])
    part = await alice.get("/c/o", Range="bytes=3-8")
    assert (part.status, part.data, part.headers["content-range"]) == (206, b"abbbbc", "bytes 3-8/12")
    assert (await alice.get("/c/o", Range="bytes=12-")).headers["content-range"] == "bytes */12"
    assert (await alice.get("/c/o?multipart-manifest=get")).data == b"own body"
    assert (await alice.get("/c/o", If_None_Match=got.headers["etag"])).status == 304


async def test_a_new_segment_belongs_to_it_and_a_copy_is_whole(store):
    alice = await owner(store)
    assert (await alice.request("COPY", "/c/o", Destination="c/copy")).status == 201
    await alice.put("/parts/big/9", b"dddd")
    assert (await alice.get("/c/o")).data == b"aaaabbbbccccdddd"
    copy = await alice.get("/c/copy")
    assert copy.data == b"aaaabbbbcccc" and "x-object-manifest" not in copy.headers


async def test_readers_need_the_right_to_the_segments(store):
    alice, bob = await owner(store), store.as_("bob")
    await alice.post("/c", X_Container_Read="bob:bob")
    assert (await bob.get("//v1/AUTH_alice/c/o")).status == 403
    await alice.post("/parts", X_Container_Read="bob:bob")
    assert (await bob.get("//v1/AUTH_alice/c/o")).data == b"aaaabbbbcccc"


async def test_manifests_without_a_prefix_are_refused_and_those_of_nothing_are_empty(store):
    alice = await owner(store)
    for bad in ("parts", "parts/", "/", "parts/a?b", "a&b/c", "/parts/a", "parts%2Fa"):
        assert (await alice.put("/c/bad", b"", X_Object_Manifest=bad)).status == 400
    await alice.put("/c/empty", b"own", X_Object_Manifest="nowhere/x")
    assert (await alice.get("/c/empty")).status == 404
    await alice.put("/nowhere")
    assert (await alice.get("/c/empty")).data == b""
