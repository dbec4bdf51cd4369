"""The image service of a cloud stores its images in the object store of the same cloud: by configuration alone."""

import pytest

from tests.cloud import TestCloud
from tests.image.backends.clouds import key, listening, objects, restart, user
from tests.ports import free_port

pytestmark = pytest.mark.realtime
BINARY = {"Content-Type": "application/octet-stream"}


async def options(cloud, kind):
    if kind == "swift":
        return {"type": "swift", "segment_bytes": 1 << 20} | user(cloud)
    return {"type": "s3", "endpoint": f"http://127.0.0.1:{cloud.port}/s3", "region": "RegionOne"} | await key(cloud)


@pytest.mark.parametrize("kind", ["swift", "s3"])
async def test_an_image_is_stored_there_and_booted_from_there(kind):
    async with listening() as cloud:
        stores = {"own": await options(cloud, kind), "local": {"type": "file"}}
        await restart(cloud, image={"hash_threads": 0, "stores": stores, "default_store": "own"})
        demo, data = await cloud.as_(), bytes(range(256)) * 6000       # 1.5 MB
        image = (await demo.post("/image/v2/images", {"name": "i", "disk_format": "raw", "container_format": "bare"})).json
        path = f"/image/v2/images/{image['id']}"
        got = await demo.put(f"{path}/file", body=data, headers=BINARY)
        assert got.status == 204, got.text
        assert (await demo.get(path)).json["stores"] == "own" and await objects(cloud, "images") != []
        assert (await demo.get(f"{path}/file")).data == data
        assert (await demo.get(f"{path}/file", headers={"Range": "bytes=1048570-1048580"})).data == data[1048570:1048581]
        await cloud.cloud.services.image.uploads.sweep()
        source = next(iter(cloud.cloud.hosts.values())).compute.images
        with open(await source.path(image["id"]), "rb") as base:
            assert base.read() == data                                 # what a guest's disk begins with
        assert [p.name for p in source.folder.glob("arriving/*")] == []
        admin = await cloud.as_("pileus-admin")
        order = {"method": {"name": "copy-image"}, "stores": ["local"]}
        assert (await admin.post(f"{path}/import", order)).status == 202
        await cloud.cloud.kit.sagas.drain()
        assert (await demo.get(path)).json["stores"] == "local,own"
        assert (await demo.delete(path)).status == 204 and await objects(cloud, "images") == []


async def test_what_is_left_of_an_upload_when_the_object_store_is_gone():
    async with listening() as cloud:
        stores = {"own": await options(cloud, "swift") | {"password": "wrong"}, "local": {"type": "file"}}
        await restart(cloud, image={"hash_threads": 0, "stores": stores})
        demo = await cloud.as_()
        image = (await demo.post("/image/v2/images", {"name": "i", "disk_format": "raw", "container_format": "bare"})).json
        path = f"/image/v2/images/{image['id']}"
        got = await demo.put(f"{path}/file", body=b"x", headers=BINARY | {"X-Image-Meta-Store": "own"})
        assert got.status == 503 and (await demo.get(path)).json["status"] == "queued"
        assert (await demo.put(f"{path}/file", body=b"x", headers=BINARY | {"X-Image-Meta-Store": "local"})).status == 204


async def test_a_cloud_starts_without_its_image_to_try_when_the_store_cannot_be_reached():
    port = free_port()
    nowhere = {"type": "s3", "endpoint": f"http://127.0.0.1:{port}", "access_key": "a", "secret_key": "s", "bucket": "images"}
    async with TestCloud(real_time=True, image={"stores": {"own": nowhere}, "default_store": "own"}) as cloud:
        images = (await (await cloud.as_()).get("/image/v2/images")).json["images"]
        assert [image["name"] for image in images] == []
