"""Every state and every action: the table of `model` is what happens, and a lost race changes nothing."""

import asyncio

import pytest

from pileus.image.model import STATUSES, TRANSITIONS
from tests.image.service import BINARY, ROOT, glance
from tests.wire import pieces

ACTIONS = {
    "upload": ("PUT", "/file", b"again", BINARY),
    "deactivate": ("POST", "/actions/deactivate", b"", {}),
    "reactivate": ("POST", "/actions/reactivate", b"", {}),
}


async def an_image(g, status):
    """An image in that state, and the upload that keeps it there."""
    image = await g.make()
    if status == "saving":
        upload = asyncio.create_task(g.send(image["id"], pieces(b"a", b"b", pause=20)))
        await g.clock_on(30)
        return image["id"], upload
    if status == "uploading":
        await g.member().put(f"{ROOT}/{image['id']}/stage", body=b"ab", headers=BINARY)
        return image["id"], None
    if status == "importing":
        g.images.imports.fetch = lambda uri, config: pieces(b"a", b"b", pause=20)
        await g.member().post(f"{ROOT}/{image['id']}/import", {"method": {"name": "web-download", "uri": "http://example.org/"}})
        return image["id"], None
    if status != "queued":
        await g.upload(image["id"], b"ab")
    if status == "deactivated":
        await g.member().post(f"{ROOT}/{image['id']}/actions/deactivate")
    return image["id"], None


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("action", ACTIONS)
async def test_every_action_in_every_state(status, action):
    method, path, body, headers = ACTIONS[action]
    async with glance() as g:
        id, upload = await an_image(g, status)
        assert (await g.show(id))["status"] == status
        got = await g.member().request(method, f"{ROOT}/{id}{path}", body=body, headers=headers)
        allowed, to = TRANSITIONS[action]
        if status in allowed:
            assert got.status == 204
            assert (await g.show(id))["status"] == ("active" if action == "upload" else to)
        else:
            assert got.status == (403 if action.endswith("activate") else 409) and status in got.json["message"]
            assert (await g.show(id))["status"] == status
        if upload is not None:
            assert (await upload).status == 204


@pytest.mark.parametrize("status", STATUSES)
async def test_an_image_is_deleted_in_every_state(status):
    async with glance() as g:
        id, upload = await an_image(g, status)
        assert (await g.member().delete(f"{ROOT}/{id}")).status == 204
        if upload is not None:
            assert (await upload).status == 410
        await g.kit.sagas.drain()
        assert await g.show(id) is None and g.files() == []


async def test_one_of_two_uploads_wins():
    async with glance() as g:
        image = await g.make()
        answers = await asyncio.gather(*(g.send(image["id"], pieces(bytes([n]), pause=1)) for n in range(5)))
        assert sorted(a.status for a in answers) == [204, 409, 409, 409, 409]
        assert len(g.files()) == 1 and (await g.show(image["id"]))["size"] == 1
