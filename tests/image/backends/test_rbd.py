"""The store of RBD images, against a Ceph cluster of this machine."""

import asyncio
import subprocess
import sys

import pytest
from tests.cloud import TestCloud
from tests.image.backends.cluster import ceph, librbd, missing
from tests.image.backends.contract import BLOCK, check_blob_store, read, these

from pileus.image.backends import ceph as bindings
from pileus.image.backends.base import BlobInUse, BlobMissing, StoreFailed
from pileus.image.backends.config import RbdConfig
from pileus.image.backends.rbd import GROWTH, SNAP, RbdStore

needs_ceph = pytest.mark.skipif(bool(missing()), reason=missing())
pytestmark = pytest.mark.realtime


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with ceph(tmp_path_factory.mktemp("ceph")) as running:
        yield running


def store_in(cluster, **more):
    return RbdStore(RbdConfig(conf_file=str(cluster.conf), **more))


@needs_ceph
async def test_it_keeps_the_contract(cluster):
    await check_blob_store(store_in(cluster))


@needs_ceph
async def test_an_image_has_a_protected_snapshot_and_no_more_than_its_size(cluster):
    store = store_in(cluster, chunk_mib=4)
    await store.put("one", these(b"x" * 1000, bytes(BLOCK), b"y"))
    with librbd().Image(store.pool.io(), "one") as image:
        assert image.size() == 1000 + BLOCK + 1 and image.stat()["obj_size"] == 4 << 20
        assert [snapshot["name"] for snapshot in image.list_snaps()] == [SNAP] and image.is_protected_snap(SNAP)
    await store.delete("one")


@needs_ceph
async def test_an_image_grows_while_nobody_knows_its_size_and_zeros_take_no_space(cluster):
    store, blocks = store_in(cluster), GROWTH // BLOCK + 3
    await store.put("large", these(*[bytes(BLOCK)] * blocks, b"the end"))
    assert await read(store, "large", blocks * BLOCK - 1) == b"\0the end"
    written = []
    with librbd().Image(store.pool.io(), "large") as image:
        image.diff_iterate(0, image.size(), None, lambda offset, length, there: written.append(length))
    assert sum(written) <= 8 << 20
    await store.delete("large")


@needs_ceph
async def test_an_image_with_clones_is_in_use_until_they_are_gone(cluster):
    store, rbd = store_in(cluster), librbd()
    await store.put("base", these(b"x" * BLOCK))
    rbd.RBD().clone(store.pool.io(), "base", SNAP, store.pool.io(), "disk")
    with pytest.raises(BlobInUse):
        await store.delete("base")
    assert await read(store, "base", 0, 1) == b"x" and await store.keys() == {"base", "disk"}
    await store.delete("disk")
    await store.delete("base")
    assert await store.keys() == set()


@needs_ceph
async def test_an_image_with_anothers_snapshot_is_in_use(cluster):
    store, rbd = store_in(cluster), librbd()
    await store.put("one", these(b"x"))
    with rbd.Image(store.pool.io(), "one") as image:
        image.create_snap("theirs")
    with pytest.raises(BlobInUse):
        await store.delete("one")
    with rbd.Image(store.pool.io(), "one") as image:
        image.remove_snap("theirs")
    await store.delete("one")
    assert await store.keys() == set()


@needs_ceph
async def test_what_a_crash_left_is_no_blob_and_is_written_again_or_deleted(cluster):
    store = store_in(cluster)
    for key in ("again", "gone"):
        librbd().RBD().create(store.pool.io(), key, BLOCK)
        with pytest.raises(BlobMissing):
            await read(store, key)
    assert await store.keys() == {"again", "gone"}
    await store.put("again", these(b"x"))
    assert await read(store, "again") == b"x"
    for key in ("again", "gone"):
        await store.delete(key)
    assert await store.keys() == set()


@needs_ceph
async def test_a_reader_that_goes_away_leaves_nothing_open(cluster):
    store = store_in(cluster)
    await store.put("one", these(*[b"x" * BLOCK] * 9))
    stream = store.read("one")
    await anext(stream)
    reading = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await stream.aclose()
    await store.delete("one")                       # were it open still, it would be in use
    assert await store.keys() == set()


@needs_ceph
async def test_a_client_that_was_shut_out_is_replaced(cluster):
    store = store_in(cluster)
    await store.put("one", these(b"x"))
    io = store.pool.io()                            # were it let go of, its cluster would be
    cluster.run("ceph", "osd", "blocklist", "add", store.pool.cluster.get_addrs())
    with pytest.raises(StoreFailed):
        while True:                                 # until it knows
            await store.put("two", these(b"y"))
    assert await read(store, "one") == b"x" and store.pool.io() is not io
    for key in await store.keys():
        await store.delete(key)


@needs_ceph
async def test_the_images_of_a_cloud_are_kept_there(cluster):
    stores = {"ceph": {"type": "rbd", "conf_file": str(cluster.conf)}}
    async with TestCloud(real_time=True, image={"stores": stores}) as cloud:
        demo, data = await cloud.as_(), bytes(range(256)) * 40000          # 10 MB
        store = cloud.cloud.services.image.stores.writable["ceph"]
        before = await store.keys()                                         # images that a cloud begins with
        image = (await demo.post("/image/v2/images", {"name": "i", "disk_format": "raw", "container_format": "bare"})).json
        path = f"/image/v2/images/{image['id']}"
        got = await demo.put(f"{path}/file", body=data, headers={"Content-Type": "application/octet-stream"})
        assert got.status == 204, got.text
        assert (await demo.get(path)).json["stores"] == "ceph"
        assert (await demo.get(f"{path}/file", headers={"Range": "bytes=4194300-8388610"})).data == data[4194300:8388611]
        await store.put("stray", these(b"x"))
        await cloud.cloud.services.image.uploads.sweep()
        assert len(await store.keys() - before) == 1
        assert (await demo.get(f"{path}/file")).data == data
        assert (await demo.delete(path)).status == 204 and await store.keys() == before
        for key in before:
            await store.delete(key)


@needs_ceph
@pytest.mark.parametrize("wrong", [{"pool": "none"}, {"user": "nobody"}, {"conf_file": "/none"}])
async def test_a_store_that_cannot_be_reached_says_so(cluster, wrong):
    store = RbdStore(RbdConfig(**{"conf_file": str(cluster.conf), "connect_timeout_s": 2} | wrong))
    for doing in (store.put("one", these(b"x")), read(store, "one"), store.delete("one"), store.keys()):
        with pytest.raises(StoreFailed) as failed:
            await doing
        assert type(failed.value) is StoreFailed


async def test_without_cephs_modules_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(bindings.importlib, "import_module", _absent)
    store = RbdStore(RbdConfig(bindings_folder=str(tmp_path)))
    for doing in (store.put("one", these(b"x")), read(store, "one"), store.delete("one"), store.keys()):
        with pytest.raises(StoreFailed) as failed:
            await doing
        assert "python3-rbd" in failed.value.detail


def test_nothing_else_of_that_folder_is_imported(tmp_path):
    (tmp_path / "pileus_probe.py").write_text("import other")
    (tmp_path / "other.py").write_text("")
    code = (f"from pileus.image.backends.ceph import module\ntry:\n module('pileus_probe', {str(tmp_path)!r})\n"
            "except Exception as failure:\n print(failure.detail)")
    said = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert "No module named 'other'" in said.stdout, said.stderr


def _absent(name):
    raise ImportError(name)
