"""copy-image: an active image goes to further stores, or stays where it was."""

import pytest

from pileus.image.sagas.copy_image import COPY_IMAGE
from tests.image.service import ROOT, glance
from tests.image.test_stores import FILES, breaks, counts, done, import_
from tests.sagas import arm, interrupted, interruptions, settle

METHODS = ["glance-direct", "web-download", "copy-image"]


def several(**options):
    return glance(files=FILES, import_methods=METHODS, **options)


async def copy(g, id, caller=None, **more):
    return await import_(g, id, "copy-image", caller or g.admin(), **more)


@pytest.mark.parametrize("more, expected", [
    ({"stores": ["cheap"]}, "cheap,fast"), ({"all_stores": True}, "cheap,fast,spare"), ({"stores": ["spare", "cheap"]}, "cheap,fast,spare"),
])
async def test_an_image_is_copied(more, expected):
    async with several() as g:
        image = await g.filled(b"bytes" * 1000)
        assert (await copy(g, image["id"], **more)).status == 202
        found, task = await done(g, image["id"])
        assert (found["stores"], found["status"], task["status"]) == (expected, "active", "success")
        assert (found["os_glance_importing_to_stores"], found["os_glance_failed_import"]) == ("", "")
        for store in expected.split(","):
            assert (g.folder.parent / store / g.files(store)[0]).read_bytes() == b"bytes" * 1000
        assert (await copy(g, image["id"], stores=["cheap"])).status == 400                 # it is there
        assert (await copy(g, image["id"], all_stores=True)).status == 202                  # and where it is not, it comes
        await done(g, image["id"])
        assert counts(g) == [1, 1, 1]
        assert (await copy(g, image["id"], all_stores=True)).status == 202
        assert await g.kit.sagas.open() == []
        assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204 and counts(g) == [0, 0, 0]


async def test_what_is_not_copied():
    async with several() as g:
        image = await g.make()
        assert (await copy(g, image["id"], all_stores=True)).status == 409                  # there are no bytes
        await g.upload(image["id"], b"x")
        assert (await copy(g, image["id"], g.member(), stores=["cheap"])).status == 403
        assert (await copy(g, image["id"], stores=["nowhere"])).status == 409
        await g.member().post(f"{ROOT}/{image['id']}/actions/deactivate")
        assert (await copy(g, image["id"], stores=["cheap"])).status == 409
        assert counts(g) == [1, 0, 0] and "os_glance_failed_import" not in await g.show(image["id"])
    async with glance(files=FILES, import_methods=["glance-direct"]) as g:
        assert (await copy(g, (await g.filled())["id"], stores=["cheap"])).status == 400    # the method is not offered


async def test_while_it_is_copied_it_stays():
    async with several() as g:
        image = await g.filled(b"x")
        real = g.images.stores.writable["cheap"].put

        async def slow(key, blocks):
            await g.clock_on(60)
            await real(key, blocks)

        g.images.stores.writable["cheap"].put = slow
        await copy(g, image["id"], stores=["cheap"])
        await g.clock_on(10)
        assert (await g.show(image["id"]))["os_glance_importing_to_stores"] == "cheap"
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).data == b"x"
        for refused in (await g.member().delete(f"{ROOT}/{image['id']}"), await copy(g, image["id"], stores=["spare"]),
                        await g.admin().delete(f"/image/v2/stores/fast/{image['id']}")):
            assert refused.status == 409 and "cheap" in refused.json["message"]
        assert await g.images.uploads.sweep() is None
        assert (await done(g, image["id"]))[0]["stores"] == "cheap,fast"
        assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204 and counts(g) == [0, 0, 0]


async def test_what_the_cloud_itself_discards_is_gone_when_the_copy_ends():
    async with several() as g:
        image = await g.filled(b"x")
        real = g.images.stores.writable["cheap"].put

        async def slow(key, blocks):
            await real(key, blocks)
            await g.clock_on(60)

        g.images.stores.writable["cheap"].put = slow
        await copy(g, image["id"], stores=["cheap"])
        await g.clock_on(10)
        await g.images.discard(await g.images.get(image["id"], "p1"))
        await g.kit.sagas.drain()
        assert counts(g) == [0, 0, 0]


@pytest.mark.parametrize("must", [True, False])
@pytest.mark.parametrize("broken", [("spare",), ("cheap", "spare")])
async def test_a_store_that_fails(broken, must):
    async with several() as g:
        image = await g.filled(b"x")
        breaks(g, *broken)
        await copy(g, image["id"], all_stores=True, all_stores_must_succeed=must)
        found, task = await done(g, image["id"])
        reached = not must and broken == ("spare",)
        assert (found["stores"], found["status"]) == ("cheap,fast" if reached else "fast", "active")
        assert task["status"] == ("success" if reached else "failure") and "spare" in found["os_glance_failed_import"] + ",".join(broken)
        assert found["os_glance_importing_to_stores"] == "" and counts(g) == [1, int(reached), 0]


async def test_a_store_that_gives_other_bytes_spoils_no_other():
    async with several() as g:
        image = await g.filled(b"bytes")
        stored = g.folder.parent / "fast" / g.files("fast")[0]
        for other in (b"BYTES", b"byte"):
            stored.write_bytes(other)
            await copy(g, image["id"], stores=["cheap"])
            found, task = await done(g, image["id"])
            assert (found["stores"], task["status"]) == ("fast", "failure") and counts(g) == [1, 0, 0]


@pytest.mark.parametrize("cut", interruptions(COPY_IMAGE), ids=str)
async def test_any_interruption(cut):
    async with several() as g:
        image = await g.filled(b"bytes")
        g.kit.sagas.register(interrupted(COPY_IMAGE, cut), g.images.imports)
        arm(g.kit.sagas, COPY_IMAGE, cut)
        assert (await copy(g, image["id"], all_stores=True)).status == 202
        await settle(g.kit.sagas)
        found, task = await done(g, image["id"])
        whole = cut.how not in ("before", "after")
        assert (found["stores"], task["status"]) == (("cheap,fast,spare", "success") if whole else ("fast", "failure"))
        assert found["status"] == "active" and counts(g) == ([1, 1, 1] if whole else [1, 0, 0])


async def test_a_copy_that_is_undone_never_was_the_last():
    """Between the copy and the end of its saga the image was taken out of the store that it came from."""
    async with several() as g:
        image = await g.filled(b"bytes")
        await copy(g, image["id"], stores=["cheap"])
        await done(g, image["id"])
        assert (await g.admin().delete(f"/image/v2/stores/fast/{image['id']}")).status == 204
        stored = await g.images.get(image["id"], "p1")
        [task] = await g.images.imports.tasks.of_image(image["id"])
        await g.images.imports.undo_copy(COPY_IMAGE.state(image_id=stored.id, task_id=task.id, blob=stored.blob, stores=["cheap"]), "so")
        assert (await g.show(image["id"]))["stores"] == "cheap" and counts(g) == [0, 1, 0]
