"""Imports: of staged bytes and of downloads, and everything that goes wrong with them."""

import asyncio

import pytest

from pileus.image.errors import AddressRefused, DownloadFailed
from pileus.image.sagas.import_image import IMPORT_IMAGE
from tests.image.service import BINARY, ROOT, glance
from tests.sagas import arm, interrupted, interruptions, settle
from tests.wire import pieces

URI = "http://example.org/disk"


def finds(g, *blocks, failure=None):
    """Let downloads find these bytes, and then fail."""
    async def fetch(uri, config):
        for block in blocks:
            yield block
        if failure is not None:
            raise failure

    g.images.imports.fetch = fetch


async def order(g, id, method="web-download", caller=None, **more):
    what = {"name": method} | ({"uri": URI} if method == "web-download" else {})
    return await (caller or g.member()).post(f"{ROOT}/{id}/import", {"method": what | more})


async def tasks(g, id):
    return (await g.member().get(f"{ROOT}/{id}/tasks")).json["tasks"]


async def stage(g, id, data=b"bytes", caller=None):
    return await (caller or g.member()).put(f"{ROOT}/{id}/stage", body=data, headers=BINARY)


async def test_staged_bytes_are_imported_without_a_copy():
    async with glance() as g:
        image = await g.make()
        assert (await order(g, image["id"], "glance-direct")).status == 409                 # nothing is staged
        assert (await stage(g, image["id"])).status == 204
        assert (await g.show(image["id"]))["status"] == "uploading"
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).status == 204           # nobody sees bytes before they are imported
        assert (await stage(g, image["id"])).status == 409 and (await g.upload(image["id"], b"x")).status == 409
        kept = g.files()
        got = await order(g, image["id"], "glance-direct")
        assert got.status == 202
        await g.kit.sagas.drain()
        found = await g.show(image["id"])
        assert (found["status"], found["size"], found["stores"]) == ("active", 5, "file") and g.files() == kept
        [task] = await tasks(g, image["id"])
        assert (task["status"], task["type"], task["request_id"]) == ("success", "api_image_import", got.headers["x-openstack-request-id"])
        assert task["input"]["import_req"]["method"] == {"name": "glance-direct"} and task["input"]["backend"] == ["file"]
        assert (await order(g, image["id"], "glance-direct")).status == 409


async def test_a_new_image_says_how_it_may_be_imported():
    async with glance(import_methods=["web-download"]) as g:
        got = await g.member().post(ROOT, {"name": "i"})
        assert (got.headers["openstack-image-import-methods"], got.headers["openstack-image-store-ids"]) == ("web-download", "file")
        assert (await order(g, got.json["id"], "glance-direct")).status == 400


async def test_what_is_still_being_staged_is_not_imported():
    async with glance() as g:
        image = await g.make()
        staging = asyncio.create_task(g.member().put(f"{ROOT}/{image['id']}/stage", body=b"x", headers=BINARY))
        await asyncio.gather(staging)
        other = await g.make()
        await g.images.store.change_state(other["id"], frozenset({"queued"}), "uploading", g.kit.clock.now(), set_blob="b",
                                          upload_owner="test", upload_lease=g.kit.clock.now())
        assert (await order(g, other["id"], "glance-direct")).status == 409
        await g.clock_on(1)
        assert await g.images.uploads.sweep() == "queued 1, removed 0"
        assert (await g.show(image["id"]))["status"] == "uploading" and len(g.files()) == 1  # what is staged waits for its import


async def test_staged_bytes_are_inspected_and_counted():
    async with glance(quota_bytes=8) as g:
        image = await g.make(disk_format="qcow2")
        assert (await stage(g, image["id"])).status == 204
        assert (await order(g, image["id"], "glance-direct")).status == 202
        await g.kit.sagas.drain()
        assert (await g.show(image["id"]))["status"] == "queued" and g.files() == []
        image = await g.make()
        assert (await stage(g, image["id"], b"x" * 6)).status == 204
        assert (await g.upload((await g.make())["id"], b"xxx")).status == 413
        assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204 and g.files() == []


async def test_a_download_becomes_an_image():
    async with glance() as g:
        image = await g.make()
        finds(g, b"some ", b"bytes")
        assert (await order(g, image["id"])).status == 202
        assert (await g.show(image["id"]))["status"] == "importing"
        await g.kit.sagas.drain()
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).data == b"some bytes"
        [task] = await tasks(g, image["id"])
        assert task["status"] == "success" and task["input"]["import_req"]["method"]["uri"] == URI


@pytest.mark.parametrize("failure", [DownloadFailed(why="it is gone"), AddressRefused(uri=URI, why="so")])
async def test_a_download_that_fails_leaves_a_queued_image(failure):
    async with glance() as g:
        image = await g.make()
        finds(g, b"x", failure=failure)
        await order(g, image["id"])
        await g.kit.sagas.drain()
        found = await g.show(image["id"])
        assert (found["status"], found["size"]) == ("queued", None) and g.files() == []
        [task] = await tasks(g, image["id"])
        assert (task["status"], task["message"]) == ("failure", str(failure))
        finds(g, b"x")
        await order(g, image["id"])
        await g.kit.sagas.drain()
        assert (await g.show(image["id"]))["status"] == "active"


@pytest.mark.parametrize("options, fields", [({"max_image_bytes": 4}, {}), ({"quota_bytes": 4}, {}), ({}, {"disk_format": "qcow2"})])
async def test_a_download_is_held_to_what_uploads_are(options, fields):
    async with glance(**options) as g:
        image = await g.make(**fields)
        finds(g, b"12345")
        await order(g, image["id"])
        await g.kit.sagas.drain()
        assert (await g.show(image["id"]))["status"] == "queued" and g.files() == []


async def test_a_deleted_image_ends_its_download():
    async with glance() as g:
        image = await g.make()
        g.images.imports.fetch = lambda uri, config: pieces(b"a", b"b", pause=50)
        await order(g, image["id"])
        await g.clock_on(60)
        assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204
        await g.kit.sagas.drain()
        assert g.files() == [] and not g.images.uploads.going and not g.images.uploads.arriving


@pytest.mark.parametrize("cut", interruptions(IMPORT_IMAGE), ids=str)
@pytest.mark.parametrize("method", ["web-download", "glance-direct"])
async def test_any_interruption(cut, method):
    async with glance() as g:
        image = await g.make()
        finds(g, b"12", b"345")
        if method == "glance-direct":
            await stage(g, image["id"], b"12345")
        g.kit.sagas.register(interrupted(IMPORT_IMAGE, cut), g.images.imports)
        arm(g.kit.sagas, IMPORT_IMAGE, cut)
        assert (await order(g, image["id"], method)).status == 202
        await settle(g.kit.sagas)
        found = await g.show(image["id"])
        [task] = await tasks(g, image["id"])
        if cut.how == "before" or (cut.how == "after" and cut.step < len(IMPORT_IMAGE.steps) - 1):
            assert (found["status"], found["size"], task["status"]) == ("queued", None, "failure") and g.files() == []
        else:
            assert (found["status"], found["size"], task["status"]) == ("active", 5, "success") and len(g.files()) == 1
        assert await g.kit.sagas.open() == []


@pytest.mark.parametrize("order_, status", [
    ({"method": {"name": "glance-download"}}, 400), ({"method": {"name": "web-download"}}, 400), ({}, 400),
    ({"method": {"name": "web-download", "uri": "file:///etc/passwd"}}, 400),
    ({"method": {"name": "web-download", "uri": URI}, "stores": ["other"]}, 409),
    ({"method": {"name": "glance-direct"}}, 409),
])
async def test_orders_that_are_refused_change_nothing(order_, status):
    async with glance() as g:
        image = await g.make()
        assert (await g.member().post(f"{ROOT}/{image['id']}/import", order_)).status == status
        assert (await g.show(image["id"]))["status"] == "queued" and await tasks(g, image["id"]) == []
        assert (await order(g, (await g.make(disk_format=None))["id"])).status == 400


async def test_who_may_import_and_see_tasks():
    async with glance() as g:
        image = await g.make(visibility="community")
        finds(g, b"x")
        assert (await order(g, image["id"], caller=g.member("p2"))).status == 403
        assert (await stage(g, image["id"], caller=g.reader())).status == 403
        await order(g, image["id"])
        await g.kit.sagas.drain()
        assert (await g.member("p2").get(f"{ROOT}/{image['id']}/tasks")).status == 403
        [task] = await tasks(g, image["id"])
        assert (await g.member().get("/image/v2/tasks")).status == 403
        assert [t["id"] for t in (await g.admin().get("/image/v2/tasks")).json["tasks"]] == [task["id"]]
        assert (await g.admin().get(f"/image/v2/tasks/{task['id']}")).json | {"deleted": False, "deleted_at": None} == task
        assert (await g.admin().get("/image/v2/tasks/other")).status == 404
        await g.clock_on(3 * 86400)
        assert await g.images.imports.expire() == "removed 1" and await tasks(g, image["id"]) == []
