"""Encryption at rest: clients see no difference, and nothing of theirs lies on the devices."""

import os
from base64 import b64encode
from hashlib import md5

import pytest

from pileus.object_store.pipeline.encryption.cipher import stream
from pileus.object_store.pipeline.encryption.keys import Keymaster
from tests.object_store.harness import TestStore

OLD, NEW = b64encode(b"o" * 32).decode(), b64encode(b"n" * 32).decode()
SECRET = b"what nobody else is to read " * 4000


@pytest.fixture
def store():
    return TestStore(encryption={"root_secrets": {"old": OLD}, "active_root_secret_id": "old"})


async def owner(store):
    alice = store.as_("alice")
    await alice.put("/c")
    made = await alice.put("/c/o", SECRET, X_Object_Meta_Colour="crimson", ETag=md5(SECRET).hexdigest())
    assert (made.status, made.headers["etag"]) == (201, md5(SECRET).hexdigest())
    return alice


async def test_nothing_of_the_client_lies_on_the_device(store):
    await owner(store)
    written, objects = [path for path in (store.folder / "devices").rglob("*") if path.is_file()], list(store.files())
    assert len(written) > len(objects) == 1, "the object, and databases that list it"
    for path in written:
        data = path.read_bytes()
        assert SECRET[:28] not in data and b"crimson" not in data and md5(SECRET).hexdigest().encode() not in data, path
    for path in objects:
        told = b"".join(os.getxattr(path, name) for name in os.listxattr(path))
        assert b"crimson" not in told and md5(SECRET).hexdigest().encode() not in told and told


@pytest.mark.parametrize("replicas", [1, 3])
async def test_clients_see_no_difference(replicas):
    encryption = {"root_secrets": {"old": OLD}, "active_root_secret_id": "old"}
    async with TestStore(encryption=encryption, replicas=replicas, devices=replicas) as store:
        alice = await owner(store)
        got = await alice.get("/c/o")
        assert (got.data, got.headers["etag"], got.headers["x-object-meta-colour"]) == (SECRET, md5(SECRET).hexdigest(), "crimson")
        assert not [name for name in got.headers if "crypto" in name]
        for first, last in ((0, 0), (1, 16), (17, 70_001), (111_990, 111_999)):
            piece = await alice.get("/c/o", Range=f"bytes={first}-{last}")
            assert (piece.status, piece.data) == (206, SECRET[first : last + 1])
        several = await alice.get("/c/o", Range="bytes=3-20,100-105")
        assert several.status == 206 and several.data.count(SECRET[3:21]) == 1 and SECRET[100:106] in several.data
        assert int(several.headers["content-length"]) == len(several.data)
        row, = (await alice.get("/c?format=json")).json
        assert (row["hash"], row["bytes"]) == (md5(SECRET).hexdigest(), len(SECRET))
        assert (await alice.put("/c/empty", b"")).headers["etag"] == (await alice.get("/c/empty")).headers["etag"]


async def test_preconditions_and_wrong_hashes(store):
    alice = await owner(store)
    etag = md5(SECRET).hexdigest()
    assert (await alice.get("/c/o", If_None_Match=etag)).status == 304 and (await alice.get("/c/o", If_None_Match="x")).status == 200
    assert (await alice.get("/c/o", If_Match=f'"{etag}"')).status == 200 and (await alice.get("/c/o", If_Match="x")).status == 412
    assert (await alice.head("/c/o", If_None_Match=etag)).headers["etag"] == etag
    assert (await alice.put("/c/bad", b"x", ETag="0" * 32)).status == 422 and (await alice.get("/c/bad")).status == 404
    assert (await alice.post("/c/o", X_Object_Meta_Shape="round")).status == 202
    head = await alice.head("/c/o")
    assert head.headers["x-object-meta-shape"] == "round" and "x-object-meta-colour" not in head.headers
    assert (await alice.post("/c/o", **{"X_Object_Meta_A": "x" * 257})).status == 400


async def test_copies_large_objects_links_and_versions(store):
    alice = await owner(store)
    assert (await alice.request("COPY", "/c/o", Destination="c/copy")).status == 201
    copy = await alice.get("/c/copy")
    assert (copy.data, copy.headers["x-object-meta-colour"]) == (SECRET, "crimson")
    await alice.put("/c/slo?multipart-manifest=put", b'[{"path": "c/o"}, {"path": "c/copy", "range": "1-3"}]')
    assert (await alice.get("/c/slo")).data == SECRET + SECRET[1:4]
    await alice.put("/c/link", X_Symlink_Target="c/o", X_Symlink_Target_Etag=md5(SECRET).hexdigest())
    assert (await alice.get("/c/link", Range="bytes=5-9")).data == SECRET[5:10]
    rows = {row["name"]: row for row in (await alice.get("/c?format=json")).json}
    assert rows["link"]["symlink_path"] == "/v1/AUTH_alice/c/o" and rows["slo"]["slo_etag"]
    await alice.put("/v", X_Versions_Enabled="true")
    version = (await alice.put("/v/o", b"first")).headers["x-object-version-id"]
    await alice.put("/v/o", b"second")
    assert (await alice.get(f"/v/o?version-id={version}")).data == b"first" and (await alice.get("/v/o")).data == b"second"
    assert [row["hash"] for row in (await alice.get("/v?format=json")).json] == [md5(b"second").hexdigest()]


async def test_secrets_are_rotated_and_one_that_is_gone_is_missed(store):
    alice = await owner(store)
    config = store.config.encryption
    feature = store.objects.store.features["Encryption"]
    feature.keys = Keymaster({"old": OLD, "new": NEW}, "new")
    await alice.put("/c/new", b"new")
    assert (await alice.get("/c/o")).data == SECRET and (await alice.get("/c/new")).data == b"new"
    assert (await alice.get("/c/o", If_None_Match=md5(SECRET).hexdigest())).status == 304
    await alice.post("/c/o", X_Object_Meta_Colour="blue")
    assert (await alice.head("/c/o")).headers["x-object-meta-colour"] == "blue"
    feature.keys = Keymaster({"new": NEW}, "new")
    assert (await alice.get("/c/o")).status == 500 and (await alice.get("/c/new")).data == b"new"
    rows = {row["name"]: row["hash"] for row in (await alice.get("/c?format=json")).json}
    assert rows == {"o": "<unknown>", "new": md5(b"new").hexdigest()} and (await alice.head("/c/o")).status == 500
    feature.keys = Keymaster({"old": OLD, "new": NEW}, "new")
    config.encrypt = False
    await alice.put("/c/plain", b"in the clear")
    assert (await alice.get("/c/plain")).data == b"in the clear" and any(b"in the clear" in path.read_bytes() for path in store.files())
    assert (await alice.get("/c/o")).data == SECRET


async def test_without_any_secret_what_is_encrypted_is_refused_and_never_given_as_it_lies_there(store):
    alice = await owner(store)
    await alice.put("/c/empty", b"")
    store.objects.store.features["Encryption"].keys = Keymaster({}, "")
    for answer in (await alice.get("/c/o"), await alice.get("/c/o", Range="bytes=0-5,9-12"), await alice.head("/c/o"),
                   await alice.request("COPY", "/c/o", Destination="c/copy")):
        assert answer.status == 500, answer
    assert (await alice.get("/c/empty")).status == 200 and (await alice.get("/c/copy")).status == 404
    await alice.put("/c/plain", b"plain", X_Object_Meta_A="b")
    assert (await alice.get("/c/plain")).data == b"plain" and any(path.read_bytes() == b"plain" for path in store.files())
    rows = {row["name"]: row["hash"] for row in (await alice.get("/c?format=json")).json}
    assert rows == {"o": "<unknown>", "empty": md5(b"").hexdigest(), "plain": md5(b"plain").hexdigest()}


@pytest.mark.parametrize(("secrets", "active"), [({"a": "AAAA"}, "a"), ({"a": "!"}, "a"), ({"a": OLD}, "b")])
def test_what_is_no_secret_is_refused_at_the_start(secrets, active):
    with pytest.raises(ValueError):
        Keymaster(secrets, active)


def test_any_piece_is_decrypted_by_itself():
    key, iv, data = b"k" * 32, b"\xff" * 16, bytes(range(256)) * 5
    sealed = stream(key, iv).update(data)
    assert sealed != data and all(stream(key, iv, at).update(sealed[at:]) == data[at:] for at in range(0, 100, 7))


async def test_what_is_kept_aside_is_listed_in_the_clear(store):
    alice = store.as_("alice")
    await alice.put("/old")
    await alice.put("/c", X_Versions_Location="old")
    await alice.put("/c/o", b"first")
    await alice.put("/c/o", b"second")
    row, = (await alice.get("/old?format=json")).json
    assert row["hash"] == md5(b"first").hexdigest()


async def test_fragments_are_encrypted_too():
    pytest.importorskip("pyeclib", reason="the extra erasure-coding is not installed")
    coded = {"index": 1, "name": "coded", "erasure": {"data": 3, "parity": 2, "segment_size": 10_000}}
    encryption = {"root_secrets": {"old": OLD}, "active_root_secret_id": "old"}
    async with TestStore(devices=6, part_power=4, policies=[{"index": 0, "name": "gold"}, coded], encryption=encryption) as store:
        alice = store.as_("alice")
        await alice.put("/c", X_Storage_Policy="coded")
        await alice.put("/c/o", SECRET, X_Object_Meta_Colour="crimson")
        got = await alice.get("/c/o")
        assert (got.data, got.headers["etag"], got.headers["x-object-meta-colour"]) == (SECRET, md5(SECRET).hexdigest(), "crimson")
        assert (await alice.get("/c/o", Range="bytes=70001-70020")).data == SECRET[70_001:70_021]
        assert (await alice.get("/c/o", If_None_Match=md5(SECRET).hexdigest())).status == 304
        assert not any(SECRET[:28] in path.read_bytes() for path in store.files())
