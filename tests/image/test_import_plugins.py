"""Import plug-ins: what came is unpacked and converted, or the image is queued again and nothing is left."""

import gzip
import shutil

import pytest

from pileus.image.sagas.import_image import IMPORT_IMAGE
from tests.image.formats import images as samples
from tests.image.formats.images import MIB
from tests.image.service import ROOT, glance
from tests.image.test_imports import finds, order, stage, tasks
from tests.image.test_signatures import RSA, certify, pss
from tests.image.test_signatures import signed as by
from tests.sagas import arm, interrupted, interruptions, settle

needs_qemu_img = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")
UNPACK = {"import_plugins": ["image_decompression"]}
CONVERT = {"import_plugins": ["image_conversion"]}
BOTH = {"import_plugins": ["image_decompression", "image_conversion"]}
DISK = samples.qcow2()


def leftovers(g):
    return sorted(path.name for path in g.images.work.folders[0].iterdir())


async def imported(g, data, method="glance-direct", caller=None, **fields):
    """The image and the task, when the import has ended."""
    image = await g.make(caller, **fields)
    if method == "glance-direct":
        got = await stage(g, image["id"], data, caller)
        assert got.status == 204, got.text
    else:
        finds(g, data)
    assert (await order(g, image["id"], method, caller)).status == 202
    await g.kit.sagas.drain()
    assert leftovers(g) == []
    [task] = await tasks(g, image["id"])
    return await g.show(image["id"], caller), task


async def data_of(g, image):
    return (await g.member().get(f"{ROOT}/{image['id']}/file")).data


def is_queued(g, image, task, why):
    assert (image["status"], image["size"], image["checksum"], task["status"]) == ("queued", None, None, "failure")
    assert why in task["message"] and g.files() == []
    assert (image["os_glance_failed_import"], image["os_glance_importing_to_stores"]) == ("file", "")


@pytest.mark.parametrize("method", ["glance-direct", "web-download"])
async def test_a_packed_image_is_unpacked(method):
    async with glance(**UNPACK) as g:
        image, task = await imported(g, gzip.compress(DISK), method, disk_format="qcow2")
        assert (image["status"], task["status"], image["size"], image["virtual_size"]) == ("active", "success", len(DISK), samples.VIRTUAL)
        assert await data_of(g, image) == DISK


async def test_what_is_not_packed_stays_as_it_came():
    async with glance(**UNPACK) as g:
        image, _ = await imported(g, b"bytes")
        assert (image["status"], image["size"]) == ("active", 5)


@pytest.mark.parametrize("container", ["compressed", "ova", "docker"])
async def test_a_container_is_not_unpacked(container):
    async with glance(**UNPACK) as g:
        packed = gzip.compress(b"x" * 1000)
        image, _ = await imported(g, packed, container_format=container)
        assert (image["status"], image["size"]) == ("active", len(packed))


async def test_what_is_inside_is_inspected():
    """Rows 1, 2 and 4: a dangerous image does not come in because it was packed."""
    async with glance(**UNPACK) as g:
        for inside, why in ((samples.qcow2(backing=b"/etc/passwd"), "backing file"), (samples.qcow2(incompatible=4), "data file"),
                            (samples.vdi(), "declared as qcow2"), (gzip.compress(DISK), "declared as qcow2")):
            is_queued(g, *await imported(g, gzip.compress(inside), disk_format="qcow2"), why)


async def test_a_plug_in_that_is_switched_off_meanwhile_lets_nothing_in():
    async with glance(**UNPACK) as g:
        image = await g.make(disk_format="qcow2")
        assert (await stage(g, image["id"], gzip.compress(DISK))).status == 204
        g.images.imports.refining.config.import_plugins = ()
        await order(g, image["id"], "glance-direct")
        await g.kit.sagas.drain()
        is_queued(g, await g.show(image["id"]), (await tasks(g, image["id"]))[0], "declared as qcow2")


async def test_without_the_plug_in_a_packed_image_is_what_it_is():
    async with glance() as g:
        image = await g.make(disk_format="qcow2")
        assert (await stage(g, image["id"], gzip.compress(DISK))).status == 204
        await order(g, image["id"], "glance-direct")
        await g.kit.sagas.drain()
        is_queued(g, await g.show(image["id"]), (await tasks(g, image["id"]))[0], "declared as qcow2")
        assert (await imported(g, gzip.compress(DISK)))[0]["status"] == "active"       # declared raw


async def test_row_41_a_bomb_is_refused_and_leaves_nothing():
    async with glance(max_image_bytes=1 << 20, **UNPACK) as g:
        is_queued(g, *await imported(g, gzip.compress(bytes(64 << 20))), "exceeds the maximum")


async def test_an_image_that_grows_beyond_the_quota_is_refused():
    async with glance(quota_bytes=100_000, **UNPACK) as g:
        is_queued(g, *await imported(g, gzip.compress(bytes(100_001))), "exceeds")
        image, _ = await imported(g, gzip.compress(bytes(100_000)))
        assert image["size"] == 100_000                              # what was staged is not counted twice


async def test_a_signed_image_stays_what_was_signed(tmp_path):
    data = gzip.compress(b"x" * 1000)
    certify(tmp_path, RSA)
    async with glance(certificates_folder=str(tmp_path), **BOTH) as g:
        image, _ = await imported(g, data, disk_format="raw", **by(pss(RSA, data)))
        assert (image["status"], await data_of(g, image)) == ("active", data)


@pytest.mark.parametrize("data", [gzip.compress(DISK)[:-20], gzip.compress(DISK) + b"garbage"])
async def test_what_is_damaged_is_refused(data):
    async with glance(**UNPACK) as g:
        is_queued(g, *await imported(g, data, disk_format="qcow2"), "cannot be decompressed")


@pytest.mark.realtime
@needs_qemu_img
@pytest.mark.parametrize("method", ["glance-direct", "web-download"])
async def test_an_image_is_converted(method):
    async with glance(hash_threads=1, **CONVERT) as g:
        told, update = [], g.images.imports.tasks.update

        async def telling(id, now, **values):
            told.append(values.get("message"))
            await update(id, now, **values)

        g.images.imports.tasks.update = telling
        image, task = await imported(g, DISK, method, disk_format="qcow2")
        assert "Converted 100 %" in told and told[-1] == task["message"] == ""
        assert (image["status"], task["status"], image["disk_format"]) == ("active", "success", "raw")
        assert image["size"] == image["virtual_size"] == samples.VIRTUAL
        assert (g.folder / g.files()[0]).stat().st_blocks * 512 < MIB           # zeros take no space


@pytest.mark.realtime
@needs_qemu_img
async def test_first_unpacked_then_converted():
    async with glance(hash_threads=1, conversion_format="qcow2", **BOTH) as g:
        image, task = await imported(g, gzip.compress(b"boot" * 500 + bytes(4 * MIB)), disk_format="raw")
        assert (image["status"], image["disk_format"], image["virtual_size"]) == ("active", "qcow2", 4 * MIB + 2048), task["message"]
        assert (await data_of(g, image))[:4] == b"QFI\xfb"


@pytest.mark.realtime
@pytest.mark.parametrize("fields", [{"disk_format": "iso"}, {"disk_format": "raw"}, {"disk_format": "ami", "container_format": "ami"},
                                    {"disk_format": "qcow2", "container_format": "ova"}])
async def test_what_cannot_be_converted_stays_as_it_is(fields):
    async with glance(hash_threads=1, **CONVERT) as g:
        data = samples.iso() if fields["disk_format"] == "iso" else b"just bytes"
        image, _ = await imported(g, data, **fields)
        assert (image["status"], image["size"], image["disk_format"]) == ("active", len(data), fields["disk_format"])


@pytest.mark.realtime
@needs_qemu_img
async def test_rows_7_and_41_a_small_image_of_a_huge_disk_is_not_written_out():
    async with glance(hash_threads=1, max_image_bytes=1 << 30, **CONVERT) as g:
        is_queued(g, *await imported(g, samples.qcow2(size=1 << 40, l1_size=2048, total=1 << 20), disk_format="qcow2"), "more than the")


@pytest.mark.realtime
@needs_qemu_img
async def test_what_the_tool_cannot_read_is_refused_and_says_nothing_of_this_host():
    async with glance(hash_threads=1, **CONVERT) as g:
        image, task = await imported(g, samples.qcow2(crypt=1), disk_format="qcow2")
        is_queued(g, image, task, "cannot be converted from qcow2 to raw")
        assert str(g.folder) not in task["message"]


@pytest.mark.realtime
@needs_qemu_img
@pytest.mark.parametrize("cut", interruptions(IMPORT_IMAGE), ids=str)
async def test_any_interruption(cut):
    async with glance(hash_threads=1, conversion_format="qcow2", **BOTH) as g:
        image = await g.make(disk_format="raw")
        await stage(g, image["id"], gzip.compress(b"boot" * 500 + bytes(MIB)))
        g.kit.sagas.register(interrupted(IMPORT_IMAGE, cut), g.images.imports)
        arm(g.kit.sagas, IMPORT_IMAGE, cut)
        assert (await order(g, image["id"], "glance-direct")).status == 202
        await settle(g.kit.sagas)
        found, [task] = await g.show(image["id"]), await tasks(g, image["id"])
        if cut.how == "before" or (cut.how == "after" and cut.step < len(IMPORT_IMAGE.steps) - 1):
            is_queued(g, found, task, "told to")
            assert found["disk_format"] == "raw"
        else:
            assert (found["status"], found["disk_format"], task["status"]) == ("active", "qcow2", "success")
            assert (await data_of(g, found))[:4] == b"QFI\xfb" and len(g.files()) == 1
        assert leftovers(g) == [] and await g.kit.sagas.open() == []


async def test_an_image_deleted_while_it_is_unpacked_leaves_nothing():
    async with glance(**UNPACK) as g:
        image = await g.make()
        await stage(g, image["id"], gzip.compress(bytes(1 << 20)))
        put = g.images.work.put

        async def deleting(key, blocks):
            assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204
            await put(key, blocks)

        g.images.work.put = deleting
        await order(g, image["id"], "glance-direct")
        await g.kit.sagas.drain()
        await g.images.uploads.sweep()
        assert await g.show(image["id"]) is None and g.files() == leftovers(g) == []


async def test_what_a_crash_left_is_swept_and_what_is_in_use_is_not():
    async with glance(**UNPACK) as g:
        (g.images.work.folders[0] / "0-unpacked").write_bytes(b"x")
        (g.images.work.folders[0] / "0-converted.part").write_bytes(b"x")
        image = await g.make()
        await stage(g, image["id"], gzip.compress(bytes(1 << 20)))
        found = []
        put = g.images.work.put

        async def sweeping(key, blocks):
            await put(key, blocks)
            found.append(await g.images.imports.refining.sweep())

        g.images.work.put = sweeping
        await order(g, image["id"], "glance-direct")
        await g.kit.sagas.drain()
        assert found == [2] and (await g.show(image["id"]))["status"] == "active" and leftovers(g) == []


INJECT = {"import_plugins": ["inject_image_metadata"], "inject_properties": {"hw_disk_bus": "virtio", "made": "here"}}


async def test_an_imported_image_gets_the_properties_of_the_configuration():
    async with glance(**INJECT) as g:
        image, _ = await imported(g, b"bytes", made="there", mine="too")
        assert (image["hw_disk_bus"], image["made"], image["mine"]) == ("virtio", "here", "too")
        assert await g.names("hw_disk_bus=virtio") == [image["name"]]
        image, _ = await imported(g, b"bytes", caller=g.admin(project="p1"))
        assert "hw_disk_bus" not in image
        assert "hw_disk_bus" not in await g.filled()                 # an upload is no import
