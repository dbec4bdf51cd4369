"""Object versioning: what is overwritten or deleted stays, and comes back by its number."""

import pytest

from pileus.object_store.model.timestamp import inverted


async def owner(store, container="/c"):
    alice = store.as_("alice")
    assert (await alice.put(container, X_Versions_Enabled="true")).status == 201
    return alice


async def three(alice, path="/c/o"):
    return [(await alice.put(path, body, X_Object_Meta_Of=body.decode())).headers["x-object-version-id"] for body in (b"a", b"bb", b"ccc")]


def facts(rows):
    return [(row["name"], row["version_id"], row["is_latest"], row["bytes"]) for row in rows]


async def test_each_write_is_a_version_and_the_newest_is_seen(store):
    alice = await owner(store)
    first, second, third = await three(alice)
    got = await alice.get("/c/o")
    assert (got.data, got.headers["x-object-version-id"], got.headers["x-object-meta-of"]) == (b"ccc", third, "ccc")
    assert got.headers["content-location"] == f"/v1/AUTH_alice/c/o?version-id={third}"
    old = await alice.get(f"/c/o?version-id={first}", Range="bytes=0-0")
    assert (old.data, old.headers["x-object-version-id"], old.headers["x-object-meta-of"]) == (b"a", first, "a")
    assert (await alice.head(f"/c/o?version-id={second}")).headers["content-length"] == "2"
    row, = (await alice.get("/c?format=json")).json
    assert (row["name"], row["bytes"], row["hash"]) == ("o", 3, got.headers["etag"])
    assert row["symlink_path"] == f"/v1/AUTH_alice/c/o?version-id={third}"
    versions = (await alice.get("/c?versions&format=json")).json
    assert facts(versions) == [("o", third, True, 3), ("o", second, False, 2), ("o", first, False, 1)]
    head = await alice.head("/c")
    assert (head.headers["x-versions-enabled"], head.headers["x-container-bytes-used"]) == ("True", "6")
    assert [row["bytes"] for row in (await alice.get("?format=json")).json] in ([6], [0])
    assert await alice.names() == ["c"]


async def test_deleting_leaves_a_marker_and_all_versions(store):
    alice = await owner(store)
    _, second, third = await three(alice)
    gone = await alice.delete("/c/o")
    marker = gone.headers["x-object-version-id"]
    assert gone.status == 204 and (await alice.get("/c/o")).status == 404 and await alice.names("/c") == []
    shown = await alice.get(f"/c/o?version-id={marker}")
    assert (shown.status, shown.headers["content-type"]) == (404, "application/x-deleted;swift_versions_deleted=1")
    assert facts((await alice.get("/c?versions&format=json")).json)[0] == ("o", marker, True, 0)
    assert (await alice.put(f"/c/o?version-id={second}")).headers["x-object-version-id"] == second
    assert (await alice.get("/c/o")).data == b"bb"
    removed = await alice.delete(f"/c/o?version-id={second}")
    assert removed.status == 204 and removed.headers["x-object-current-version-id"] == "null"
    assert (await alice.get("/c/o")).status == 404 and (await alice.get(f"/c/o?version-id={second}")).status == 404
    assert (await alice.get(f"/c/o?version-id={third}")).data == b"ccc"


async def test_what_was_there_before_is_null_until_it_is_overwritten(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"before", X_Object_Meta_A="1")
    assert (await alice.post("/c", X_Versions_Enabled="true")).status == 204
    assert (await alice.get("/c/o?version-id=null")).data == b"before"
    assert [(row["version_id"], row["is_latest"]) for row in (await alice.get("/c?versions&format=json")).json] == [("null", True)]
    new = (await alice.put("/c/o", b"after")).headers["x-object-version-id"]
    assert (await alice.get("/c/o?version-id=null")).status == 404
    now, then = (await alice.get("/c?versions&format=json")).json
    assert now["version_id"] == new
    kept = await alice.get(f"/c/o?version-id={then['version_id']}")
    assert (kept.data, kept.headers["x-object-meta-a"]) == (b"before", "1")
    await alice.post("/c", X_Versions_Enabled="false")
    assert "x-object-version-id" not in (await alice.put("/c/o", b"suspended")).headers
    assert (await alice.head("/c/o")).headers["x-object-version-id"] == "null"
    assert (await alice.get(f"/c/o?version-id={new}")).data == b"after"


async def test_a_container_goes_when_its_versions_are_gone(store):
    alice = await owner(store)
    version = (await alice.put("/c/o", b"x")).headers["x-object-version-id"]
    assert (await alice.delete("/c")).status == 409
    assert (await alice.delete(f"/c/o?version-id={version}")).status == 204
    assert (await alice.delete("/c")).status == 204
    assert (await alice.head()).headers["x-account-container-count"] == "0"


async def test_metadata_is_posted_to_the_current_version(store):
    alice = await owner(store)
    first, _, third = await three(alice)
    assert (await alice.post("/c/o", X_Object_Meta_Of="new")).status == 202
    assert (await alice.get(f"/c/o?version-id={third}")).headers["x-object-meta-of"] == "new"
    assert (await alice.get(f"/c/o?version-id={first}")).headers["x-object-meta-of"] == "a"
    assert (await alice.post(f"/c/o?version-id={third}")).status == 400


async def test_versions_give_nobody_rights(store):
    alice = await owner(store)
    first, *_ = await three(alice)
    bob, path = store.as_("bob"), "//v1/AUTH_alice/c/o"
    for method in ("GET", "HEAD", "DELETE", "PUT"):
        assert (await bob.request(method, f"{path}?version-id={first}")).status == 403, method
    assert (await bob.put(path, b"mine")).status == 403 and (await bob.delete(path)).status == 403
    assert (await bob.post("//v1/AUTH_alice/c", X_Versions_Enabled="false")).status == 403
    await alice.post("/c", X_Container_Read="bob:bob")
    assert (await bob.get(f"{path}?version-id={first}")).status == 403 and (await bob.get(path)).data == b"ccc"
    assert (await bob.delete(f"{path}?version-id={first}")).status == 403
    assert len((await alice.get("/c?versions&format=json")).json) == 3


@pytest.mark.parametrize("path", ["/%00versions%00c", "/%00versions%00c/%00o%00" + "0" * 16, "/c?prefix=%00"])
async def test_what_is_hidden_is_not_named_by_clients(store, path):
    alice = await owner(store)
    await three(alice)
    for method in ("GET", "PUT", "DELETE") if "?" not in path else ("GET",):
        got = await alice.request(method, "//v1/AUTH_alice" + path)
        assert got.status == 412 or (got.status in (200, 204) and got.data in (b"", b"[]")), (method, got)
    for target in ("%00versions%00c/%00o%00" + "0" * 16, "c/%00o"):
        assert (await alice.put("/c/l", X_Symlink_Target=target)).status == 412
    assert (await alice.get("/c/o", X_Backend_Allow_Reserved_Names="true")).data == b"ccc"


async def test_pages_of_versions(store):
    alice = await owner(store)
    ids = [("a", v) for v in reversed(await three(alice, "/c/a"))] + [("b", v) for v in reversed(await three(alice, "/c/b"))]
    found, query = [], "versions&format=json&limit=2"
    while page := (await alice.get(f"/c?{query}")).json:
        found += [(row["name"], row["version_id"]) for row in page]
        assert [row["is_latest"] for row in page] == [(row["name"], row["version_id"]) in (ids[0], ids[3]) for row in page]
        query = f"versions&format=json&limit=2&marker={found[-1][0]}&version_marker={found[-1][1]}"
    assert found == ids
    assert [row["name"] for row in (await alice.get("/c?versions&format=json&prefix=b")).json] == ["b"] * 3
    for bad in ("version_marker=1.0", "marker=a&version_marker=x", "delimiter=1"):
        assert (await alice.get(f"/c?versions&format=json&{bad}")).status == 400, bad
    for bad in ("x", "-1"):
        assert (await alice.get(f"/c/a?version-id={bad}")).status == 400


async def test_conditions_links_and_large_objects_of_versions(store):
    alice = await owner(store)
    assert (await alice.put("/c/new", b"1", If_None_Match="*")).status == 201
    assert (await alice.put("/c/new", b"2", If_None_Match="*")).status == 412
    assert len((await alice.get("/c?versions&format=json")).json) == 1
    await alice.put("/segments")
    await alice.put("/segments/1", b"12345")
    body = b'[{"path": "segments/1"}, {"data": "Njc="}]'
    version = (await alice.put("/c/slo?multipart-manifest=put", body)).headers["x-object-version-id"]
    await alice.put("/c/slo", b"small")
    assert (await alice.get(f"/c/slo?version-id={version}", Range="bytes=4-5")).data == b"56"
    assert (await alice.head(f"/c/slo?version-id={version}")).headers["content-length"] == "7"
    assert next(row for row in (await alice.get("/c?format=json")).json if row["name"] == "slo")["bytes"] == 5
    link = (await alice.put("/c/link", X_Symlink_Target="segments/1")).headers["x-object-version-id"]
    assert (await alice.get("/c/link")).data == b"12345"
    await alice.put("/c/link", b"no link")
    assert (await alice.get(f"/c/link?version-id={link}")).data == b"12345"
    assert (await alice.request("COPY", f"/c/link?version-id={link}", Destination="segments/copy")).status == 201
    assert (await alice.get("/segments/copy")).data == b"12345"


def test_inverted_moments_come_back_and_the_newest_is_first():
    early, late = "1700000000.00000", "1700000000.00001"
    assert inverted(inverted(early)) == early and inverted(late) < inverted(early)
