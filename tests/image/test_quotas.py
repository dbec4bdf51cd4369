"""Quotas of projects: images, uploads at once, bytes; by configuration and by identity's limits; nobody slips through together."""

import asyncio

import pytest

from tests.cloud import TestCloud
from tests.image.service import RAW, ROOT, glance
from tests.image.test_imports import order, stage
from tests.wire import pieces


async def test_images_are_counted():
    async with glance(max_images=2) as g:
        first = await g.make()
        await g.make()
        refused = await g.member().post(ROOT, RAW)
        assert refused.status == 413 and "2 images" in refused.json["message"] and len(await g.names()) == 2
        assert (await g.member("p2").post(ROOT, RAW)).status == 201
        assert (await g.member().delete(f"{ROOT}/{first['id']}")).status == 204
        assert (await g.member().post(ROOT, RAW)).status == 201


async def test_uploads_at_once_are_counted():
    async with glance(max_uploads=1) as g:
        slow, second, hold = await g.make(), await g.make(), asyncio.Event()

        async def chunks():
            yield b"a"
            await hold.wait()
            yield b"b"

        going = asyncio.ensure_future(g.send(slow["id"], chunks()))
        await g.clock_on(1)
        refused = await g.upload(second["id"], b"x")
        assert refused.status == 413 and (await g.show(second["id"]))["status"] == "queued"
        hold.set()
        assert (await going).status == 204
        assert (await g.upload(second["id"], b"x")).status == 204


async def test_two_uploads_share_what_is_left():
    async with glance(quota_bytes=10) as g:
        images = [await g.make() for _ in range(3)]
        got = await asyncio.gather(*(g.upload(image["id"], b"x" * 6) for image in images))
        assert sorted(answer.status for answer in got) == [204, 413, 413]
        assert [(await g.show(i["id"]))["status"] for i in images].count("queued") == 2 and len(g.files()) == 1


async def test_limits_of_identity():
    async with TestCloud(image={"unified_limits": True}) as cloud:
        admin, demo, project = await cloud.as_("pileus-admin"), await cloud.as_("pileus"), await cloud.project()
        assert (await demo.post(ROOT, RAW)).status == 413
        service = next(s["id"] for s in (await admin.get("/identity/v3/services")).json["services"] if s["type"] == "image")
        registered = [{"service_id": service, "resource_name": name, "default_limit": limit}
                      for name, limit in (("image_count_total", 1), ("image_count_uploading", -1), ("image_size_total", 1),
                                            ("image_stage_total", -1))]
        assert (await admin.post("/identity/v3/registered_limits", {"registered_limits": registered})).status == 201
        made = await demo.post(ROOT, RAW)
        assert made.status == 201 and (await demo.post(ROOT, RAW)).status == 413
        limit = {"service_id": service, "resource_name": "image_count_total", "resource_limit": 2, "project_id": project}
        assert (await admin.post("/identity/v3/limits", {"limits": [limit]})).status == 201
        assert (await demo.post(ROOT, RAW)).status == 201 and (await demo.post(ROOT, RAW)).status == 413
        binary = {"Content-Type": "application/octet-stream"}
        path = f"{ROOT}/{made.json['id']}/file"
        assert (await demo.put(path, body=bytes((1 << 20) + 1), headers=binary)).status == 413
        assert (await demo.put(path, body=bytes(1 << 20), headers=binary)).status == 204


async def test_staged_bytes_have_a_limit_of_their_own():
    async with glance(max_staged_bytes=10, quota_bytes=1000) as g:
        first, second = await g.make(), await g.make()
        assert (await stage(g, first["id"], b"x" * 11)).status == 413
        assert (await stage(g, first["id"], b"x" * 6)).status == 204
        assert (await stage(g, second["id"], b"x" * 6)).status == 413
        chunked = await g.send(second["id"], pieces(b"xxx", b"xxx"), path="stage")
        assert chunked.status == 413 and (await g.show(second["id"]))["status"] == "queued" and len(g.files()) == 1
        assert (await g.upload((await g.make())["id"], b"x" * 100)).status == 204             # is not staged
        await order(g, first["id"], "glance-direct")
        await g.kit.sagas.drain()
        assert (await stage(g, second["id"], b"x" * 6)).status == 204                         # what was imported is not staged


async def test_two_that_are_staged_at_once_share_what_is_left():
    async with glance(max_staged_bytes=10) as g:
        images = [await g.make() for _ in range(3)]
        got = await asyncio.gather(*(stage(g, image["id"], b"x" * 6) for image in images))
        assert sorted(answer.status for answer in got) == [204, 413, 413] and len(g.files()) == 1


async def test_usage_is_shown_with_its_limits():
    async with glance(quota_bytes=10 << 20, max_images=5) as g:
        await g.filled(bytes(3 << 20))
        await stage(g, (await g.make())["id"], bytes(2 << 20))
        assert (await g.member().get("/image/v2/info/usage")).json["usage"] == {
            "image_size_total": {"usage": 5, "limit": 10}, "image_stage_total": {"usage": 2, "limit": -1},
            "image_count_total": {"usage": 2, "limit": 5}, "image_count_uploading": {"usage": 1, "limit": -1}}
        other = (await g.member("p2").get("/image/v2/info/usage")).json["usage"]
        assert other["image_size_total"] == {"usage": 0, "limit": 10}


@pytest.mark.database
@pytest.mark.realtime
async def test_nobody_slips_through_together_on_a_database_server(database_url):
    async with glance(database_url, hash_threads=1, max_images=3, quota_bytes=10) as g:
        got = await asyncio.gather(*(g.member().post(ROOT, RAW) for _ in range(9)))
        assert [answer.status for answer in got].count(201) == 3
        ids = [answer.json["id"] for answer in got if answer.status == 201]
        stored = await asyncio.gather(*(g.upload(id, b"x" * 6) for id in ids))
        assert sorted(answer.status for answer in stored) == [204, 413, 413]


async def test_an_empty_id_is_no_image():
    async with glance() as g:
        await g.make()
        assert (await g.member().get(ROOT + "/")).status == 404 and (await g.member().get(ROOT)).status == 200
