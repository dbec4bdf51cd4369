"""Containers kept the same as one in another cluster."""

import json
from contextlib import asynccontextmanager

import pytest

from pileus.core.http.server import Server
from pileus.object_store.daemons import DAEMONS
from pileus.object_store.pipeline.container_sync import realms
from tests.object_store.harness import TestStore
from tests.object_store.test_sharding import shards_of
from tests.ports import free_port

REALMS = "[us]\nkey = of the realm\nkey2 = older\ncluster_here = http://127.0.0.1:1/v1/\ncluster_there = {there}\n"
TO = "//us/there/AUTH_bob/copy"


@asynccontextmanager
async def clusters(tmp_path, sharding=None, **options):
    """Two stores with a realm in common; the second serves HTTP. `sharding`: of the first."""
    port = free_port()
    file = tmp_path / "realms.conf"
    file.write_text(REALMS.format(there=f"http://127.0.0.1:{port}/v1/"))
    sync = {"realms_file": str(file), "current": "//US/HERE", **options}
    async with TestStore(real_time=True, container_sync=sync, sharding=sharding or {}) as here, \
            TestStore(real_time=True, seed=2, container_sync=sync) as there:
        server = Server(there.objects.app, "127.0.0.1", port)
        await server.start()
        await server.listening()
        try:
            yield here, there
        finally:
            await server.stop()


async def sync(store):
    return await DAEMONS["container-sync"](store.objects).run_once()


async def pair(here, there, to=TO):
    alice, bob = here.as_("alice"), there.as_("bob")
    assert (await bob.put("/copy", X_Container_Sync_Key="shared")).status == 201
    assert (await alice.put("/c", X_Container_Sync_To=to, X_Container_Sync_Key="shared")).status == 201
    return alice, bob


@pytest.mark.realtime
async def test_what_changes_is_sent(tmp_path):
    async with clusters(tmp_path) as (here, there):
        alice, bob = await pair(here, there)
        await alice.put("/c/o", b"hello", X_Object_Meta_A="1", Content_Type="text/x")
        await alice.put("/c/gone", b"x")
        assert (await sync(here))["sent"] == 2
        got, original = await bob.get("/copy/o"), await alice.get("/c/o")
        assert got.data == b"hello"
        for name in ("x-timestamp", "etag", "last-modified", "content-type", "x-object-meta-a"):
            assert got.headers[name] == original.headers[name], name
        assert "sent" not in await sync(here)
        await alice.delete("/c/gone")
        await alice.put("/c/o", b"newer")
        await alice.put("/c/%C3%B6%20%3F%26", b"odd")
        assert (await sync(here))["deleted"] == 1
        assert (await bob.get("/copy/gone")).status == 404
        assert (await bob.get("/copy/o")).data == b"newer" and (await bob.get("/copy/%C3%B6%20%3F%26")).data == b"odd"


@pytest.mark.realtime
async def test_a_container_with_shards_is_synced(tmp_path):
    """Before it has shards, while rows go over into them and between them, and when it has none any more."""
    sharding = {"auto": True, "threshold": 12, "rows_per_shard": 5, "shrink_below": 3, "merge_below": 8, "batch": 1}
    async with clusters(tmp_path, sharding) as (here, there):
        alice, bob = await pair(here, there)

        async def act(names, wanted, passes):
            for name in names:
                assert (await alice.put(f"/c/{name}", name.encode())).status == 201
            for name in set(await alice.names("/c")) - set(wanted):
                await alice.delete(f"/c/{name}")
            shards = 0
            for _ in range(passes):
                await DAEMONS["container-sharder"](here.objects).run_once()
                assert not (await sync(here)).get("failures")
                shards = len(list(here.folder.glob("devices/*/containers/*/*/*/*.db")))
                assert await bob.names("/copy") == await alice.names("/c") == sorted(wanted)
            return shards

        names = [f"o{n:02}" for n in range(20)]
        assert await act(names[:10], names[:10], 1) == 1
        assert await act(names[10:], names, 6) > 3
        assert await act(["o07x", "o19x"], [*names, "o07x", "o19x"], 2) > 3
        assert (await bob.get("/copy/o07x")).data == b"o07x"
        await act(["p"], ["o03", "p"], 20)
        assert shards_of(here) == [] and (await alice.head("/c")).headers["x-container-object-count"] == "2"
        await act(["q"], ["p", "q"], 1)
        assert not (await sync(here))


@pytest.mark.realtime
async def test_what_is_newer_there_stays(tmp_path):
    async with clusters(tmp_path) as (here, there):
        alice, bob = await pair(here, there)
        await alice.put("/c/o", b"old")
        await bob.put("/copy/o", b"new")
        assert not (await sync(here)).get("failures")
        assert (await bob.get("/copy/o")).data == b"new"


@pytest.mark.realtime
async def test_large_objects_and_links_go_as_they_are(tmp_path):
    async with clusters(tmp_path) as (here, there):
        alice, bob = await pair(here, there)
        await bob.put("/parts")
        await alice.put("/parts")
        for n in "ab":
            await alice.put(f"/parts/s-{n}", n.encode())
        await alice.put("/c/slo?multipart-manifest=put", json.dumps([{"path": "/parts/s-a"}, {"path": "/parts/s-b"}]).encode())
        await alice.put("/c/dlo", b"", X_Object_Manifest="parts/s-")
        await alice.put("/c/link", X_Symlink_Target="parts/s-a")
        assert (await sync(here))["failures"] == 1          # the manifest, whose parts are not there yet
        assert (await bob.get("/copy/slo")).status == 404
        for n in "ab":
            await bob.put(f"/parts/s-{n}", n.encode())
        assert (await sync(here))["sent"] == 1              # what was sent is not sent again
        for name, data in (("slo", b"ab"), ("dlo", b"ab"), ("link", b"a")):
            got = await bob.get(f"/copy/{name}")
            assert (got.status, got.data) == (200, data), name
        assert (await bob.head("/copy/slo")).headers["x-static-large-object"] == "True"


@pytest.mark.realtime
async def test_a_cluster_that_is_away_gets_it_later(tmp_path):
    async with clusters(tmp_path) as (here, there):
        alice, bob = await pair(here, there)
        await alice.put("/c/o", b"hello")
        key = there.objects.store.features["ContainerSync"].realms
        known, key.known, key.until = key.all(), {}, 1e12
        assert (await sync(here)) == {"failures": 1}
        key.known = known
        assert (await sync(here)) == {"sent": 1}
        assert (await bob.get("/copy/o")).data == b"hello"


@pytest.mark.realtime
async def test_hosts_without_a_realm(tmp_path):
    async with clusters(tmp_path, allowed_hosts=["127.0.0.1"]) as (here, there):
        url = here.objects.store.features["ContainerSync"].realms.all()["US"].clusters["THERE"]
        alice, bob = await pair(here, there, f"{url}AUTH_bob/copy")
        await alice.put("/c/o", b"hello")
        assert (await sync(here)) == {"sent": 1}
        assert (await bob.get("/copy/o")).data == b"hello"


@pytest.fixture
def store(tmp_path):
    (tmp_path / "realms.conf").write_text(REALMS.format(there="http://127.0.0.1:1/v1"))
    return TestStore(container_sync={"realms_file": str(tmp_path / "realms.conf"), "current": "//US/HERE"})


@pytest.mark.parametrize(("to", "why"), [
    ("//us/there/a", "Invalid X-Container-Sync-To format"), ("//eu/there/a/c", "No realm key"), ("//us/x/a/c", "No cluster endpoint"),
    ("http://127.0.0.1/v1/a/c", "Full URLs are not allowed"), ("nonsense", "Full URLs are not allowed")])
async def test_where_nothing_can_be_synced_to(store, to, why):
    alice = store.as_("alice")
    got = await alice.put("/c", X_Container_Sync_To=to)
    assert got.status == 400 and why in got.text
    assert (await alice.get("/c")).status == 404


@pytest.mark.parametrize(("to", "why"), [
    ("ftp://h/v1/a/c", "Invalid scheme"), ("http://h", "Path required"), ("http://h/v1?x", "Params, queries"),
    ("http://i/v1/a/c", "Invalid host"), ("http://u:p@h/v1/a/c", "Params, queries")])
async def test_urls_that_are_none(to, why):
    async with TestStore(container_sync={"allowed_hosts": ["h"]}) as store:
        got = await store.as_("alice").put("/c", X_Container_Sync_To=to)
        assert got.status == 400 and why in got.text


async def test_versions_are_not_synced(store):
    alice = store.as_("alice")
    await alice.put("/c", X_Versions_Enabled="true")
    assert (await alice.post("/c", X_Container_Sync_To="//us/there/a/c")).status == 400


def signed(method, path, at, *, key="shared", realm="of the realm", nonce="n"):
    return f"us {nonce} {realms.signature((method, path, at, nonce), realm, key)}"


async def test_who_is_let_in(store):
    alice, anybody = store.as_("alice"), store.anonymous()
    await alice.put("/c", X_Container_Sync_Key="shared")
    await alice.put("/other", X_Container_Sync_Key="another")
    await alice.put("/open")
    at, path = "1767225600.00000", "/v1/AUTH_alice/c/o"

    async def put(auth, to="/c/o", method="PUT", stamp=at):
        return (await anybody.request(method, to, b"x" if method == "PUT" else None, X_Timestamp=stamp, X_Container_Sync_Auth=auth)).status

    good = signed("PUT", path, at)
    assert await put(good) == 201
    assert (await alice.head("/c/o")).headers["x-timestamp"] == at
    assert await put(signed("PUT", path, at, realm="older")) in (201, 202, 409)
    for wrong in ("", "us n", "us n x", "eu n " + good.split()[2], signed("PUT", path, at, key="x"), signed("PUT", path, at, realm="x"),
                  signed("DELETE", path, at), signed("PUT", path, "1767225600.00001"), signed("PUT", path + "p", at)):
        assert await put(wrong or "x") == 401, wrong
    assert await put(good, "/other/o") == 401 and await put(good, "/open/o") == 401 and await put(good, "/nowhere/o") == 401
    assert await put(signed("POST", path.rpartition("/")[0], at), "/c", "POST") == 401       # containers are their owners' to change
    assert await put(signed("COPY", path, at), method="COPY") == 401
    link = await anybody.put("/c/l", X_Timestamp=at, X_Container_Sync_Auth=signed("PUT", "/v1/AUTH_alice/c/l", at), X_Copy_From="other/o")
    assert link.status in (403, 404)
    # A moment, or a key, that is not signed means nothing.
    assert (await anybody.put("/c/o", b"x", X_Timestamp=at, X_Container_Sync_Key="shared")).status == 401
    await alice.put("/c/now", b"x", X_Timestamp="1000000000.00000")
    assert (await alice.head("/c/now")).headers["x-timestamp"] > at


async def test_what_is_told_and_to_whom(store):
    alice, anybody = store.as_("alice"), store.anonymous()
    told = (await anybody.get("//info")).json["container_sync"]["realms"]
    assert told == {"US": {"clusters": {"HERE": {"current": True}, "THERE": {}}}}
    await alice.put("/c", X_Container_Sync_To="//us/there/AUTH_bob/copy", X_Container_Sync_Key="shared", X_Container_Read=".r:*,.rlistings")
    assert (await alice.head("/c")).headers["x-container-sync-key"] == "shared"
    assert not [n for n in (await anybody.head("/c")).headers if "sync" in n]
    await alice.post("/c", X_Container_Sync_To="", X_Container_Sync_Key="")
    assert not [n for n in (await alice.head("/c")).headers if "sync" in n]
