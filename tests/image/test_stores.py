"""Several stores: what is said of them, where bytes go, and how they get out of a store again."""

import msgspec
import pytest

from pileus.core.config import ConfigInvalid
from pileus.image.backends.base import BlobInUse, StoreFailed
from pileus.image.backends.config import FileConfig
from pileus.image.config import ImageConfig
from tests.image.service import BINARY, ROOT, glance
from tests.wire import pieces

FILES = ("fast", "cheap", "spare")


async def import_(g, id, method="glance-direct", caller=None, headers=None, **more):
    what = {"name": method} | ({"uri": "http://example.org/disk"} if method == "web-download" else {})
    return await (caller or g.member()).post(f"{ROOT}/{id}/import", {"method": what} | more, headers=headers)


async def staged(g, data=b"bytes", store=None):
    image = await g.make()
    headers = BINARY | ({"X-Image-Meta-Store": store} if store else {})
    assert (await g.member().put(f"{ROOT}/{image['id']}/stage", body=data, headers=headers)).status == 204
    return image["id"]


async def done(g, id):
    """The image and its last task when everything has ended."""
    await g.kit.sagas.drain()
    assert await g.kit.sagas.open() == []
    return await g.show(id), (await g.member().get(f"{ROOT}/{id}/tasks")).json["tasks"][-1]


def breaks(g, *stores):
    """These stores take no byte more."""
    for store in stores:
        async def refuse(key, blocks):
            async for _ in blocks:
                raise StoreFailed()

        g.images.stores.writable[store].put = refuse


def counts(g):
    return [len(g.files(store)) for store in FILES]


async def test_what_is_said_of_stores():
    stores = {"fast": FileConfig(folder="/tmp/fast", description="SSDs", weight=5), "cheap": FileConfig(folder="/tmp/cheap")}
    async with glance(stores=stores, default_store="cheap") as g:
        got = await g.reader().get("/image/v2/info/stores")
        assert got.json == {"stores": [{"id": "fast", "description": "SSDs"}, {"id": "cheap", "default": "true"}]}
        assert (await g.member().get("/image/v2/info/stores/detail")).status == 403
        fast, cheap = (await g.admin().get("/image/v2/info/stores/detail")).json["stores"]
        assert fast == {"id": "fast", "description": "SSDs", "type": "file", "weight": 5,
                        "properties": {"data_dir": "/tmp/fast", "thin_provisioning": True}}
        assert (cheap["weight"], cheap["type"], cheap["default"]) == (0, "file", "true")
        assert (await g.member().post(ROOT, {"name": "i"})).headers["openstack-image-store-ids"] == "fast,cheap"


@pytest.mark.parametrize("text", [
    '[stores.a]\ntype = "nfs"', '[stores.a]\ntype = "file"\nfoldr = "x"',])
def test_stores_are_configured_by_type(text):
    with pytest.raises(msgspec.ValidationError):
        msgspec.toml.decode(text, type=ImageConfig)


@pytest.mark.parametrize("stores, default", [
    ({"os_glance_x": FileConfig()}, ""), ({"a,b": FileConfig()}, ""), ({"a": FileConfig()}, "b"),
    ({"a": FileConfig(), "b": FileConfig()}, ""), ({"a": FileConfig(), "b": FileConfig(folder="images/b")}, ""),
    ({"a": FileConfig(folder="x", more_folders=("y", "x"))}, ""),
])
async def test_a_store_that_cannot_be_is_refused_at_the_start(stores, default):
    with pytest.raises(ConfigInvalid):
        async with glance(stores=stores, default_store=default):
            pass


async def test_bytes_go_where_they_are_sent():
    async with glance(files=FILES, default_store="cheap") as g:
        one, two = await g.filled(b"x"), await g.make()
        got = await g.member().put(f"{ROOT}/{two['id']}/file", body=b"y", headers=BINARY | {"X-Image-Meta-Store": "fast"})
        assert got.status == 204 and counts(g) == [1, 1, 0]
        assert one["stores"] == "cheap" and (await g.show(two["id"]))["stores"] == "fast"
        assert (await g.member().get(f"{ROOT}/{two['id']}/file")).data == b"y"
        for image in (one, two):
            assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204
        assert counts(g) == [0, 0, 0]


async def test_an_unknown_store_is_refused_before_a_byte_is_read():
    async with glance(files=FILES) as g:
        image = await g.make()
        for path in ("file", "stage"):
            got = await g.member().put(f"{ROOT}/{image['id']}/{path}", body=b"y", headers=BINARY | {"X-Image-Meta-Store": "nowhere"})
            assert got.status == 400 and (await g.show(image["id"]))["status"] == "queued"
        id = await staged(g)
        assert (await import_(g, id, stores=["fast", "nowhere"])).status == 409
        assert (await g.show(id))["status"] == "uploading"


@pytest.mark.parametrize("more, headers, expected", [
    ({}, None, "fast"), ({"stores": ["cheap"]}, None, "cheap"), ({"stores": ["spare", "fast"]}, None, "fast,spare"),
    ({"all_stores": True}, None, "cheap,fast,spare"), ({}, {"X-Image-Meta-Store": "spare"}, "spare"),
])
@pytest.mark.parametrize("method", ["glance-direct", "web-download"])
async def test_imports_go_to_the_stores_that_are_named(method, more, headers, expected):
    async with glance(files=FILES) as g:
        g.images.imports.fetch = lambda uri, config: pieces(b"by", b"tes")
        id = await staged(g) if method == "glance-direct" else (await g.make())["id"]
        assert (await import_(g, id, method, headers=headers, **more)).status == 202
        image, task = await done(g, id)
        assert (image["status"], image["stores"], task["status"]) == ("active", expected, "success")
        assert (image["os_glance_importing_to_stores"], image["os_glance_failed_import"]) == ("", "")
        assert counts(g) == [expected.count(store) for store in FILES]
        for store in expected.split(","):
            assert (g.folder.parent / store / g.files(store)[0]).read_bytes() == b"bytes"


@pytest.mark.parametrize("more, headers", [
    ({"all_stores": True, "stores": ["fast"]}, None), ({"all_stores": True}, {"X-Image-Meta-Store": "fast"}),
    ({"stores": ["fast"]}, {"X-Image-Meta-Store": "fast"}),
])
async def test_stores_are_named_in_one_way(more, headers):
    async with glance(files=FILES) as g:
        id = await staged(g)
        assert (await import_(g, id, headers=headers, **more)).status == 400
        assert (await g.show(id))["status"] == "uploading"


async def test_while_it_is_imported_its_stores_are_shown():
    async with glance(files=FILES) as g:
        g.images.imports.fetch = lambda uri, config: pieces(b"a", b"b", pause=20)
        image = await g.make()
        await import_(g, image["id"], "web-download", all_stores=True)
        await g.clock_on(30)
        found = await g.show(image["id"])
        assert (found["status"], found["os_glance_importing_to_stores"]) == ("importing", "fast,cheap,spare")
        assert (await done(g, image["id"]))[0]["status"] == "active"


@pytest.mark.parametrize("method", ["glance-direct", "web-download"])
@pytest.mark.parametrize("broken", [("cheap",), ("fast",), ("fast", "cheap", "spare")])
@pytest.mark.parametrize("must", [True, False])
async def test_a_store_that_fails(method, broken, must):
    """It ends the import, or is left out when not all must succeed; then one is enough, and none is a failure."""
    async with glance(files=FILES) as g:
        g.images.imports.fetch = lambda uri, config: pieces(b"by", b"tes")
        id = await staged(g) if method == "glance-direct" else (await g.make())["id"]
        breaks(g, *broken)
        works = [store for store in FILES if store not in broken or (method == "glance-direct" and store == "fast")]
        await import_(g, id, method, all_stores=True, all_stores_must_succeed=must)
        image, task = await done(g, id)
        if len(works) == 3 or (works and not must):
            assert (image["status"], image["stores"], task["status"]) == ("active", ",".join(sorted(works)), "success")
            assert image["os_glance_failed_import"] == ",".join(sorted(set(FILES) - set(works)))
            assert sum(counts(g)) == len(works)
        else:
            assert (image["status"], image["size"], task["status"]) == ("queued", None, "failure")
            assert image["os_glance_failed_import"] != "" and image["os_glance_importing_to_stores"] == "" and counts(g) == [0, 0, 0]


async def test_an_image_is_read_from_where_it_can_be():
    stores = {"spare": FileConfig(folder="spare", weight=-1)}
    async with glance(files=("fast", "cheap"), stores=stores) as g:
        g.images.stores.writable["spare"].folders = [g.folder.parent / "cheap"]
        id = await staged(g)
        await import_(g, id, stores=["fast", "cheap"])
        await done(g, id)
        (g.folder.parent / "cheap" / g.files("cheap")[0]).write_bytes(b"BYTES")
        assert (await g.member().get(f"{ROOT}/{id}/file")).data == b"BYTES"
        assert (await g.member().get(f"{ROOT}/{id}/file?prefer=fast")).data == b"bytes"
        assert (await g.member().get(f"{ROOT}/{id}/file?prefer=spare,fast", headers={"Range": "bytes=1-2"})).data == b"yt"
        assert (await g.member().get(f"{ROOT}/{id}/file?prefer=nowhere")).status == 400
        (g.folder.parent / "cheap" / g.files("cheap")[0]).unlink()
        assert (await g.member().get(f"{ROOT}/{id}/file")).data == b"bytes"
        assert (await g.images.local_path(id)).name == g.files("fast")[0]


async def test_a_copy_is_taken_out_of_a_store():
    async with glance(files=FILES) as g:
        id = await staged(g)
        await import_(g, id, stores=["fast", "cheap"])
        await done(g, id)
        assert (await g.member().delete(f"/image/v2/stores/cheap/{id}")).status == 403
        assert (await g.admin().delete(f"/image/v2/stores/nowhere/{id}")).status == 409
        assert (await g.admin().delete(f"/image/v2/stores/spare/{id}")).status == 404
        assert (await g.admin().delete("/image/v2/stores/fast/none")).status == 404
        assert (await g.admin().delete(f"/image/v2/stores/fast/{id}")).status == 204
        assert (await g.show(id))["stores"] == "cheap" and counts(g) == [0, 1, 0]
        got = await g.admin().delete(f"/image/v2/stores/cheap/{id}")
        assert got.status == 403 and "only copy" in got.json["message"] and counts(g) == [0, 1, 0]
        assert (await g.member().get(f"{ROOT}/{id}/file")).data == b"bytes"
        await g.member().post(f"{ROOT}/{id}/actions/deactivate")
        assert (await g.admin().delete(f"/image/v2/stores/cheap/{id}")).status == 409


async def test_what_belongs_to_no_image_is_swept_from_every_store():
    async with glance(files=FILES) as g:
        id = await staged(g)
        await import_(g, id, stores=["fast", "cheap"])
        await done(g, id)
        for store in FILES:
            await g.images.stores.writable[store].put("stray", pieces(b"x"))
        key = g.files("fast")[0]
        await g.images.stores.writable["spare"].put(key, pieces(b"x"))     # of that image, but it is not in this store
        assert await g.images.uploads.sweep() == "queued 0, removed 4"
        assert counts(g) == [1, 1, 0]


async def test_what_is_still_in_use_is_swept_another_time_and_holds_up_nothing(monkeypatch):
    async with glance(files=FILES) as g:
        store = g.images.stores.writable["fast"]
        for key in ("one", "two", "three"):
            await store.put(key, pieces(b"x"))
        delete = store.delete

        async def busy(key):
            if key != "three":
                raise BlobInUse(detail=key)
            await delete(key)

        monkeypatch.setattr(store, "delete", busy)
        assert await g.images.uploads.sweep() == "queued 0, removed 1"
        monkeypatch.undo()
        assert await g.images.uploads.sweep() == "queued 0, removed 2"
        assert await g.images.uploads.sweep() is None
