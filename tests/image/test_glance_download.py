"""glance-download: an image of another cloud, which is asked with the caller's token and believed in nothing."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from pileus.core.http.server import Server
from pileus.image.sagas.import_image import IMPORT_IMAGE
from tests.image.formats import images as samples
from tests.image.service import ROOT, glance
from tests.image.test_stores import done
from tests.ports import free_ports
from tests.sagas import arm, interruptions, settle

DISK = samples.qcow2()
pytestmark = pytest.mark.realtime


@asynccontextmanager
async def clouds(**options):
    """(ours, the other one, whose image service our callers' catalog knows in the region "other")."""
    (port, nobody), catalog = free_ports(2), []
    identity = SimpleNamespace(catalog=lambda *_: asyncio.sleep(0, catalog))
    catalog.append({"type": "image", "endpoints": [
        {"region_id": "other", "interface": "public", "url": f"http://127.0.0.1:{port}/image"},
        {"region_id": "far", "interface": "public", "url": f"http://127.0.0.1:{nobody}/image"}]})
    async with glance(identity=identity, import_methods=["glance-download"], **options) as ours, glance() as other:
        other.member(), other.member("p2"), other.admin()
        server = Server(other.harness.app, "127.0.0.1", port)
        await server.start()
        await server.listening()
        yield ours, other
        await server.stop()


async def order(g, id, image_id, region="other", caller=None, **more):
    method = {"name": "glance-download", "glance_region": region, "glance_image_id": image_id} | more
    return await (caller or g.member()).post(f"{ROOT}/{id}/import", {"method": {k: v for k, v in method.items() if v is not None}})


async def test_an_image_comes_with_what_is_said_of_it():
    async with clouds() as (ours, other):
        theirs = await other.filled(DISK, disk_format="qcow2", hw_disk_bus="scsi", os_distro="x", private_note="no", visibility="private")
        image = await ours.make(disk_format="raw", mine="yes")
        assert (await order(ours, image["id"], theirs["id"])).status == 202
        found, task = await done(ours, image["id"])
        assert (found["status"], task["status"]) == ("active", "success"), task
        for same in ("disk_format", "size", "checksum", "os_hash_value", "virtual_size", "hw_disk_bus", "os_distro"):
            assert found[same] == theirs[same]
        assert found["mine"] == "yes" and "private_note" not in found and found["name"] == image["name"]
        assert (await ours.member().get(f"{ROOT}/{image['id']}/file")).data == DISK and not ours.images.imports.waiting
        assert other.member().token not in str(task)


async def test_it_is_inspected_as_what_the_other_cloud_says_it_is():
    async with clouds() as (ours, other):
        theirs, image = await other.filled(b"any bytes", container_format="ova"), await ours.make(disk_format="iso", container_format="ovf")
        await order(ours, image["id"], theirs["id"])
        found, task = await done(ours, image["id"])
        assert (found["status"], found["disk_format"], found["container_format"]) == ("active", "raw", "ova"), task


@pytest.mark.parametrize("change", [{"region": None}, {"image_id": None}, {"image_id": "../../v3/users"}, {"image_id": "x" * 36},
                                    {"image_id": "6f70656e-7374-4163-8b21-000000000000\n"}, {"region": 5}])
async def test_orders_that_are_refused(change):
    async with clouds() as (ours, other):
        image, theirs = await ours.make(), await other.filled()
        assert (await order(ours, image["id"], **({"image_id": theirs["id"]} | change))).status == 400
        assert (await ours.show(image["id"]))["status"] == "queued" and not ours.images.imports.waiting


async def fails(ours, image_id, why, region="other", **more):
    image = await ours.make()
    assert (await order(ours, image["id"], image_id, region, **more)).status == 202
    found, task = await done(ours, image["id"])
    assert (found["status"], found["size"], task["status"]) == ("queued", None, "failure") and ours.files() == []
    assert why in task["message"] and not ours.images.imports.waiting


async def test_what_the_other_cloud_does_not_give():
    async with clouds() as (ours, other):
        foreign = await other.filled(caller=other.member("p2"))
        await fails(ours, foreign["id"], "answered 404")
        await fails(ours, (await other.make())["id"], "is queued")
        theirs = (await other.filled())["id"]
        await fails(ours, theirs, "cannot be reached", region="far")
        await fails(ours, theirs, "no public image service in the region nowhere", region="nowhere")
        await fails(ours, theirs, "no internal image service", glance_service_interface="internal")


async def test_bytes_that_are_not_what_was_said_are_refused():
    async with clouds() as (ours, other):
        for data in (b"BYTES", b"byte"):
            theirs = await other.filled(b"bytes")
            key = (await other.images.get(theirs["id"], "p1")).blob
            (other.folder / key).write_bytes(data)
            await fails(ours, theirs["id"], "")


@asynccontextmanager
async def says(answer):
    """A server that answers everything with this; what came is kept."""
    asked = []

    async def serve(reader, writer):
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], asked
    server.close()


async def test_ossa_2026_004_the_token_goes_nowhere_else():
    async with says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (inner, stolen):
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{inner}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with says(moved) as (port, asked):
            catalog = [{"type": "image", "endpoints": [{"region_id": "other", "interface": "public", "url": f"http://127.0.0.1:{port}"}]}]
            identity = SimpleNamespace(catalog=lambda *_: asyncio.sleep(0, catalog))
            async with glance(identity=identity, import_methods=["glance-download"]) as ours:
                await fails(ours, "6f70656e-7374-4163-8b21-000000000000", "answered 302")
                assert stolen == [] and len(asked) == 1 and f"X-Auth-Token: {ours.member().token}" in asked[0]


@pytest.mark.parametrize("answer", [b"[]", b"x", b"\xff", b'{"status": "active"}', b'{"status": "active", "size": "x"}'])
async def test_descriptions_that_are_none(answer):
    async with says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer)) as (port, _):
        catalog = [{"type": "image", "endpoints": [{"region_id": "other", "interface": "public", "url": f"http://127.0.0.1:{port}/v2"}]}]
        identity = SimpleNamespace(catalog=lambda *_: asyncio.sleep(0, catalog))
        async with glance(identity=identity, import_methods=["glance-download"]) as ours:
            await fails(ours, "6f70656e-7374-4163-8b21-000000000000", "not understood")


@pytest.mark.parametrize("cut", [cut for cut in interruptions(IMPORT_IMAGE) if cut.how == "kill"], ids=str)
async def test_a_crash_finishes_it_or_leaves_nothing(cut):
    """The token is nowhere stored: what had not come by then does not come any more."""
    async with clouds() as (ours, other):
        theirs, image = await other.filled(), await ours.make()
        arm(ours.kit.sagas, IMPORT_IMAGE, cut)
        await order(ours, image["id"], theirs["id"])
        await asyncio.wait(list(ours.kit.sagas.running.values()))
        ours.images.imports.waiting.clear()
        await settle(ours.kit.sagas)
        found, task = await done(ours, image["id"])
        if cut.step == 0:
            assert (found["status"], task["status"]) == ("queued", "failure") and ours.files() == []
        else:
            assert (found["status"], task["status"]) == ("active", "success")
