"""Images of servers, as compute makes them."""

import asyncio

import pytest

from pileus.image.errors import ImageGone, ImageIdTaken, ImageNotFound
from tests.image.service import glance
from tests.wire import pieces

ID = "11111111-2222-3333-4444-555555555555"


async def test_an_image_of_a_server_is_made_and_filled():
    async with glance() as g:
        base = await g.filled(os_distro="debian", image_location="x", min_ram=5)
        for _ in range(2):                                                      # a saga's step may be repeated
            image = await g.images.snapshots.begin(ID, name="snap", owner="p1", disk_format="raw", base=base["id"], min_disk=3,
                                                   properties={"instance_uuid": "s"})
            assert (image.status, image.owner, image.visibility, image.min_disk) == ("queued", "p1", "private", 3)
        assert image.properties == {"os_distro": "debian", "base_image_ref": base["id"], "instance_uuid": "s"}
        for _ in range(2):
            image = await g.images.snapshots.fill(ID, pieces(b"a", b"b"), 2)
            assert (image.status, image.size) == ("active", 2)
        assert (await g.show(ID))["status"] == "active" and await g.show(ID, g.member("p2")) is None
        assert len(g.files()) == 2


async def test_what_is_cancelled_leaves_nothing():
    async with glance() as g:
        await g.images.snapshots.cancel(ID)
        await g.images.snapshots.begin(ID, name="snap", owner="p1", disk_format="raw", base="gone")

        async def endless():
            yield b"x"
            await asyncio.get_running_loop().create_future()

        filling = asyncio.create_task(g.images.snapshots.fill(ID, endless()))
        await asyncio.sleep(1)
        assert (await g.show(ID))["status"] == "saving"
        await g.images.snapshots.cancel(ID)
        await g.images.snapshots.cancel(ID)
        with pytest.raises(ImageGone):
            await filling
        assert await g.show(ID) is None and g.files() == []
        with pytest.raises(ImageNotFound):
            await g.images.snapshots.fill(ID, pieces(b"x"))
        with pytest.raises(ImageIdTaken):                                       # ids are never used again
            await g.images.snapshots.begin(ID, name="snap", owner="p1", disk_format="raw")


async def test_a_failed_fill_may_be_repeated():
    async with glance() as g:
        await g.images.snapshots.begin(ID, name="snap", owner="p1", disk_format="qcow2")
        with pytest.raises(Exception, match="declared as qcow2"):
            await g.images.snapshots.fill(ID, pieces(b"raw bytes"))
        assert (await g.show(ID))["status"] == "queued" and g.files() == []


@pytest.mark.realtime
async def test_a_disk_is_read_from_its_file(tmp_path):
    async with glance(hash_threads=2) as g:
        (tmp_path / "disk").write_bytes(bytes(3 << 20) + b"end")
        await g.images.snapshots.begin(ID, name="snap", owner="p1", disk_format="raw")
        image = await g.images.snapshots.fill(ID, g.images.snapshots.blocks(tmp_path / "disk"))
        assert image.size == (3 << 20) + 3
        assert (await g.images.local_path(ID)).read_bytes() == (tmp_path / "disk").read_bytes()
