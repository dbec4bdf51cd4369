"""Advisories: each attack is tried through the API and must fail, and must leave nothing. (Quotas and races: `test_uploads`.)"""

import time

import pytest

from pileus.image.api import API
from pileus.image.api.patch import OLD
from pileus.image.errors import ContentRefused
from tests.image.formats import images as samples
from tests.image.service import BINARY, ROOT, glance
from tests.wire import pieces

PASSWD = b"/etc/passwd"
FLAT = samples.DESCRIPTOR.replace('createType="monolithicSparse"', 'createType="monolithicFlat"').replace(
    'RW 131072 SPARSE "disk.vmdk"', 'RW 131072 FLAT "/etc/passwd" 0')


async def assert_refused(declared, data, container="bare"):
    """The upload is refused; the image is queued as before and its bytes are nowhere."""
    async with glance() as g:
        image = await g.make(disk_format=declared, container_format=container)
        got = await g.upload(image["id"], data)
        assert got.status == 415, got.text
        assert "/etc/passwd" not in got.text
        assert (await g.show(image["id"]))["status"] == "queued"
        assert g.files() == []
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).status == 204


async def test_who_may_see_no_image_is_not_told_that_there_is_one():
    """As in Glance: roles that rules know nothing of are answered as if nothing were there, not that they may not."""
    async with glance() as g:
        image, nobody = await g.filled(b"x", g.admin(), visibility="public"), g.harness.as_("service")
        url = f"{ROOT}/{image['id']}"
        for method, path in (("GET", ""), ("GET", "/file"), ("PUT", "/tags/t"), ("DELETE", ""), ("POST", "/actions/deactivate")):
            assert (await nobody.request(method, url + path)).status == 404
        assert (await nobody.get(f"{url}/locations")).status == 200            # which is a service's to read
        assert (await g.reader("p2").put(f"{url}/tags/t")).status == (await g.reader("p2").delete(url)).status == 403


@pytest.mark.parametrize("declared, data, why", [
    ("qcow2", samples.qcow2(incompatible=1 << 2, extensions=samples.extension(0x44415441, PASSWD) + bytes(8)), "data file"),
    ("raw", samples.qcow2(), "declared as raw"), ("vmdk", samples.vmdk(FLAT), "refused"),
    ("qcow2", samples.qcow2(backing=PASSWD), "backing"), ("qcow2", samples.qcow2(size=1 << 60), "virtual size"),
])
@pytest.mark.parametrize("options", [{}, {"import_plugins": ("image_conversion",)}, {"import_plugins": ("image_decompression",)}])
async def test_rows_1_to_4_and_41_what_was_staged_is_refused_by_its_import(options, declared, data, why):
    """Like Glance, staging takes whatever comes: nothing opens it before the import has looked at it."""
    async with glance(**options) as g:
        image = await g.make(disk_format=declared)
        assert (await g.send(image["id"], pieces(data), path="stage")).status == 204
        assert (await g.show(image["id"]))["virtual_size"] is None
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).status == 204
        assert (await g.member().post(f"{ROOT}/{image['id']}/import", {"method": {"name": "glance-direct"}})).status == 202
        await g.kit.sagas.drain()
        found = await g.show(image["id"])
        assert (found["status"], found["size"], found["checksum"]) == ("queued", None, None) and g.files() == []
        [task] = (await g.member().get(f"{ROOT}/{image['id']}/tasks")).json["tasks"]
        assert task["status"] == "failure" and why in task["message"]


@pytest.mark.parametrize("container", ["bare", "ovf"])
async def test_ossa_2024_001_qcow2_with_an_external_data_file(container):
    data = samples.qcow2(incompatible=1 << 2, extensions=samples.extension(0x44415441, PASSWD) + bytes(8))
    await assert_refused("qcow2", data, container)


@pytest.mark.parametrize("disguised", [samples.qcow2(), samples.vmdk(), samples.vhd(), samples.vhdx(), samples.vdi(), samples.iso()])
async def test_ossa_2024_002_another_format_declared_as_raw(disguised):
    await assert_refused("raw", disguised)


async def test_ossa_2024_002_raw_declared_as_another_format():
    await assert_refused("qcow2", b"just bytes" * 1000)
    await assert_refused("vmdk", samples.qcow2())


@pytest.mark.parametrize("data", [samples.vmdk(FLAT), FLAT.encode()])
async def test_ossa_2023_002_vmdk_that_names_a_file(data):
    await assert_refused("vmdk", data)


@pytest.mark.parametrize("backing", [b"/etc/passwd", b"json:{\"driver\":\"file\"}", b"nbd://10.0.0.1/disk"])
async def test_ossa_2015_014_and_2015_011_qcow2_with_a_backing_file(backing):
    await assert_refused("qcow2", samples.qcow2(backing=backing))


async def test_ossa_2016_012_a_bomb_is_refused_by_its_header():
    """Nothing but our own bounded parser looks at an upload; a header that claims petabytes costs what its bytes cost."""
    began = time.process_time()
    await assert_refused("qcow2", samples.qcow2(size=1 << 60, l1_size=(1 << 31) - 1))
    await assert_refused("vmdk", samples.vmdk(capacity=1 << 50))
    assert time.process_time() - began < 5


@pytest.mark.parametrize("written", [samples.qcow2(backing=PASSWD), samples.qcow2(incompatible=4), samples.vmdk(FLAT), samples.vdi()])
async def test_row_5_ossa_2016_001_and_2013_037_a_header_that_a_guest_wrote_onto_its_raw_disk(written):
    """Nobody guesses what the disk is: it was raw, so its snapshot is, or there is none."""
    async def disk():
        yield written

    async with glance() as g:
        id = g.kit.ids.uuid()
        await g.images.snapshots.begin(id, name="snapshot", owner="p1", disk_format="raw")
        with pytest.raises(ContentRefused):
            await g.images.snapshots.fill(id, disk())
        assert (await g.show(id))["status"] == "queued" and g.files() == []


@pytest.mark.parametrize("url", ["file:///etc/passwd", "filesystem:///etc/shadow", "http://169.254.169.254/", "swift+config://x/y"])
async def test_ossa_2014_041_and_2015_002_a_caller_cannot_name_a_place(url):
    async with glance() as g:
        image, admin = await g.make(), g.admin(project="p1")
        place = {"url": url, "metadata": {}}
        for caller in (g.member(), admin):
            assert (await caller.post(ROOT, {"name": "x", "locations": [place]})).status == 403
            assert (await caller.post(ROOT, {"name": "x", "location": url})).status == 403
            assert (await caller.post(ROOT, {"name": "x", "direct_url": url})).status == 403
            for op, path in (("add", "/locations/-"), ("add", "/locations/1"), ("replace", "/locations"), ("add", "/location"),
                             ("add", "/direct_url"), ("add", "/locations~1x")):
                got = await g.patch(image["id"], {"op": op, "path": path, "value": place if "s" in path else url}, caller=caller)
                assert got.status in (400, 403), (op, path)
            assert (await g.patch(image["id"], {"add": "/locations/-", "value": place}, caller=caller, kind=OLD)).status == 403
        assert (await g.show(image["id"]))["status"] == "queued" and len(await g.names()) == 1


@pytest.mark.parametrize("path", ["/locations/0", "/locations", "/status", "/checksum", "/size", "/os_hash_value"])
async def test_ossa_2016_006_an_active_image_keeps_its_bytes(path):
    async with glance() as g:
        image = await g.filled(b"good")
        for operation in ({"op": "remove", "path": path}, {"op": "replace", "path": path, "value": "queued"}):
            assert (await g.patch(image["id"], operation)).status == 403
        assert (await g.upload(image["id"], b"evil")).status == 409
        assert await g.show(image["id"]) == image
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).data == b"good"


async def test_ossa_2015_019_a_header_does_not_change_the_status():
    async with glance() as g:
        image = await g.filled(b"good")
        header = {"X-Image-Meta-Status": "queued", "X-Image-Meta-Location": "file:///etc/passwd"}
        url = f"{ROOT}/{image['id']}"
        assert (await g.member().put(url, body=b"", headers=header)).status == 405
        assert (await g.member().put(f"{url}/file", body=b"evil", headers=header | BINARY)).status == 409
        assert (await g.patch(image["id"], {"op": "replace", "path": "/status", "value": "queued"})).status == 403
        assert await g.show(image["id"]) == image


async def test_ossa_2013_027_the_download_policy_holds_every_time():
    async with glance() as g:
        image = await g.filled(b"secret", visibility="private")
        for _ in range(2):
            assert (await g.member().get(f"{ROOT}/{image['id']}/file")).status == 200
            assert (await g.reader().get(f"{ROOT}/{image['id']}/file")).status == 403
            assert (await g.member("p2").get(f"{ROOT}/{image['id']}/file")).status == 404


async def test_ossn_0075_the_id_of_a_deleted_image_is_never_used_again():
    async with glance() as g:
        image = await g.filled(b"popular", g.admin(project="p1"), visibility="public")
        assert (await g.admin(project="p1").delete(f"{ROOT}/{image['id']}")).status == 204
        assert (await g.member("p2").post(ROOT, {"id": image["id"], "name": "trojan", "visibility": "community"})).status == 409


#: Some are for administrators, whom all images exist for.
OF_ADMINISTRATORS = {"cache_image", "cache_delete", "list_cached_nodes", "restore_image"}
IMAGE_ROUTES = [route for route in API.routes if "{image_id}" in route.path and route.policy not in OF_ADMINISTRATORS]
BODIES = {"PATCH": [{"op": "replace", "path": "/name", "value": "x"}], "POST": {"member": "p2"}, "PUT": {"status": "accepted"}}


def there(route, id):
    return API.root + route.path.replace("{image_id}", id).replace("{member_id}", "p1").replace("{tag}", "t")


@pytest.mark.parametrize("route", [r for r in API.routes if r.policy], ids=lambda r: f"{r.method} {r.path}")
async def test_every_route_wants_a_token(route):
    async with glance() as g:
        assert (await g.harness.anonymous().request(route.method, there(route, "x"))).status == 401


@pytest.mark.parametrize("route", IMAGE_ROUTES, ids=lambda r: f"{r.method} {r.path}")
async def test_somebody_elses_private_image_does_not_exist(route):
    async with glance() as g:
        image = await g.filled(b"x", visibility="private", tags=["t"])
        shared = await g.filled(b"x", visibility="shared")
        headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"} if route.method == "PATCH" else {}
        answers = []
        for id in (image["id"], shared["id"], "00000000-0000-0000-0000-000000000000"):
            got = await g.member("p2").request(route.method, there(route, id), json=BODIES.get(route.method), headers=headers)
            assert got.status == 404
            answers.append(got.text.replace(id, "ID"))
        assert len(set(answers)) == 1                      # and nothing tells it from one that never was
        assert await g.show(image["id"]) == image
