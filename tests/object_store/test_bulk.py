"""Many objects by one request: deleted by a list, made from an archive."""

import io
import tarfile

import pytest

from tests.object_store.harness import TestStore

pytestmark = pytest.mark.realtime           # archives are read in threads


@pytest.fixture
def store():
    return TestStore(real_time=True)


def archive(*names: str, mode: str = "w", data: bytes = b"hello") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    return out.getvalue()


async def test_a_list_of_names_is_deleted(store):
    alice = store.as_("alice")
    for name in ("/c", "/c/a", "/c/ä b", "/d", "/e", "/e/x"):
        await alice.put(name)
    got = await alice.post("?bulk-delete", b"/c/a\nc/%C3%A4%20b\n\n/c/none\n/d\n/e\n", Accept="application/json")
    assert got.status == 200
    assert got.json == {"Number Deleted": 3, "Number Not Found": 1, "Response Status": "400 Bad Request", "Response Body": "",
                        "Errors": [["/e", "409 Conflict"]]}
    assert await alice.names() == ["c", "e"] and await alice.names("/c") == []


async def test_nobody_deletes_what_is_not_his(store):
    alice, bob = store.as_("alice"), store.as_("bob")
    await alice.put("/c")
    await alice.put("/c/a", b"")
    got = await bob.post("//v1/AUTH_alice?bulk-delete", b"/c/a", Accept="application/json")
    assert got.json["Number Deleted"] == 0 and got.json["Errors"] == [["/c/a", "403 Forbidden"]]
    assert await alice.names("/c") == ["a"]


async def test_files_of_an_archive_become_objects(store):
    alice = store.as_("alice")
    for kind, mode in (("tar", "w"), ("tar.gz", "w:gz"), ("tar.bz2", "w:bz2")):
        got = await alice.put(f"/c-{kind}/pre?extract-archive={kind}", archive("a", "./dir/b", mode=mode), Accept="application/json")
        assert got.json["Number Files Created"] == 2 and got.json["Response Status"] == "201 Created", got.json
        assert await alice.names(f"/c-{kind}") == ["pre/a", "pre/dir/b"]
        assert (await alice.get(f"/c-{kind}/pre/dir/b")).data == b"hello"
    got = await alice.put("?extract-archive=tar", archive("one/x", "two/y"), Accept="application/json")
    assert got.json["Number Files Created"] == 2 and {"one", "two"} <= set(await alice.names())


async def test_what_is_no_archive_is_told_so(store):
    alice = store.as_("alice")
    assert (await alice.put("/c?extract-archive=zip", b"")).status == 400
    for body in (b"no archive at all", archive("a")[:700] + b"x", archive()):
        got = await alice.put("/c?extract-archive=tar", body, Accept="application/json")
        assert got.status == 200 and got.json["Response Status"] == "400 Bad Request", got.json
    outside = await alice.put("/c?extract-archive=tar", archive("../../../x"), Accept="application/json")
    assert "x" not in await alice.names() and outside.status == 200
