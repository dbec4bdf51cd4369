"""Swift's security advisories that no other test of a feature is about: rows 43, 45, 49 and 52 of the checklist."""

import contextlib
import hashlib
import hmac
import json
import os
import time
import xml.etree.ElementTree as ElementTree

import pytest

from pileus.object_store.pipeline.container_sync import realms
from pileus.object_store.wire.message import Request
from tests.object_store.harness import Caller, TestStore
from tests.object_store.s3 import boto


@contextlib.contextmanager
def comparisons(monkeypatch):
    """What is compared in constant time."""
    compared, compare = [], hmac.compare_digest

    def noted(one, other):
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    yield compared
    monkeypatch.undo()


def seen(compared, given):
    wanted = given if isinstance(given, bytes) else given.encode()
    return any(wanted in (one if isinstance(one, bytes) else one.encode(), other if isinstance(other, bytes) else other.encode())
               for one, other in compared)


@pytest.mark.realtime
async def test_ossa_2014_002_2014_024_signatures_and_passwords_are_compared_in_constant_time(monkeypatch, tmp_path):
    (tmp_path / "realms").write_text("[us]\nkey = k\ncluster_a = http://h/v1\n")
    users = [{"account": "test", "user": "tester", "key": "testing", "groups": [".admin"]}]
    async with TestStore(real_time=True, temp_auth={"users": users}, container_sync={"realms_file": str(tmp_path / "realms")}) as store:
        alice, nobody = store.as_("alice"), store.anonymous()
        await alice.post("", X_Account_Meta_Temp_URL_Key="key")
        await alice.put("/c", X_Container_Sync_Key="shared")
        wrong, soon = "f" * 64, int(time.time()) + 60
        with comparisons(monkeypatch) as compared:
            assert (await nobody.get(f"/c/o?temp_url_sig={wrong}&temp_url_expires={soon}")).status == 401
            assert seen(compared, bytes.fromhex(wrong))
        with comparisons(monkeypatch) as compared:
            form = "".join(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in (
                ("max_file_size", 1), ("max_file_count", 1), ("expires", soon), ("signature", wrong)))
            form += '--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nx\r\n--x--\r\n'
            assert (await nobody.post("/c/p", form.encode(), Content_Type="multipart/form-data; boundary=x")).status == 401
            assert seen(compared, bytes.fromhex(wrong))
        with comparisons(monkeypatch) as compared:
            assert (await nobody.put("/c/o", b"", X_Container_Sync_Auth=f"us n {wrong}")).status == 401
            assert seen(compared, wrong)
        with comparisons(monkeypatch) as compared:
            assert (await Caller(store, "", {}).get("/auth/v1.0", X_Auth_User="test:tester", X_Auth_Key=wrong)).status == 401
            assert seen(compared, wrong)
        for signature in ("s3", "s3v4"):
            s3 = boto(store, signature=signature, secret="wrong")
            sent = []
            s3.forge = sent.append
            with comparisons(monkeypatch) as compared:
                assert await s3.refused("list_buckets") == "SignatureDoesNotMatch"
                given = sent[0].headers["Authorization"]
                given = given.decode() if isinstance(given, bytes) else given
                given = given.rpartition("=" if signature == "s3v4" else "AWS alice-alice:")[2]
                assert seen(compared, given)
        assert realms.signature(("GET", "/v1/a/c/o", "0", "n"), "k", "u") == hmac.new(
            b"k", b"GET\n/v1/a/c/o\n0\nn\nu", hashlib.sha1).hexdigest()


def open_files(store):
    folder, found = str(store.folder), []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return [path for path in found if path.startswith(folder) and ".data" in path]


SECRET = {"root_secrets": {"a": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}, "active_root_secret_id": "a"}


@pytest.mark.parametrize("options", [{}, {"encryption": SECRET}, {"access_log": True}, {"devices": 3, "replicas": 3}])
async def test_ossa_2016_004_a_client_that_goes_away_leaves_nothing_open(options):
    async with TestStore(**options) as store:
        await _gone(store)


async def _gone(store):
    alice = store.as_("alice")
    await alice.put("/c")
    for n in range(3):
        await alice.put(f"/c/{n}", bytes([n]) * 1_500_000)
    listed = [{"path": f"/c/{n}"} for n in range(3)]
    await alice.put("/c/slo?multipart-manifest=put", json.dumps(listed).encode())
    await alice.put("/c/dlo", b"", X_Object_Manifest="c/0")
    for name in ("slo", "dlo", "0"):
        for chunks in (0, 1, 3):
            req = Request("GET", f"/v1/AUTH_alice/c/{name}", dict(alice.headers))
            response = await store.objects.store.pipeline(req)
            assert response.status == 200
            body = aiter(response.body)
            for _ in range(chunks):
                await anext(body)
            await response.close()
            assert not open_files(store), (name, chunks)
            with pytest.raises((StopAsyncIteration, OSError)):
                await anext(body)


@pytest.mark.parametrize("accept", [
    "text/plain;q=" + "0" * 8000, "a" * 8000, "," * 8000, "text/plain;" * 700, ("a/b;" + " " * 50) * 140, "text/" + "*" * 8000,
    "application/json;" + "q=0.1;" * 1300, '"' * 4000 + "\\" * 4000, "/" * 8000])
async def test_CVE_2026_71190_no_accept_header_makes_work(store, accept):
    alice = store.as_("alice")
    await alice.put("/c")
    began = time.process_time()
    assert (await alice.get("/c", Accept=accept)).status in (200, 204, 400, 406)
    assert time.process_time() - began < 1


async def test_ossa_2013_022_deletions_do_not_pile_up(store):
    alice = store.as_("alice")
    await alice.put("/c")
    await alice.put("/c/o", b"x")
    for n in range(20):
        await alice.delete("/c/o", X_Timestamp=f"{1000 + n}.00000")
        await alice.delete("/c/nothing", X_Timestamp=f"{1000 + n}.00000")
    assert len(store.files("ts")) <= 2 and not store.files()


@pytest.mark.parametrize(("path", "kind"), [("", "Account"), ("/c", "Container")])
async def test_ossa_2014_034_limits_of_metadata_hold_over_several_requests(store, path, kind):
    alice = store.as_("alice")
    await alice.put("/c")
    for n in range(90):
        assert (await alice.post(path, **{f"X_{kind}_Meta_N{n}": "v"})).status == 204
    assert (await alice.post(path, **{f"X_{kind}_Meta_More": "v"})).status == 400
    assert (await alice.post(path, **{f"X_{kind}_Meta_N0": ""})).status == 204
    assert (await alice.post(path, **{f"X_{kind}_Meta_More": "v"})).status == 204
    assert (await alice.post(path, **{f"X_{kind}_Meta_N1": "v" * 257})).status == 400


async def test_ossa_2014_020_a_challenge_repeats_nothing_that_a_browser_would_run(store):
    for account in ('<script>alert("1")</script>', 'x"; y="z', "a%0D%0AX-Evil:%201", "ö"):
        got = await store.anonymous().get(f"//v1/AUTH_{account.replace('/', '%2F')}/c")
        if got.status == 401:
            realm = got.headers["www-authenticate"]
            assert realm.count('"') == 2 and not set(realm) & set("<>\r\n;"), realm
        assert "x-evil" not in got.headers and "<script>" not in got.text


async def test_ossa_2013_016_names_are_escaped_in_xml(store):
    name = """<b a="1">&'</b>"""
    alice = store.as_("alice")
    await alice.put("/" + name.replace("/", ""))
    container = name.replace("/", "")
    assert (await alice.put(f"/{container}/{name}", b"x")).status == 201
    for path, inner in (("", container), (f"/{container}", name)):
        found = ElementTree.fromstring((await alice.get(f"{path}?format=xml")).data)
        assert [each.findtext("name") for each in found] == [inner]
    folders = ElementTree.fromstring((await alice.get(f"/{container}?format=xml&delimiter=b")).data)
    assert folders[0].get("name") == "<b" == folders[0].findtext("name")
