"""Locations: bytes that stay on a web server, and what callers may and may not say of them."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from pileus.core.errors import CloudError
from pileus.image.backends.base import StoreFailed
from pileus.image.backends.config import FileConfig, HttpConfig
from pileus.image.local import KEPT, LocalImages
from pileus.image.sagas.add_location import ADD_LOCATION
from tests.image.formats import images as samples
from tests.image.service import ROOT, glance
from tests.image.test_imports import tasks
from tests.sagas import arm, interrupted, interruptions, settle

URL = "http://example.org/disk"
STORES = {"stores": {"file": FileConfig(), "web": HttpConfig()}}
SHA256 = hashlib.sha256(b"bytes").hexdigest()


class Web:
    """What is on the web."""

    def __init__(self, data, failure=None):
        self.data, self.failure = data, failure
        self.reads = 0

    async def read(self, key, start=0, length=None):
        self.reads += 1
        yield self.data[start:None if length is None else start + length]
        if self.failure:
            raise self.failure

    async def size(self, key):
        return len(self.data)


def finds(g, data=b"bytes", failure=None):
    g.images.stores.all["web"] = web = Web(data, failure)
    return web


async def add(g, id, url=URL, caller=None, **validation):
    body = {"url": url} | ({"validation_data": validation} if validation else {})
    got = await (caller or g.member()).post(f"{ROOT}/{id}/locations", body)
    await g.kit.sagas.drain()
    return got


async def located(g, data=b"bytes", **fields):
    finds(g, data)
    image = await g.make(**fields)
    assert (await add(g, image["id"])).status == 202
    return await g.show(image["id"])


async def test_an_image_is_what_is_at_its_location():
    async with glance(**STORES) as g:
        web, image = finds(g), await g.make()
        assert (await add(g, image["id"])).status == 202
        found, [task] = await g.show(image["id"]), await tasks(g, image["id"])
        assert (found["status"], found["size"], found["virtual_size"], found["stores"]) == ("active", 5, 5, "web")
        assert found["os_hash_value"] == hashlib.sha512(b"bytes").hexdigest() and found["checksum"] == hashlib.md5(b"bytes").hexdigest()
        assert (task["status"], task["type"]) == ("success", "location_import") and g.files() == []
        assert task["input"] == {"image_id": image["id"], "loc_url": URL, "validation_data": {}}
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).data == b"bytes"
        assert (await add(g, image["id"])).status == 409 and web.reads == 2
        assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204


async def test_the_digest_that_was_given_is_held_against_the_bytes():
    async with glance(**STORES) as g:
        finds(g)
        good, bad = await g.make(), await g.make()
        assert (await add(g, good["id"], os_hash_algo="sha256", os_hash_value=SHA256)).status == 202
        found = await g.show(good["id"])
        assert (found["status"], found["os_hash_algo"], found["os_hash_value"]) == ("active", "sha256", SHA256)
        assert (await add(g, bad["id"], os_hash_algo="sha256", os_hash_value="0" * 64)).status == 202
        found, [task] = await g.show(bad["id"]), await tasks(g, bad["id"])
        assert (found["status"], found["size"], found["os_hash_value"], task["status"]) == ("queued", None, None, "failure")
        assert "digest" in task["message"]
        assert (await g.upload(bad["id"], b"other")).status == 204                 # it can go on in another way
        assert (await g.show(bad["id"]))["stores"] == "file"


@pytest.mark.parametrize("validation", [
    {"os_hash_value": SHA256}, {"os_hash_algo": "sha256"}, {"os_hash_algo": "sha512", "os_hash_value": SHA256},
    {"os_hash_algo": "sha123", "os_hash_value": SHA256}, {"os_hash_algo": "sha256", "os_hash_value": "x" * 64}, {"checksum": "1"},
])
async def test_a_digest_that_cannot_be_is_refused_at_once(validation):
    async with glance(**STORES) as g:
        web, image = finds(g), await g.make()
        assert (await add(g, image["id"], **validation)).status == 400
        assert (await g.show(image["id"]))["status"] == "queued" and web.reads == 0 and await tasks(g, image["id"]) == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "filesystem:///etc/shadow", "http://169.254.169.254/", "http://127.0.0.1/", "http://0x7f.1/",
                                 "http://[::1]/", "http://example.org:22/", "gopher://example.org/", "swift+config://x/y", "", "x"])
async def test_row_12_ossa_2014_041_and_2015_002_a_location_is_no_file_and_nothing_private(url):
    async with glance(**STORES) as g:
        web, image = finds(g), await g.make()
        for caller in (g.member(), g.admin(project="p1")):
            assert (await add(g, image["id"], url, caller)).status == 400
        assert (await g.show(image["id"]))["status"] == "queued" and web.reads == 0


async def test_without_a_store_that_reads_from_there_nobody_can():
    async with glance() as g:
        assert (await add(g, (await g.make())["id"])).status == 400


@pytest.mark.parametrize("declared, data", [("qcow2", samples.qcow2(backing=b"/etc/passwd")), ("raw", samples.qcow2()), ("vmdk", b"x"),
                                            ("qcow2", samples.qcow2(incompatible=4))])
async def test_rows_1_to_4_what_is_at_a_location_is_inspected(declared, data):
    async with glance(**STORES) as g:
        image = await located(g, data, disk_format=declared)
        assert (image["status"], image["size"]) == ("queued", None)
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).status == 204


async def test_too_many_bytes_or_a_server_that_fails():
    async with glance(max_image_bytes=100, **STORES) as g:
        assert (await located(g, b"x" * 101))["status"] == "queued"
        finds(g, b"12345", StoreFailed(detail="broken"))
        image = await g.make()
        await add(g, image["id"])
        assert (await g.show(image["id"]))["status"] == "queued"
    async with glance(quota_bytes=7, **STORES) as g:
        assert (await located(g))["status"] == "active"
        assert (await located(g))["status"] == "queued"


async def test_a_server_that_changes_its_mind_is_noticed_where_a_copy_is_made(tmp_path):
    """Rows 1 and 2: what was inspected is what a guest starts from, or none does."""
    async with glance(**STORES) as g:
        image = await located(g)
        local = LocalImages(g.images, tmp_path)
        finds(g, samples.qcow2(backing=b"/etc/passwd"))
        with pytest.raises(CloudError):
            await local.path(image["id"])
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
        finds(g)
        assert Path(await local.path(image["id"])).read_bytes() == b"bytes"


async def test_a_copy_stays_with_a_host_for_a_day_after_it_was_last_wanted(tmp_path):
    async with glance(**STORES) as g:
        image = await located(g)
        local = LocalImages(g.images, tmp_path)
        finds(g)
        file = await local.path(image["id"])
        assert await local.prune({file}) == await local.prune(set()) == 0
        await g.clock_on(KEPT.total_seconds() / 2)
        assert await local.path(image["id"]) == file
        await g.clock_on(KEPT.total_seconds() / 2 + 60)
        assert await local.prune(set()) == 0 and await LocalImages(g.images, tmp_path).prune(set()) == 0
        await g.clock_on(KEPT.total_seconds() / 2)
        assert await local.prune({file}) == 0 and await local.prune(set()) == 1
        await local.path(image["id"])
        await g.member().delete(f"{ROOT}/{image['id']}")
        assert await local.prune(set()) == 1, "the image is gone"


async def test_an_image_deleted_while_it_is_looked_at():
    async with glance(**STORES) as g:
        image, hold = await g.make(), asyncio.Event()

        class Slow:
            async def read(self, key, start=0, length=None):
                yield b"x"
                await hold.wait()
                yield b"y"

        g.images.stores.all["web"] = Slow()
        await g.member().post(f"{ROOT}/{image['id']}/locations", {"url": URL})
        await g.clock_on(1)
        assert (await g.show(image["id"]))["status"] == "importing"
        assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204
        await g.kit.sagas.drain()
        assert await g.show(image["id"]) is None and await g.kit.sagas.open() == [] and not g.images.uploads.going


async def test_only_services_and_administrators_are_told_where_bytes_are():
    async with glance(**STORES) as g:
        image, stored, service = await located(g), await g.filled(b"x"), g.harness.as_("service")
        for caller in (g.member(), g.reader()):
            assert (await caller.get(f"{ROOT}/{image['id']}/locations")).status == 403
        for caller in (service, g.admin()):
            assert (await caller.get(f"{ROOT}/{image['id']}/locations")).json == [{"url": URL, "metadata": {"store": "web"}}]
        [place] = (await service.get(f"{ROOT}/{stored['id']}/locations")).json
        assert place["url"].startswith("file:///") and place["metadata"] == {"store": "file"}
        assert (await service.get(f"{ROOT}/{(await g.make())['id']}/locations")).json == []


@pytest.mark.parametrize("cut", interruptions(ADD_LOCATION), ids=str)
async def test_any_interruption(cut):
    async with glance(**STORES) as g:
        finds(g)
        image = await g.make()
        g.kit.sagas.register(interrupted(ADD_LOCATION, cut), g.images.locations)
        arm(g.kit.sagas, ADD_LOCATION, cut)
        assert (await g.member().post(f"{ROOT}/{image['id']}/locations", {"url": URL})).status == 202
        await settle(g.kit.sagas)
        found, [task] = await g.show(image["id"]), await tasks(g, image["id"])
        if cut.how == "before" or (cut.how == "after" and cut.step == 0):
            assert (found["status"], found["size"], task["status"]) == ("queued", None, "failure")
        else:
            assert (found["status"], found["size"], task["status"]) == ("active", 5, "success")
        assert await g.kit.sagas.open() == []
