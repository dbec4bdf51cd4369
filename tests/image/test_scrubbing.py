"""Delayed delete: gone for everybody at once, back as it was while its bytes are kept, and then gone for good."""

import asyncio

import pytest

from tests.image.service import ROOT, glance

LATE = {"delayed_delete_s": 3600}


async def deleted(g, **fields):
    image = await g.filled(b"bytes", tags=["t"], os_distro="x", **fields)
    assert (await g.member().post(f"{ROOT}/{image['id']}/members", {"member": "p2"})).status == 200
    assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204
    return image


async def restore(g, id, caller=None):
    return await (caller or g.admin()).post(f"{ROOT}/{id}/actions/restore")


async def test_without_a_delay_the_bytes_go_at_once():
    async with glance() as g:
        image = await deleted(g)
        assert g.files() == [] and (await restore(g, image["id"])).status == 404


async def test_a_deleted_image_is_kept_and_comes_back_as_it_was():
    async with glance(quota_bytes=5, **LATE) as g:
        image = await deleted(g)
        assert await g.show(image["id"]) is None and await g.names() == [] and len(g.files()) == 1
        assert (await g.admin().get(f"{ROOT}/{image['id']}")).status == 404
        assert (await g.member().post(ROOT, {"id": image["id"], "name": "trojan"})).status == 409
        other = await g.filled(b"12345")                                     # what is deleted counts against no quota
        await g.images.uploads.sweep()
        assert await g.images.scrubbing.scrub() is None and len(g.files()) == 2
        assert (await restore(g, image["id"], g.member())).status == 403
        assert (await restore(g, image["id"])).json["id"] == image["id"]
        back = await g.show(image["id"])
        assert {**back, "updated_at": ""} == {**image, "updated_at": ""}
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).data == b"bytes"
        [member] = (await g.member().get(f"{ROOT}/{image['id']}/members")).json["members"]
        assert member["member_id"] == "p2" and await g.names("tag=t") == await g.names("os_distro=x") == [image["name"]]
        assert (await restore(g, image["id"])).status == 404
        assert (await g.member().delete(f"{ROOT}/{other['id']}")).status == 204


async def test_when_the_time_is_over_the_bytes_are_scrubbed():
    async with glance(**LATE) as g:
        image = await deleted(g)
        await g.clock_on(3601)
        assert await g.images.scrubbing.scrub() == "scrubbed 1" and g.files() == []
        assert (await restore(g, image["id"])).status == 404
        assert (await g.member().post(ROOT, {"id": image["id"], "name": "trojan"})).status == 409      # its id stays spent


async def test_scrubbed_or_restored_but_never_both():
    async with glance(**LATE) as g:
        images = [await deleted(g) for _ in range(5)]
        await g.clock_on(3601)
        got = await asyncio.gather(g.images.scrubbing.scrub(), *(restore(g, image["id"]) for image in images))
        back = [image for image, answer in zip(images, got[1:], strict=True) if answer.status == 200]
        assert len(g.files()) == len(back)
        for image in back:
            assert (await g.member().get(f"{ROOT}/{image['id']}/file")).data == b"bytes"


async def test_an_image_without_bytes_is_not_kept():
    async with glance(**LATE) as g:
        image = await g.make()
        await g.member().delete(f"{ROOT}/{image['id']}")
        assert (await restore(g, image["id"])).status == 404


async def test_a_deleted_image_is_in_no_cache():
    async with glance(**LATE) as g:
        image = await g.filled(b"bytes")
        await g.admin().put(f"/image/v2/cache/{image['id']}")
        await g.images.cache.prefetch()
        await g.member().delete(f"{ROOT}/{image['id']}")
        assert (await g.admin().get("/image/v2/cache")).json == {"cached_images": [], "queued_images": []}


@pytest.mark.database
@pytest.mark.realtime
async def test_on_a_database_server(database_url):
    async with glance(database_url, hash_threads=1, **LATE) as g:
        image = await deleted(g)
        await g.images.uploads.sweep()
        assert await g.images.scrubbing.scrub() is None and len(g.files()) == 1
        got = await asyncio.gather(*(restore(g, image["id"]) for _ in range(3)))
        assert sorted(answer.status for answer in got) == [200, 404, 404]
        for _ in range(2):
            assert (await g.admin().put(f"/image/v2/cache/{image['id']}")).status == 202
        assert await g.images.cache.prefetch() == "cached 1, failed 0"
        assert await g.images.cache.copies.hit(image["id"], g.kit.clock.now())
        assert [copy.hits for copy in await g.images.cache.all()] == [1]
