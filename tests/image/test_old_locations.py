"""The older form of locations: shown with the image and patched there, only where an operator wants it; and bytes nobody hashed."""

import hashlib

import pytest

from pileus.core.errors import CloudError
from pileus.image.backends.base import BlobMissing
from pileus.image.local import LocalImages
from tests.image.formats import images as samples
from tests.image.service import ROOT, glance
from tests.image.test_imports import tasks
from tests.image.test_locations import SHA256, STORES, URL, add, finds

SHOWN = STORES | {"show_multiple_locations": True, "show_image_direct_url": True}
SHA512 = hashlib.sha512(b"bytes").hexdigest()
OTHER = URL + "#other"
TOLD = {"checksum": "1" * 32, "os_hash_algo": "sha512", "os_hash_value": SHA512}
BACKED = samples.qcow2(backing=b"/etc/passwd")
RIGHT = {"os_hash_algo": "sha256", "os_hash_value": hashlib.sha256(BACKED).hexdigest()}


def adding(url=URL, at="-", validation=None, **metadata):
    body = {"url": url, "metadata": metadata} | ({"validation_data": validation} if validation else {})
    return {"op": "add", "path": f"/locations/{at}", "value": body}


def removing(at):
    return {"op": "remove", "path": f"/locations/{at}"}


def replacing(*locations):
    return {"op": "replace", "path": "/locations", "value": list(locations)}


async def placed(g, *changes, data=b"bytes", **fields):
    finds(g, data)
    image = await g.make(**fields)
    got = await g.patch(image["id"], *(changes or (adding(),)))
    assert got.status == 200, got.text
    return got.json


async def test_nothing_is_shown_or_changed_where_it_is_not_wanted():
    async with glance(**STORES) as g:
        web, image = finds(g), await g.make()
        for change in (adding(), replacing({"url": URL}), removing(0)):
            assert (await g.patch(image["id"], change)).status == 403
        found = await g.show(image["id"])
        assert found["status"] == "queued" and not {"locations", "direct_url"} & found.keys() and web.reads == 0
        assert "locations" not in (await g.reader().get("/image/v2/schemas/image")).json["properties"]


async def test_an_image_is_active_with_its_first_location_and_nothing_is_read():
    async with glance(**SHOWN) as g:
        image = await placed(g, adding(speed="88mph"))
        assert image["locations"] == [{"url": URL, "metadata": {"speed": "88mph", "store": "web"}}] and image["direct_url"] == URL
        assert (image["status"], image["size"], image["os_hash_algo"], image["os_hash_value"]) == ("active", 5, None, None)
        assert g.images.stores.all["web"].reads == 0
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).data == b"bytes"
        assert (await g.member().get(ROOT)).json["images"][0]["locations"] == image["locations"]
        assert set((await g.reader().get("/image/v2/schemas/image")).json["properties"]) == set(image)
        empty = await g.make()
        assert empty["locations"] == [] and "direct_url" not in empty


async def test_other_projects_are_not_told_where_bytes_are():
    async with glance(**SHOWN) as g:
        image = await g.filled(b"x", g.admin(), visibility="public")
        for caller, told in ((g.reader("p2"), False), (g.member("p2"), False), (g.admin(), True)):
            found = await g.show(image["id"], caller)
            assert found["status"] == "active" and ("direct_url" in found, "locations" in found) == (told, told)


async def test_what_is_said_of_the_bytes_is_kept_and_stays():
    async with glance(**SHOWN) as g:
        image = await placed(g, adding(validation=TOLD))
        assert {name: image[name] for name in TOLD} == TOLD and image["stores"] == "web"
        assert (await g.patch(image["id"], adding(OTHER, validation=TOLD))).status == 200
        for name, value in {"checksum": "2" * 32, "os_hash_algo": "sha256", "os_hash_value": "0" * 128}.items():
            assert (await g.patch(image["id"], adding(URL + "#3", validation=TOLD | {name: value}))).status == 409
        assert [place["url"] for place in (await g.show(image["id"]))["locations"]] == [URL, OTHER]
        bare = await placed(g)
        assert (await g.patch(bare["id"], adding(OTHER, validation=TOLD))).status == 409


@pytest.mark.parametrize("validation", [{"os_hash_value": SHA512}, {"os_hash_algo": "sha512", "os_hash_value": SHA256}, {"checksum": "1"},
                                        {"os_hash_algo": "sha123", "os_hash_value": SHA256}, {"size": "1"}])
async def test_what_cannot_be_said_of_bytes_is_refused(validation):
    async with glance(**SHOWN) as g:
        finds(g)
        image = await g.make()
        assert (await g.patch(image["id"], adding(validation=validation))).status == 400
        assert (await g.show(image["id"]))["status"] == "queued"


async def test_locations_are_added_at_a_position_and_taken_away_by_administrators():
    async with glance(**SHOWN) as g:
        image = await placed(g, adding(), adding(OTHER, at=0))
        assert [place["url"] for place in image["locations"]] == [OTHER, URL] and image["direct_url"] == OTHER
        assert (await g.patch(image["id"], removing(0))).status == 403
        assert (await g.patch(image["id"], removing(7), caller=g.admin())).status == 400
        assert (await g.patch(image["id"], removing(0), caller=g.admin())).json["direct_url"] == URL
        assert (await g.patch(image["id"], removing(0), caller=g.admin())).status == 403
        assert (await g.patch(image["id"], adding())).status == 400                # twice
        assert (await g.patch((await g.make())["id"], removing(0), caller=g.admin())).status == 409
        assert (await g.patch(image["id"], adding(OTHER), caller=g.reader())).status == 403


async def test_a_list_is_replaced_by_the_same_addresses_only():
    async with glance(**SHOWN) as g:
        image = await placed(g, replacing({"url": URL}, {"url": OTHER}))
        first, second = image["locations"]
        first["metadata"]["date"] = "2015-10-15"
        assert (await g.patch(image["id"], replacing(second, first))).json["locations"] == [second, first]
        for locations, status in (([], 403), ([first], 400), ([first, first], 400), ([first, second | {"url": URL + "#3"}], 400),
                                  ([first, second | {"metadata": {"store": "file"}}], 400)):
            assert (await g.patch(image["id"], replacing(*locations))).status == status
        assert (await g.show(image["id"]))["locations"] == [second, first]


async def test_bytes_of_ours_are_gone_with_their_place():
    async with glance(**SHOWN) as g:
        finds(g)
        image = await g.filled()
        assert image["direct_url"].startswith("file:///") and len(g.files()) == 1
        assert (await g.patch(image["id"], adding())).status == 200
        got = await g.patch(image["id"], removing(0), caller=g.admin())
        assert [place["url"] for place in got.json["locations"]] == [URL] and g.files() == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "filesystem:///etc/shadow", "http://169.254.169.254/", "http://127.0.0.1/",
                                 "http://example.org:22/", "gopher://example.org/", "swift+config://x/y", "s3://file/key", ""])
async def test_row_12_ossa_2014_041_and_2015_002_a_patched_location_is_no_file_and_nothing_private(url):
    async with glance(**SHOWN) as g:
        web, queued, active = finds(g), await g.make(), await g.filled()
        for image in (queued, active):
            for change in (adding(url), replacing({"url": url})):
                assert (await g.patch(image["id"], change, caller=g.admin(project="p1"))).status == 400
            assert (await g.show(image["id"]))["locations"] == image["locations"] and web.reads == 0


@pytest.mark.parametrize("op, path, value", [("add", "", []), ("add", "/x", {"url": URL}), ("add", "/-", "x"), ("add", "/-", {}),
                                             ("replace", "/0", {"url": URL}), ("remove", "/0/1", None), ("replace", "", {"url": URL})])
async def test_patches_that_make_no_sense(op, path, value):
    async with glance(**SHOWN) as g:
        change = {"op": op, "path": "/locations" + path, "value": value}
        finds(g)
        assert (await g.patch((await g.make())["id"], change, caller=g.admin(project="p1"))).status == 400


async def test_limits():
    async with glance(**SHOWN, max_locations=1, max_image_bytes=5, quota_bytes=7) as g:
        image = await placed(g)
        assert (await g.patch(image["id"], adding(OTHER))).status == 413
        other = await g.make()
        assert (await g.patch(other["id"], adding())).status == 413                # of the quota two bytes are left
        finds(g, b"123456")
        assert (await g.patch(other["id"], adding())).status == 413
        assert (await g.show(other["id"]))["status"] == "queued"
        bare = (await g.member().post(ROOT, {"name": "bare"})).json
        finds(g, b"1")
        assert (await g.patch(bare["id"], adding())).status == 400                 # without formats


@pytest.mark.parametrize("told, data", [(None, BACKED), (RIGHT, BACKED), (TOLD, b"other"), (None, b"x" * 10)])
async def test_rows_1_to_4_a_host_inspects_what_nobody_looked_at(tmp_path, told, data):
    """Also when the digest is right: whoever said it may know what is there."""
    async with glance(**SHOWN) as g:
        image = await placed(g, adding(validation=told), data=data if data == BACKED else b"bytes")
        finds(g, data)
        with pytest.raises(CloudError):
            await LocalImages(g.images, tmp_path).path(image["id"])
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
        got = await g.admin(project="p1").post(f"{ROOT}/{image['id']}/import", {"method": {"name": "copy-image"}, "stores": ["file"]})
        await g.kit.sagas.drain()
        assert got.status == 202 and (await g.show(image["id"]))["stores"] == "web" and g.files() == []


async def test_never_more_bytes_come_than_the_image_has():
    async with glance(**SHOWN) as g:
        image = await placed(g)
        finds(g, b"x" * (5 << 20))
        got = bytearray()
        with pytest.raises(BlobMissing):
            async for block in g.images.cache.verified(await g.images.get(image["id"], "*")):
                got += block
        assert len(got) <= 5


async def test_without_hashing_an_image_is_active_at_once_and_inspected_by_its_hosts(tmp_path):
    async with glance(**STORES, do_secure_hash=False) as g:
        web, bare, told = finds(g, BACKED), await g.make(), await g.make()
        assert (await add(g, bare["id"])).status == 202
        assert (await add(g, told["id"], os_hash_algo="sha256", os_hash_value=SHA256)).status == 202
        found, [task] = await g.show(bare["id"]), await tasks(g, bare["id"])
        assert (found["status"], found["size"], task["status"], web.reads) == ("active", len(BACKED), "success", 0)
        assert (found["checksum"], found["os_hash_algo"], found["os_hash_value"]) == (None, None, None)
        found = await g.show(told["id"])
        assert (found["checksum"], found["os_hash_algo"], found["os_hash_value"]) == (None, "sha256", SHA256)
        for image in (bare, told):
            with pytest.raises(CloudError):
                await LocalImages(g.images, tmp_path).path(image["id"])
