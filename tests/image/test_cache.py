"""The cache: what is in a distant store is fetched once, for those who may have it; never more than the folder may take."""

import pytest

from pileus.image.periodic import prune_cache
from tests.image.service import ROOT, glance

CACHE = "/image/v2/cache"
DAY = 86400


class Distant:
    """A store that is not of this host, and counts how often it is read."""

    def __init__(self, blobs):
        self.blobs, self.reads = blobs, 0
        self.put, self.delete, self.keys = blobs.put, blobs.delete, blobs.keys

    async def read(self, key, start=0, length=None):
        self.reads += 1
        async for block in self.blobs.read(key, start, length):
            yield block


def distant(g):
    store = Distant(g.images.stores.writable["file"])
    g.images.stores.writable["file"] = g.images.stores.all["file"] = store
    return store


async def data(g, id, caller=None, **headers):
    return await (caller or g.member()).get(f"{ROOT}/{id}/file", headers=headers)


async def cached(g):
    shown = (await g.admin().get(CACHE)).json
    return [copy["image_id"] for copy in shown["cached_images"]], shown["queued_images"]


def copies(g):
    return sorted(path.name for path in g.images.cache.files.folders[0].iterdir())


async def test_a_distant_image_is_fetched_once():
    async with glance() as g:
        store, image = distant(g), await g.filled(b"0123456789")
        assert (await data(g, image["id"])).data == b"0123456789" and store.reads == 1
        assert await cached(g) == ([], [image["id"]])
        assert await g.images.cache.prefetch() == "cached 1, failed 0" and store.reads == 2
        await g.clock_on(60)
        for _ in range(3):
            assert (await data(g, image["id"])).data == b"0123456789"
        assert (await data(g, image["id"], Range="bytes=2-4")).data == b"234"
        assert store.reads == 2 and copies(g) == [image["id"]]
        [copy] = (await g.admin().get(CACHE)).json["cached_images"]
        assert (copy["hits"], copy["size"]) == (4, 10) and copy["last_accessed"] >= copy["last_modified"] + 60
        assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204
        assert copies(g) == [] and await cached(g) == ([], [])


async def test_an_image_of_this_host_is_read_where_it_is():
    async with glance() as g:
        image = await g.filled(b"bytes")
        await data(g, image["id"])
        assert await cached(g) == ([], [])
        assert (await g.admin().put(f"{CACHE}/{image['id']}")).status == 202
        await g.images.cache.prefetch()
        copy = g.images.cache.files.path(image["id"])
        assert await cached(g) == ([image["id"]], []) and copy.stat().st_nlink == 2          # it takes no space


async def test_ossa_2013_027_the_rules_hold_for_what_is_cached():
    """Row 15: who may not download an image does not get its copy."""
    async with glance() as g:
        distant(g)
        image = await g.filled(b"secret", visibility="private")
        await data(g, image["id"])
        await g.images.cache.prefetch()
        assert copies(g) == [image["id"]]
        assert (await data(g, image["id"], g.reader())).status == 403
        assert (await data(g, image["id"], g.member("p2"))).status == 404
        assert (await g.member().post(f"{ROOT}/{image['id']}/actions/deactivate", {})).status == 204
        assert (await data(g, image["id"])).status == 403
        assert (await data(g, image["id"], g.admin())).data == b"secret"


async def test_administrators_look_after_the_cache():
    async with glance() as g:
        first, second = await g.filled(b"1"), await g.filled(b"2")
        for method, path in (("GET", CACHE), ("DELETE", CACHE), ("PUT", f"{CACHE}/{first['id']}"), ("DELETE", f"{CACHE}/{first['id']}")):
            assert (await g.member().request(method, path)).status == (await g.reader().request(method, path)).status == 403
        assert (await g.admin().put(f"{CACHE}/absent")).status == 404
        assert (await g.admin().put(f"{CACHE}/{(await g.make())['id']}")).status == 400          # has no data
        for image in (first, second, first):
            assert (await g.admin().put(f"{CACHE}/{image['id']}")).status == 202
        assert await cached(g) == ([], [first["id"], second["id"]])
        assert (await g.admin().delete(f"{CACHE}/{second['id']}")).status == 204
        assert (await g.admin().delete(f"{CACHE}/{second['id']}")).status == 404
        await g.images.cache.prefetch()
        assert (await g.admin().put(f"{CACHE}/{second['id']}")).status == 202
        assert await cached(g) == ([first["id"]], [second["id"]])


@pytest.mark.parametrize("target, left", [("cache", ([], ["queued"])), ("queue", (["cached"], [])), (None, ([], [])), ("invalid", None),
                                          ("CACHE", ([], ["queued"])), ("", ([], []))])
async def test_clearing(target, left):
    async with glance() as g:
        names = {}
        for name in ("cached", "queued"):
            image = await g.filled(b"x")
            names[name] = image["id"]
            await g.admin().put(f"{CACHE}/{image['id']}")
            if name == "cached":
                await g.images.cache.prefetch()
        got = await g.admin().delete(CACHE, headers={} if target is None else {"x-image-cache-clear-target": target})
        expected = left or (["cached"], ["queued"])
        assert got.status == (204 if left else 400)
        assert await cached(g) == tuple([names[name] for name in part] for part in expected)
        assert copies(g) == [names[name] for name in expected[0]]


async def test_the_least_recently_read_copies_make_room():
    async with glance(cache_max_bytes=25) as g:
        distant(g)
        images = [await g.filled(b"x" * 10) for _ in range(4)]
        for image in images[:3]:
            await data(g, image["id"])
            await g.images.cache.prefetch()
            await g.clock_on(10)
        await data(g, images[0]["id"])
        assert await g.images.cache.prune() == (1, 10)
        assert sorted((await cached(g))[0]) == sorted([images[0]["id"], images[2]["id"]]) and len(copies(g)) == 2


async def test_an_image_larger_than_the_cache_is_not_cached():
    async with glance(cache_max_bytes=5) as g:
        distant(g)
        image = await g.filled(b"x" * 10)
        await data(g, image["id"])
        assert await g.images.cache.prefetch() == "cached 0, failed 1"
        assert await cached(g) == ([], []) and copies(g) == []


async def test_old_copies_and_what_is_nobodys_are_pruned():
    async with glance(cache_days=2) as g:
        distant(g)
        old, read = await g.filled(b"1"), await g.filled(b"2")
        for image in (old, read):
            await data(g, image["id"])
        await g.images.cache.prefetch()
        await g.clock_on(1.5 * DAY)
        await data(g, read["id"])
        await g.clock_on(DAY)
        (g.images.cache.files.folders[0] / "left-by-a-crash.part").write_bytes(b"x")
        assert await prune_cache(g.images) == "removed 2" and await prune_cache(g.images) is None
        assert copies(g) == [read["id"]]


async def test_administrators_clean_and_prune():
    async with glance(cache_max_bytes=25) as g:
        distant(g)
        images = [await g.filled(b"x" * 10) for _ in range(3)]
        for image in images:
            assert (await g.admin().put(f"{CACHE}/{image['id']}")).status == 202
            await g.images.cache.prefetch()
            await g.clock_on(10)
        (g.images.cache.files.folders[0] / "left-by-a-crash.part").write_bytes(b"x")
        for method, path in (("POST", f"{CACHE}/clean"), ("POST", f"{CACHE}/prune"), ("GET", f"{CACHE}/nodes/{images[0]['id']}")):
            assert (await g.member().request(method, path)).status == 403
        cleaned = await g.admin().post(f"{CACHE}/clean")
        assert (cleaned.status, cleaned.data) == (200, b"") and copies(g) == sorted(image["id"] for image in images)
        assert (await g.admin().get(f"{CACHE}/nodes/{images[0]['id']}")).json == [g.kit.sagas.owner]
        for left in ({"total_files_pruned": 1, "total_bytes_pruned": 10}, {"total_files_pruned": 0, "total_bytes_pruned": 0}):
            assert (await g.admin().post(f"{CACHE}/prune")).json == left
        assert (await g.admin().get(f"{CACHE}/nodes/{images[0]['id']}")).json == []
        assert (await g.admin().get(f"{CACHE}/nodes/absent")).status == 404


async def test_bytes_that_are_not_the_image_are_not_cached():
    async with glance() as g:
        store = distant(g)
        image = await g.filled(b"good")
        g.images.stores.writable["file"].blobs.path(g.files()[0]).write_bytes(b"evil")
        await data(g, image["id"])
        assert await g.images.cache.prefetch() == "cached 0, failed 1" and copies(g) == [] and store.reads == 2


async def test_a_copy_that_somebody_removed_is_fetched_again():
    async with glance() as g:
        distant(g)
        image = await g.filled(b"bytes")
        await data(g, image["id"])
        await g.images.cache.prefetch()
        g.images.cache.files.path(image["id"]).unlink()
        assert (await data(g, image["id"])).data == b"bytes"
        assert await cached(g) == ([], [image["id"]])


async def test_an_image_deleted_while_it_is_cached_leaves_no_copy():
    async with glance() as g:
        distant(g)
        image = await g.filled(b"bytes")
        await data(g, image["id"])
        put = g.images.cache.files.put

        async def deleting(key, blocks):
            assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204
            await put(key, blocks)

        g.images.cache.files.put = deleting
        await g.images.cache.prefetch()
        assert copies(g) == [] and g.files() == []


async def test_without_a_cache():
    async with glance(cache_max_bytes=0) as g:
        store, image = distant(g), await g.filled(b"bytes")
        for _ in range(2):
            assert (await data(g, image["id"])).data == b"bytes"
        assert store.reads == 2
        for method, path in (("GET", CACHE), ("DELETE", CACHE), ("PUT", f"{CACHE}/{image['id']}"), ("DELETE", f"{CACHE}/{image['id']}"),
                             ("POST", f"{CACHE}/clean"), ("POST", f"{CACHE}/prune"), ("GET", f"{CACHE}/nodes/{image['id']}")):
            assert (await g.admin().request(method, path)).status == 404
