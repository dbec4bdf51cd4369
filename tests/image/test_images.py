"""Images through the API."""

import hashlib

from tests.image.service import BINARY, RAW, ROOT, glance


async def test_an_image_lives_its_life():
    async with glance() as g:
        made = await g.member().post(ROOT, {"name": "one", "tags": ["b", "a"], "kernel_id": "k", "visibility": "private"} | RAW)
        assert made.status == 201
        image = made.json
        id = image["id"]
        assert made.headers["location"].endswith(f"/image/v2/images/{id}")
        assert image == {
            "id": id, "name": "one", "status": "queued", "visibility": "private", "owner": "p1", "protected": False, "os_hidden": False,
            "disk_format": "raw", "container_format": "bare", "min_disk": 0, "min_ram": 0, "size": None, "virtual_size": None,
            "checksum": None, "os_hash_algo": None, "os_hash_value": None, "tags": ["b", "a"], "kernel_id": "k",
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "self": f"/v2/images/{id}",
            "file": f"/v2/images/{id}/file", "schema": "/v2/schemas/image",
        }
        assert (await g.member().get(f"{ROOT}/{id}/file")).status == 204
        data = bytes(range(256)) * 4
        stored = await g.upload(id, data)
        assert (stored.status, stored.data) == (204, b"")
        active = await g.show(id)
        assert active == image | {"status": "active", "stores": "file", "size": 1024, "virtual_size": 1024,
                                  "checksum": hashlib.md5(data).hexdigest(), "os_hash_algo": "sha512",
                                  "os_hash_value": hashlib.sha512(data).hexdigest()}
        got = await g.member().get(f"{ROOT}/{id}/file")
        assert (got.status, got.data, got.headers["content-md5"]) == (200, data, active["checksum"])
        assert got.headers["content-type"] == "application/octet-stream" and got.headers["content-length"] == "1024"
        assert (await g.upload(id, data)).status == 409
        gone = await g.member().delete(f"{ROOT}/{id}")
        assert (gone.status, gone.data) == (204, b"")
        assert await g.show(id) is None and g.files() == []
        missing = await g.member().delete(f"{ROOT}/{id}")
        assert missing.status == 404 and missing.json["code"] == "404 Not Found" and missing.json["title"] == "Not Found"
        assert (await g.member().post(ROOT, {"id": id, "name": "again"})).status == 409


async def test_uploads_are_refused_when_they_make_no_sense():
    async with glance() as g:
        bare = await g.make(disk_format=None)
        assert (await g.upload(bare["id"], b"x")).status == 400
        image = await g.make()
        wrong = await g.member().put(f"{ROOT}/{image['id']}/file", body=b"x", headers={"Content-Type": "application/json"})
        assert wrong.status == 415
        assert (await g.member("p2").put(f"{ROOT}/{image['id']}/file", body=b"x", headers=BINARY)).status == 404
        assert (await g.reader().put(f"{ROOT}/{image['id']}/file", body=b"x", headers=BINARY)).status == 403
        assert (await g.show(image["id"]))["status"] == "queued" and g.files() == []
