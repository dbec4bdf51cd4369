"""Uploads that go wrong in every way: afterwards the image is queued, and nothing is left of the bytes."""

import asyncio
import errno
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from pileus.core.context import EVERYONE
from pileus.image.config import ImageConfig
from pileus.image.service import Images
from tests.image.service import ROOT, glance
from tests.wire import pieces

MIB = 1 << 20


async def assert_as_before(g, id):
    image = await g.show(id)
    assert image["status"] == "queued" and image["size"] is None and image["checksum"] is None
    assert g.files() == [] and not g.images.uploads.going and not g.images.uploads.arriving


async def test_bytes_come_in_many_pieces_and_slowly():
    async with glance() as g:
        image = await g.make()
        data = [bytes([n]) * 100_000 for n in range(40)]
        got = await g.send(image["id"], pieces(*data, pause=50))          # half an hour: the lease is renewed again and again
        assert got.status == 204
        found = await g.show(image["id"])
        assert (found["size"], found["os_hash_value"]) == (4_000_000, hashlib.sha512(b"".join(data)).hexdigest())
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).data == b"".join(data)


@pytest.mark.realtime
async def test_bytes_are_hashed_in_threads():
    async with glance(hash_threads=2) as g:
        data = bytes(range(256)) * 20_000
        image = await g.filled(data)
        assert (image["checksum"], image["os_hash_value"]) == (hashlib.md5(data).hexdigest(), hashlib.sha512(data).hexdigest())
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).data == data


async def test_a_client_that_goes_away_has_uploaded_nothing():
    async with glance() as g:
        image = await g.make()
        assert (await g.send(image["id"], pieces(b"x" * MIB, b"y"), cut=True)).status == 400
        await assert_as_before(g, image["id"])
        assert (await g.upload(image["id"], b"all of it")).status == 204


async def test_a_client_that_stalls_is_given_up():
    async with glance(upload_timeout_s=60) as g:
        image = await g.make()
        got = await g.send(image["id"], pieces(b"x", b"y", pause=1000))
        assert got.status == 400 and "60 seconds" in got.json["message"]
        assert g.kit.clock.monotonic() == pytest.approx(1060)              # the handler is called when the first piece is there
        await assert_as_before(g, image["id"])


async def test_an_image_takes_one_upload():
    async with glance() as g:
        image = await g.make()
        first = asyncio.create_task(g.send(image["id"], pieces(b"a", b"b", pause=10)))
        await asyncio.sleep(15)
        assert (await g.show(image["id"]))["status"] == "saving"
        second = await g.upload(image["id"], b"other")
        assert second.status == 409 and "saving" in second.json["message"]
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).status == 204
        assert (await first).status == 204
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).data == b"ab"


async def test_too_large_uploads():
    async with glance(max_image_bytes=MIB) as g:
        image = await g.make()
        announced = await g.upload(image["id"], bytes(MIB + 1))
        assert announced.status == 413
        sent = 0

        async def endless():
            nonlocal sent
            while True:
                sent += 1
                yield b"x" * 65536

        assert (await g.send(image["id"], endless())).status == 413
        assert sent < 20
        await assert_as_before(g, image["id"])
        assert (await g.upload(image["id"], bytes(MIB))).status == 204


async def test_ossa_2014_041_the_quota_holds_for_what_was_not_announced():
    async with glance(quota_bytes=1000) as g:
        await g.filled(b"x" * 600)
        image = await g.make()
        assert (await g.upload(image["id"], b"x" * 401)).status == 413
        got = await g.send(image["id"], pieces(b"x" * 300, b"x" * 101))
        assert got.status == 413 and "400" in got.json["message"]
        await assert_as_before_but(g, image["id"], files=1)
        other = await g.make(g.member("p2"))
        assert (await g.upload(other["id"], b"x" * 1000, g.member("p2"))).status == 204
        assert (await g.upload(image["id"], b"x" * 400)).status == 204


async def assert_as_before_but(g, id, files):
    assert (await g.show(id))["status"] == "queued" and len(g.files()) == files


async def test_ossa_2014_028_uploads_side_by_side_share_the_quota():
    async with glance(quota_bytes=1000) as g:
        images = [await g.make() for _ in range(4)]
        answers = await asyncio.gather(*(g.send(i["id"], pieces(b"x" * 300, b"x" * 300, pause=1)) for i in images))
        assert sorted(a.status for a in answers) == [204, 413, 413, 413]
        assert len(g.files()) == 1 and not g.images.uploads.arriving


async def test_ossa_2015_003_deleting_while_uploading_leaves_nothing():
    """The bytes are gone at once, and the upload ends rather than going on to fill the disk."""
    async with glance() as g:
        image = await g.make()
        sent = 0

        async def endless():
            nonlocal sent
            while True:
                await asyncio.sleep(1)
                sent += 1
                yield b"x" * MIB

        upload = asyncio.create_task(g.send(image["id"], endless()))
        await asyncio.sleep(5.5)
        assert len(g.files()) == 1
        assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204
        assert g.files() == []
        got = await upload
        assert got.status == 410 and sent == 5
        assert g.files() == [] and not g.images.uploads.going and not g.images.uploads.arriving


async def test_ossa_2015_003_another_process_deletes_while_uploading():
    async with glance() as g:
        other = Images(g.kit, ImageConfig(hash_threads=0), g.folder.parent)
        image = await g.make()
        upload = asyncio.create_task(g.send(image["id"], pieces(b"x" * MIB, b"y", pause=5)))
        await asyncio.sleep(7)
        await other.delete(g.harness.callers[g.member().token], image["id"])
        assert (await upload).status == 410
        assert g.files() == []


async def test_a_crash_midway_leaves_a_queued_image_and_no_bytes():
    async with glance() as g:
        active = await g.filled(b"kept")
        image = await g.make()
        upload = asyncio.create_task(g.send(image["id"], pieces(b"x" * MIB, b"y", pause=5)))
        await asyncio.sleep(7)
        assert [name for name in g.files() if name.endswith(".part")]
        frozen = {path: path.read_bytes() for path in g.folder.iterdir()}
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)
        await assert_as_before_but(g, image["id"], files=1)
        # As the process would have left it, had it been killed at that moment.
        blob = next(path.name.removesuffix(".part") for path in frozen if path.name.endswith(".part"))
        for path, data in frozen.items():
            path.write_bytes(data)
        await g.images.store.change_state(image["id"], frozenset({"queued"}), "saving", g.kit.clock.now(), set_blob=blob,
                                          upload_owner=g.kit.sagas.owner, upload_lease=g.kit.clock.now())
        again = Images(g.kit, ImageConfig(hash_threads=0), g.folder.parent)
        await again.start()
        assert (await g.show(image["id"]))["status"] == "queued"
        assert [Path(f).suffix for f in g.files()] == [""]
        assert (await g.show(active["id"]))["status"] == "active"
        assert (await g.member().get(f"{ROOT}/{active['id']}/file")).data == b"kept"
        assert (await g.upload(image["id"], b"again")).status == 204


async def test_the_sweep_leaves_uploads_alone_that_go_on():
    async with glance() as g:
        image = await g.make()
        upload = asyncio.create_task(g.send(image["id"], pieces(*[b"x"] * 20, pause=30)))
        for _ in range(9):
            await asyncio.sleep(60)
            assert await g.images.uploads.sweep() is None
            assert (await g.show(image["id"]))["status"] == "saving"
        assert (await upload).status == 204


async def test_an_upload_of_a_process_that_died_is_given_up_when_its_lease_ends():
    async with glance() as g:
        image = await g.make()
        now = g.kit.clock.now()
        await g.images.store.change_state(image["id"], frozenset({"queued"}), "saving", now, set_blob="b1", coming=["file"],
                                          upload_owner="other host", upload_lease=now)
        (g.folder / "b1.part").write_bytes(b"x")
        await g.images.uploads.sweep()
        assert (await g.show(image["id"]))["status"] == "saving" and g.files() == ["b1.part"]
        await asyncio.sleep(1)
        assert await g.images.uploads.sweep() == "queued 1, removed 1"
        await assert_as_before(g, image["id"])


async def test_python_callers_get_the_same():
    async with glance() as g:
        who = g.harness.callers[g.member().token]
        image = await g.images.add(who, name="py", disk_format="raw", container_format="bare", visibility="private",
                                   data=pieces(b"a", b"b"), properties={"kernel_id": "k"})
        assert (image.status, image.size, image.owner, image.properties) == ("active", 2, "p1", {"kernel_id": "k"})
        assert (await g.images.local_path(image.id)).read_bytes() == b"ab"
        assert [i.id for i in await g.images.named("py", who)] == [image.id]
        assert await g.images.named("other", who) == []
        with pytest.raises(Exception, match="declared as qcow2"):
            await g.images.add(who, name="bad", disk_format="qcow2", container_format="bare", visibility="private", data=pieces(b"a"))
        assert await g.images.named("bad", who) == [] and len(g.files()) == 1
        queued = await g.make()
        with pytest.raises(Exception, match="queued"):
            await g.images.local_path(queued["id"])
        assert (await g.images.get(queued["id"], EVERYONE)).status == "queued"


async def test_a_length_that_is_a_lie():
    async with glance() as g:
        image = await g.make()
        got = await g.send(image["id"], pieces(b"123", b"45"), headers={"Content-Length": "9"})
        assert got.status == 400
        await assert_as_before(g, image["id"])


async def test_a_broken_download_goes_on_where_it_stopped():
    async with glance() as g:
        image, other = await g.filled(b"0123456789"), await g.filled(b"other")
        path = f"{ROOT}/{image['id']}/file"
        etag = (await g.member().get(path)).headers["etag"]
        rest = await g.member().get(path, headers={"Range": "bytes=6-", "If-Range": etag})
        assert (rest.status, rest.data, rest.headers["content-range"]) == (206, b"6789", "bytes 6-9/10")
        for changed in ((await g.member().get(f"{ROOT}/{other['id']}/file")).headers["etag"], "Sat, 21 Nov 2026 00:00:00 GMT"):
            whole = await g.member().get(path, headers={"Range": "bytes=6-", "If-Range": changed})
            assert (whole.status, whole.data) == (200, b"0123456789")


async def test_a_disk_that_is_full_midway_leaves_nothing():
    async with glance() as g:
        put = g.images.stores.writable["file"].put

        async def full(key, blocks):
            async def half():
                async for _ in blocks:
                    yield b"x"
                    raise OSError(errno.ENOSPC, "No space left on device")
            await put(key, half())

        g.images.stores.writable["file"].put = full
        image = await g.make()
        got = await g.upload(image["id"], b"bytes")
        assert got.status == 413 and (await g.show(image["id"]))["status"] == "queued" and g.files() == []
        g.images.stores.writable["file"].put = put
        assert (await g.upload(image["id"], b"bytes")).status == 204


@pytest.mark.root
@pytest.mark.realtime
async def test_a_file_system_that_is_full_midway_leaves_nothing(tmp_path):
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", tmp_path]).returncode:
        pytest.skip("cannot mount a small file system")
    try:
        async with glance(hash_threads=2, folder=str(tmp_path)) as g:
            image = await g.make()
            got = await g.send(image["id"], pieces(*[os.urandom(1 << 18) for _ in range(20)]))
            assert got.status == 413 and (await g.show(image["id"]))["status"] == "queued"
            assert list(tmp_path.iterdir()) == []
            assert (await g.upload(image["id"], b"bytes")).status == 204
    finally:
        subprocess.run(["umount", tmp_path], check=True)
