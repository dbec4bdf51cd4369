"""Accounts, containers and objects: made, changed, listed, deleted."""

import asyncio

import pytest

from pileus.object_store.wire.asgi import ClientGone
from tests.object_store.harness import TestStore


@pytest.fixture(params=[(1, 1), (3, 5)], ids=["one replica", "three replicas"])
def store(request):
    replicas, devices = request.param
    return TestStore(replicas=replicas, devices=devices)


async def test_an_account_that_nobody_used_is_empty(store):
    alice = store.as_("alice")
    got = await alice.head()
    assert (got.status, got.headers["x-account-container-count"]) == (204, "0")
    assert (await alice.get()).status == 204
    assert (await alice.get("?format=json")).json == []


async def test_objects_come_back_as_they_were_put(store):
    alice = store.as_("alice")
    assert (await alice.put("/c")).status == 201
    assert (await alice.put("/c")).status == 202
    put = await alice.put("/c/folder/ö.txt", b"hello", Content_Type="text/x", X_Object_Meta_Colour="grün")
    assert (put.status, put.headers["etag"]) == (201, "5d41402abc4b2a76b9719d911017c592")
    for method in ("GET", "HEAD"):
        got = await alice.request(method, "/c/folder/ö.txt")
        assert got.status == 200 and got.data == (b"hello" if method == "GET" else b"")
        assert got.headers["content-length"] == "5" and got.headers["etag"] == "5d41402abc4b2a76b9719d911017c592"
        assert got.headers["content-type"] == "text/x" and got.headers["x-object-meta-colour"] == "grün"
        assert "x-backend-timestamp" not in got.headers
    row, = (await alice.get("/c?format=json")).json
    assert row["name"] == "folder/ö.txt" and row["bytes"] == 5 and row["content_type"] == "text/x"
    assert row["hash"] == "5d41402abc4b2a76b9719d911017c592" and row["last_modified"].startswith("2026-01-01T00:00:0")
    assert (await alice.head("/c")).headers["x-container-object-count"] == "1"


async def test_a_new_body_takes_the_place_of_the_old_one(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"first", X_Object_Meta_A="1")
    await alice.put("/c/o", b"second")
    got = await alice.get("/c/o")
    assert got.data == b"second" and "x-object-meta-a" not in got.headers
    assert len(store.files()) == store.config.replicas
    assert (await alice.head("/c")).headers["x-container-bytes-used"] == "6"


async def test_post_replaces_metadata_only(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"body", X_Object_Meta_A="1", X_Object_Meta_B="2", Content_Type="text/a")
    assert (await alice.post("/c/o", X_Object_Meta_B="3")).status == 202
    got = await alice.get("/c/o")
    assert got.data == b"body" and got.headers["x-object-meta-b"] == "3" and "x-object-meta-a" not in got.headers
    assert got.headers["content-type"] == "text/a"
    assert (await alice.post("/c/o", Content_Type="text/b")).status == 202
    assert (await alice.post("/c/o", X_Object_Meta_C="4")).status == 202
    got = await alice.get("/c/o")
    assert got.headers["content-type"] == "text/b" and got.headers["x-object-meta-c"] == "4"
    assert (await alice.get("/c?format=json")).json[0]["content_type"] == "text/b"


async def test_more_metadata_than_an_attribute_holds(store):
    alice = store.as_("alice")
    await alice.put("/c")
    headers = {f"X-Object-Meta-{n:02}": "v" * 200 for n in range(18)}
    assert (await alice.put("/c/o", b"x", **headers)).status == 201
    got = await alice.head("/c/o")
    assert sum(len(v) for n, v in got.headers.items() if n.startswith("x-object-meta-")) == 3600
    await alice.put("/c/o", b"y")
    assert store.files("attrs") == []


async def test_delete(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"x")
    assert (await alice.delete("/c")).status == 409
    assert (await alice.delete("/c/o")).status == 204
    assert (await alice.delete("/c/o")).status == 404
    assert (await alice.get("/c/o")).status == 404
    assert store.files() == [] and len(store.files("ts")) == store.config.replicas
    assert (await alice.names("/c")) == []
    assert (await alice.delete("/c")).status == 204
    assert (await alice.get("/c")).status == 404
    assert (await alice.delete("/c")).status == 404
    assert (await alice.names()) == []
    assert (await alice.put("/c")).status == 201
    assert (await alice.names()) == ["c"]


async def test_what_is_not_there(store):
    alice = store.as_("alice")
    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        assert (await alice.request(method, "/c/o", b"x" if method == "PUT" else None)).status == 404, method
    await alice.put("/c")
    for method in ("GET", "HEAD", "POST", "DELETE"):
        assert (await alice.request(method, "/c/o")).status == 404, method


async def test_a_body_that_is_not_what_it_says_is_not_kept(store):
    alice = store.as_("alice")
    await alice.put("/c")
    assert (await alice.put("/c/o", b"body", ETag="0" * 32)).status == 422

    async def cut_off():
        yield b"half of "
        raise ClientGone()

    assert (await alice.put("/c/o", cut_off())).status == 499
    await asyncio.sleep(1)
    assert (await alice.get("/c/o")).status == 404 and await alice.names("/c") == []
    assert store.files() == [] and not list(store.folder.glob("devices/*/tmp/*"))


async def test_a_large_body_goes_through_in_pieces(store):
    alice = store.as_("alice")
    await alice.put("/c")

    async def body():
        for n in range(40):
            yield bytes([n]) * 65_537

    put = await alice.put("/c/o", body())
    assert put.status == 201, put
    got = await alice.get("/c/o")
    assert got.data == b"".join([bytes([n]) * 65_537 for n in range(40)])
    part = await alice.get("/c/o", Range="bytes=65530-65540")
    assert (part.status, part.data) == (206, b"\0" * 7 + b"\1" * 4)
    assert part.headers["content-range"] == f"bytes 65530-65540/{40 * 65_537}"
    assert (await alice.get("/c/o", Range="bytes=99999999-")).status == 416


async def test_someone_elses_account(store):
    alice, bob = store.as_("alice"), store.as_("bob")
    await alice.put("/c")
    await alice.put("/c/o", b"secret")
    for path in ("", "/c", "/c/o"):
        for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
            body = b"x" if method == "PUT" else None
            assert (await bob.request(method, f"//v1/AUTH_alice{path}", body)).status in (403, 405), (method, path)
            got = await store.anonymous().request(method, path, body)
            assert got.status in (401, 405) and (got.status == 405 or "www-authenticate" in got.headers), (method, path)
    assert (await store.anonymous().get("/c/o", X_Auth_Token="made up")).status == 401
    reader = store.as_("eve", project="alice", roles=("reader",))
    assert (await reader.get("/c/o")).status == 403


async def test_metadata_of_containers_and_accounts(store):
    alice = store.as_("alice")
    assert (await alice.post("", X_Account_Meta_Owner="me")).status == 204
    assert (await alice.head()).headers["x-account-meta-owner"] == "me"
    await alice.put("/c", X_Container_Meta_A="1", X_Container_Read=".r:*")
    assert (await alice.post("/c", X_Container_Meta_B="2", X_Remove_Container_Meta_A="x")).status == 204
    got = await alice.head("/c")
    assert got.headers["x-container-meta-b"] == "2" and "x-container-meta-a" not in got.headers
    assert got.headers["x-container-read"] == ".r:*" and got.headers["x-storage-policy"] == "Policy-0"


async def test_clients_cannot_say_what_servers_say(store):
    """CVE-2026-50221: where updates go, and what features know, comes from the store itself only."""
    alice = store.as_("alice")
    await alice.put("/c", X_Container_Sysmeta_Secret="x")
    assert (await alice.put("/c/o", b"x", X_Container_Host="10.0.0.1:80", X_Container_Device="d", X_Container_Partition="1",
                            X_Backend_Storage_Policy_Index="7", X_Object_Sysmeta_Key="k", X_Timestamp="1.0")).status == 201
    assert await alice.names("/c") == ["o"]
    assert not any("sysmeta" in n for n in (await alice.head("/c/o")).headers)
    brokers = [broker for _, broker in store.objects.node.containers.open.values()]
    assert brokers and not any("x-container-sysmeta-secret" in broker.metadata() for broker in brokers)


@pytest.mark.parametrize("path,status", [
    ("//v1", 412), ("//v1/", 412), ("//", 404), ("//v2/AUTH_alice", 400), ("//v1/AUTH_alice//o", 404), ("//v1/AUTH_alice/%ff", 412),
    ("//v1/AUTH_alice/c/%00", 412), ("/" + "c" * 257, 400), ("/c/" + "o" * 1025, 400)])
async def test_bad_paths(store, path, status):
    alice = store.as_("alice")
    await alice.put("/c")
    assert (await alice.put(path, b"")).status == status


async def test_pages_that_cannot_be(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"")
    for path in ("", "/c"):
        for name in ("marker", "end_marker", "prefix", "delimiter"):
            got = await alice.get(f"{path}?{name}=%FF")
            assert (got.status, got.text) == (400, f'"{name}" parameter not valid UTF-8')
        assert (await alice.get(f"{path}?limit=10001")).status == 412
        for limit in ("-1", "x", "1.5", ""):        # what is no number means nothing
            assert (await alice.get(f"{path}?limit={limit}")).status == 200
        for accept in ("foo", "application/json; q=x", "/"):
            assert (await alice.get(path, Accept=accept)).status == 400
        assert (await alice.get(path, Accept="image/png")).status == 406
        assert (await alice.get(path)).headers["vary"] == "Accept"
        assert "vary" not in (await alice.get(f"{path}?format=json")).headers


async def test_types_have_no_parameters_of_the_stores(store):
    alice = store.as_("alice")
    await alice.put("/c")
    assert (await alice.put("/c/o", b"x", Content_Type="text/plain;swift_bytes=1000")).status == 400
    assert (await alice.put("/c/o", b"x", Content_Type="text/plain; swift_foo=1")).status == 400
    assert (await alice.put("/c/o", b"x", Content_Type="text/plain; charset=utf-8")).status == 201
    assert (await alice.get("/c?format=json")).json[0]["bytes"] == 1
