"""Static large objects: written only when all is as the manifest says, read as one body, deleted with what they consist of."""

import asyncio
import base64
import json
from hashlib import md5

from pileus.object_store.daemons import DAEMONS


def digest(data: bytes) -> str:
    return md5(data, usedforsecurity=False).hexdigest()


async def owner(store):
    alice = store.as_("alice")
    await alice.put("/c")
    for name in "abc":
        await alice.put(f"/c/{name}", name.encode() * 4)
    return alice


async def manifest(caller, path: str, *segments: dict, **headers: str):
    return await caller.put(f"{path}?multipart-manifest=put", json.dumps(segments).encode(), **headers)


async def test_it_reads_as_one_body(store):
    alice = await owner(store)
    got = await manifest(alice, "/c/big", {"path": "/c/a", "etag": digest(b"aaaa"), "size_bytes": 4}, {"path": "c/b", "range": "1-2"},
                         {"data": base64.b64encode(b"--").decode()}, {"path": "/c/c"}, Content_Type="text/x")
    whole = digest((digest(b"aaaa") + digest(b"bbbb") + ":1-2;" + digest(b"--") + digest(b"cccc")).encode())
    assert got.status == 201 and got.headers["etag"] == f'"{whole}"'
    read = await alice.get("/c/big")
    assert (read.data, read.headers["etag"], read.headers["content-type"]) == (b"aaaabb--cccc", f'"{whole}"', "text/x")
    assert (await alice.head("/c/big")).headers["content-length"] == "12"
    part = await alice.get("/c/big", Range="bytes=3-8")
    assert (part.status, part.data, part.headers["content-range"]) == (206, b"abb--c", "bytes 3-8/12")
    assert (await alice.get("/c/big", Range="bytes=0-0,11-11")).data.count(b"Content-Range") == 2
    assert (await alice.get("/c/big", If_None_Match=whole)).status == 304
    assert (await alice.get("/c/big?part-number=2")).data == b"bb"
    row = next(r for r in (await alice.get("/c?format=json")).json if r["name"] == "big")
    assert row["bytes"] == 12 and row["slo_etag"] == f'"{whole}"'


async def test_what_is_not_as_the_manifest_says_makes_nothing(store):
    alice = await owner(store)
    for segment, why in (
        ({"path": "/c/a", "etag": digest(b"other")}, "Etag Mismatch"), ({"path": "/c/a", "size_bytes": 5}, "Size Mismatch"),
        ({"path": "/c/none"}, "404 Not Found"), ({"path": "/c/a", "range": "9-"}, "Unsatisfiable Range"), ({"etag": "x"}, "expected keys"),
        ({"path": "/c"}, "path does not refer"), ({"path": "/c/big"}, "must not include itself"), ({"data": "§"}, "valid base64"),
        ({"path": "/c/a", "size": 4}, 'extraneous keys "size"'), (7, "not a JSON object"),
    ):
        got = await manifest(alice, "/c/big", {"path": "/c/b"}, segment)
        assert got.status == 400 and why in got.text, (segment, got)
    for body in (b"{", b"{}", b"[]", json.dumps([{"data": "eA=="}]).encode()):
        assert (await alice.put("/c/big?multipart-manifest=put", body)).status == 400, body
    assert (await alice.put("/c/big", b"x", X_Static_Large_Object="true")).status == 400
    assert (await manifest(alice, "/c/big", {"path": "/c/a"}, Etag=digest(b"other"))).status == 422
    assert (await alice.head("/c/big")).status == 404


async def test_a_segment_that_changed_is_not_given_out(store):
    alice = await owner(store)
    await manifest(alice, "/c/big", {"path": "/c/a"}, {"path": "/c/b"})
    await alice.put("/c/a", b"AAAA")
    assert (await alice.get("/c/big")).status == 409


async def test_manifests_of_manifests_copies_and_deletion(store):
    alice = await owner(store)
    await manifest(alice, "/c/inner", {"path": "/c/a"}, {"path": "/c/b"})
    await manifest(alice, "/c/outer", {"path": "/c/inner", "range": "2-5"}, {"path": "/c/c"})
    assert (await alice.get("/c/outer")).data == b"aabbcccc"
    assert (await alice.request("COPY", "/c/outer", Destination="c/flat")).status == 201
    flat = await alice.get("/c/flat")
    assert flat.data == b"aabbcccc" and "x-static-large-object" not in flat.headers
    assert (await alice.request("COPY", "/c/outer?multipart-manifest=get", Destination="c/same")).status == 201
    same = await alice.get("/c/same?multipart-manifest=get")
    assert [entry["name"] for entry in same.json] == ["/c/inner", "/c/c"] and same.json[0]["sub_slo"]
    gone = await alice.delete("/c/outer?multipart-manifest=delete", Accept="application/json")
    assert gone.json["Number Deleted"] == 5 and gone.json["Response Status"] == "200 OK"
    assert await alice.names("/c") == ["flat", "same"]


async def test_deleted_later(store):
    alice = store.as_("alice")
    for path in ("/c", "/segments"):
        await alice.put(path)
    for n in "ab":
        await alice.put(f"/segments/{n}", n.encode())
    await alice.put("/c/slo?multipart-manifest=put", json.dumps([{"path": "/segments/a"}, {"path": "/segments/b"}]).encode())
    await alice.put("/c/plain", b"x")
    assert (await alice.delete("/c/nothing?multipart-manifest=delete&async=on")).status == 404
    assert (await alice.delete("/c/plain?multipart-manifest=delete&async=on")).status == 400
    await alice.post("/c", X_Container_Write="bob:*", X_Container_Read="bob:*")
    bob = store.as_("bob")
    refused = await bob.request("DELETE", "//v1/AUTH_alice/c/slo?multipart-manifest=delete&async=on")
    assert refused.status == 403 and (await alice.get("/c/slo")).data == b"ab"
    assert (await alice.delete("/c/slo?multipart-manifest=delete&async=on")).status == 204
    assert (await alice.get("/c/slo")).status == 404
    assert await alice.names("/segments") == ["a", "b"]
    await asyncio.sleep(1)
    await alice.put("/segments/b", b"newer")             # what is put meanwhile stays
    await asyncio.sleep(2)
    assert (await expire(store))["expired"] == 1
    assert (await alice.get("/segments/a")).status == 404 and (await alice.get("/segments/b")).data == b"newer"
    assert not (await expire(store)).get("expired")


async def expire(store):
    await DAEMONS["container-updater"](store.objects).run_once()
    return await DAEMONS["object-expirer"](store.objects).run_once()


async def test_deleted_later_passes_over_nothing_that_is_kept(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/segments", X_Versions_Enabled="true")
    await alice.put("/segments/a", b"a")
    await alice.put("/other")
    await alice.put("/other/b", b"b")
    await alice.put("/c/one?multipart-manifest=put", json.dumps([{"path": "/segments/a"}]).encode())
    await alice.put("/c/two?multipart-manifest=put", json.dumps([{"path": "/segments/a"}, {"path": "/other/b"}]).encode())
    await alice.put("/c/deep?multipart-manifest=put", json.dumps([{"path": "/c/one"}]).encode())
    for name in ("two", "deep"):
        assert (await alice.delete(f"/c/{name}?multipart-manifest=delete&async=on")).status == 400
    assert (await alice.delete("/c/one?multipart-manifest=delete&async=on")).status == 200      # at once: versions are kept
    rows = (await alice.get("/segments?versions")).json
    assert [row["content_type"].split(";")[0] for row in rows] == ["application/x-deleted", "application/octet-stream"]
