"""Creating and changing images: what may be set, by whom, and what is refused without a trace."""

import pytest

from pileus.image.api.patch import NEW, OLD
from tests.image.service import RAW, ROOT, glance

ID = "11111111-2222-3333-4444-555555555555"


async def test_an_image_with_everything():
    async with glance() as g:
        sent = {"id": ID, "name": "ü", "visibility": "community", "disk_format": "qcow2", "container_format": "ovf", "min_disk": 3,
                "min_ram": 4, "protected": True, "os_hidden": True, "tags": ["x", "y", "x"], "ramdisk_id": "r", "a b/c~d": ""}
        made = await g.member().post(ROOT, sent)
        assert made.status == 201
        assert {k: made.json[k] for k in sent} == sent | {"tags": ["x", "y"]}
        assert await g.show(ID) == made.json
        assert (await g.member().post(ROOT, {"id": ID})).status == 409
        empty = await g.member().post(ROOT, {})
        assert empty.status == 201 and empty.json["name"] is None and empty.json["visibility"] == "shared"


@pytest.mark.parametrize("body, status", [
    ({"disk_format": "wrong"}, 400), ({"container_format": "wrong"}, 400), ({"visibility": "wrong"}, 400), ({"id": "x"}, 400),
    ({"name": "x" * 256}, 400), ({"name": 5}, 400), ({"min_disk": -1}, 400), ({"min_disk": "1"}, 400), ({"min_ram": 1 << 31}, 400),
    ({"protected": "yes"}, 400), ({"tags": "x"}, 400), ({"tags": ["x" * 256]}, 400), ({"prop": 5}, 400), ({"prop": None}, 400),
    ({"p" * 256: "x"}, 400), ({"": "x"}, 400), ([], 400), ("x", 400), ({"os_glance_x": "y"}, 403), ({"status": "active"}, 403),
    ({"size": 5}, 403), ({"checksum": "x"}, 403), ({"self": "x"}, 403), ({"file": "x"}, 403), ({"schema": "x"}, 403),
    ({"stores": "x"}, 403), ({"id": ID + "\n"}, 400), ({"name": "a\0b"}, 400),
    ({"created_at": "2026-01-01T00:00:00Z"}, 403), ({"deleted": "x"}, 403), ({"owner": "p2"}, 403), ({"visibility": "public"}, 403),
    ({"tags": [str(n) for n in range(129)]}, 413), ({f"p{n}": "x" for n in range(129)}, 413),
])
async def test_bodies_that_are_refused(body, status):
    async with glance() as g:
        got = await g.member().post(ROOT, body)
        assert got.status == status and got.json["message"], got.text
        assert await g.names("visibility=all") == []


async def test_who_may_create():
    async with glance() as g:
        assert (await g.reader().post(ROOT, RAW)).status == 403
        assert (await g.harness.as_("admin", system=True).post(ROOT, RAW)).status == 403
        made = await g.admin(project="p1").post(ROOT, {"owner": "somebody", "visibility": "public"})
        assert made.status == 201 and made.json["owner"] == "somebody"


@pytest.mark.parametrize("form", [NEW, OLD])
async def test_patches(form):
    def op(kind, path, *value):
        return ({"op": kind, "path": path} if form == NEW else {kind: path}) | ({"value": value[0]} if value else {})

    async with glance() as g:
        image = await g.make(old="1", gone="2")
        await g.clock_on(5)
        got = await g.patch(image["id"], op("replace", "/name", "new"), op("add", "/tags", ["z", "z"]), op("replace", "/old", "3"),
                            op("remove", "/gone"), op("add", "/a~1b~0c", "4"), op("add", "/min_disk", 7), op("replace", "/name", "newer"),
                            kind=form)
        assert got.status == 200, got.text
        wanted = image | {"name": "newer", "tags": ["z"], "old": "3", "a/b~c": "4", "min_disk": 7, "updated_at": "2026-01-01T00:00:05Z"}
        del wanted["gone"]
        assert got.json == wanted == await g.show(image["id"])
        assert await g.names("old=3") == ["newer"] and await g.names("gone=2") == [] and await g.names("tag=z") == ["newer"]


@pytest.mark.parametrize("change, status", [
    ({"op": "test", "path": "/name", "value": "x"}, 400), ({"op": "move", "path": "/name", "from": "/x"}, 400), ({"path": "/name"}, 400),
    ({"op": "add", "path": "/name"}, 400), ({"op": "add", "path": "name", "value": "x"}, 400), ({"op": "add", "path": 5}, 400),
    ({"op": "add", "path": "/tags/0", "value": "x"}, 400), ({"op": "add", "path": "/a~2b", "value": "x"}, 400),
    ({"op": "add", "path": "/", "value": "x"}, 400),
    ({"op": "replace", "path": "/visibility", "value": "x"}, 400), ({"op": "replace", "path": "/prop", "value": 5}, 400), ("x", 400),
    ({"op": "replace", "path": "/id", "value": ID}, 403), ({"op": "add", "path": "/os_glance_x", "value": "x"}, 403),
    ({"op": "remove", "path": "/name"}, 403), ({"op": "replace", "path": "/owner", "value": "p2"}, 403),
    ({"op": "replace", "path": "/visibility", "value": "public"}, 403), ({"op": "replace", "path": "/absent", "value": "x"}, 409),
    ({"op": "remove", "path": "/absent"}, 409), ({"op": "add", "path": "/tags", "value": [str(n) for n in range(129)]}, 413),
    ({"op": "replace", "path": "/created_at", "value": "x"}, 403), ({"op": "replace", "path": "/file", "value": "x"}, 403),
])
async def test_patches_that_are_refused_change_nothing(change, status):
    async with glance() as g:
        image = await g.make(prop="x")
        got = await g.patch(image["id"], {"op": "replace", "path": "/name", "value": "new"}, change)
        assert got.status == status, got.text
        assert await g.show(image["id"]) == image


async def test_patches_of_other_media_types():
    async with glance() as g:
        image = await g.make()
        for kind in ("application/json", "application/json-patch+json", "text/plain"):
            got = await g.patch(image["id"], {"op": "replace", "path": "/name", "value": "new"}, kind=kind)
            assert got.status == 415 and "v2.1-json-patch" in got.headers["accept-patch"]
        both = {"add": "/name", "replace": "/name", "value": "x"}
        assert (await g.patch(image["id"], both, kind=OLD)).status == 400
        assert (await g.member().patch(f"{ROOT}/{image['id']}", body=b"{}", headers={"Content-Type": NEW})).status == 400
        assert (await g.member().patch(f"{ROOT}/{image['id']}", body=b"[", headers={"Content-Type": NEW})).status == 400
        assert await g.show(image["id"]) == image


async def test_who_may_change():
    async with glance() as g:
        admin = g.admin(project="p9")
        image = await g.filled(b"x", visibility="community")
        rename = {"op": "replace", "path": "/name", "value": "mine"}
        assert (await g.patch(image["id"], rename, caller=g.member("p2"))).status == 403
        assert (await g.patch(image["id"], rename, caller=g.reader())).status == 403
        assert (await g.member("p2").delete(f"{ROOT}/{image['id']}")).status == 403
        assert (await g.patch(image["id"], rename, caller=admin)).status == 200
        assert (await g.patch(image["id"], {"op": "replace", "path": "/visibility", "value": "public"}, caller=admin)).status == 200
        assert (await g.patch(image["id"], rename)).status == 200          # its owner may still change what is public already
        moved = await g.patch(image["id"], {"op": "replace", "path": "/owner", "value": "p2"}, caller=admin)
        assert moved.status == 200 and moved.json["owner"] == "p2"
        assert (await g.patch(image["id"], rename)).status == 403


async def test_formats_are_fixed_once_there_are_bytes():
    async with glance() as g:
        image = await g.make(disk_format=None, container_format=None)
        got = await g.patch(image["id"], {"op": "add", "path": "/disk_format", "value": "raw"},
                            {"op": "replace", "path": "/container_format", "value": "bare"})
        assert got.status == 200
        assert (await g.upload(image["id"], b"x")).status == 204
        for name, value in (("disk_format", "qcow2"), ("container_format", "ova")):
            assert (await g.patch(image["id"], {"op": "replace", "path": f"/{name}", "value": value})).status == 403


async def test_protected_images_stay():
    async with glance() as g:
        image = await g.filled(b"x", protected=True)
        got = await g.member().delete(f"{ROOT}/{image['id']}")
        assert got.status == 403 and "protected" in got.json["message"]
        assert (await g.member().get(f"{ROOT}/{image['id']}/file")).data == b"x"
        assert (await g.patch(image["id"], {"op": "replace", "path": "/protected", "value": False})).status == 200
        assert (await g.member().delete(f"{ROOT}/{image['id']}")).status == 204


async def test_tags():
    async with glance() as g:
        image = await g.make()
        tags = f"{ROOT}/{image['id']}/tags"
        assert (await g.member().put(f"{tags}/one")).status == 204
        assert (await g.member().put(f"{tags}/one")).status == 204
        assert (await g.member().put(f"{tags}/two%20words")).status == 204
        assert (await g.show(image["id"]))["tags"] == ["one", "two words"]
        assert (await g.member().put(f"{tags}/{'x' * 256}")).status == 400
        assert (await g.reader().put(f"{tags}/three")).status == 403
        assert (await g.member().delete(f"{tags}/one")).status == 204
        assert (await g.member().delete(f"{tags}/one")).status == 404
        assert await g.names("tag=one") == [] and await g.names("tag=two%20words") == ["i"]


async def test_deactivated_images_are_not_downloaded():
    async with glance() as g:
        image = await g.make()
        url = f"{ROOT}/{image['id']}"
        assert (await g.member().post(f"{url}/actions/deactivate")).status == 403
        await g.upload(image["id"], b"x")
        assert (await g.member("p2").post(f"{url}/actions/deactivate")).status == 404
        for _ in range(2):
            assert (await g.member().post(f"{url}/actions/deactivate")).status == 204
        assert (await g.show(image["id"]))["status"] == "deactivated"
        assert (await g.member().get(f"{url}/file")).status == 403
        assert (await g.admin().get(f"{url}/file")).data == b"x"
        for _ in range(2):
            assert (await g.member().post(f"{url}/actions/reactivate")).status == 204
        assert (await g.member().get(f"{url}/file")).data == b"x"
