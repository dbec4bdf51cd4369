"""Images made of servers."""

import pytest

from pileus.compute.sagas.snapshot import TAKE_SNAPSHOT
from tests.compute.test_sagas import sabotage
from tests.sagas import interruptions, settle

COMPUTE, IMAGE = "/compute/v2.1", "/image/v2/images"


async def images_of(cloud, id):
    found = (await (await cloud.as_()).get(f"{IMAGE}?instance_uuid={id}&visibility=all")).json["images"]
    return [image["name"] for image in found]


@pytest.mark.parametrize("before, status", [(None, "ACTIVE"), ("os-stop", "SHUTOFF"), ("pause", "PAUSED"), ("suspend", "SUSPENDED")])
async def test_a_server_is_started_from_its_image(cloud, before, status):
    id = await cloud.boot()
    if before:
        await cloud.act(id, before)
        await cloud.settle(70)
    cloud.drivers["h1"].delays = {"snapshot": 5}
    got = await cloud.act(id, "createImage", {"name": "copy", "metadata": {"color": "blue"}})
    assert got.status == 202
    image_id = got.json["image_id"]
    member = await cloud.as_()
    assert (await member.get(f"{IMAGE}/{image_id}")).json["status"] == "queued"
    assert (await cloud.show(id))["OS-EXT-STS:task_state"].startswith("image_snapshot")
    assert (await cloud.act(id, "createImage", {"name": "again"})).status == 409
    await cloud.settle(10)
    assert (await cloud.show(id))["status"] == status and (await cloud.show(id))["OS-EXT-STS:task_state"] is None
    image = (await member.get(f"{IMAGE}/{image_id}")).json
    assert (image["status"], image["visibility"], image["owner"]) == ("active", "private", await cloud.project())
    assert image["instance_uuid"] == id and image["image_type"] == "snapshot" and image["base_image_ref"] == await cloud.image()
    assert image["color"] == "blue" and image["user_id"]
    other = await cloud.boot(imageRef=image_id)
    await cloud.assert_clean(servers={id, other})
    actions = (await member.get(f"{COMPUTE}/servers/{id}/os-instance-actions")).json["instanceActions"]
    assert actions[0]["action"] == "createImage" and actions[0]["message"] is None


async def test_where_the_image_is_was_a_header_before_2_45(cloud):
    id = await cloud.boot()
    got = await cloud.act(id, "createImage", {"name": "copy"}, version="2.44")
    await cloud.settle()
    assert got.status == 202 and got.headers["location"].endswith("/images/" + got.headers["location"][-36:])
    assert (await (await cloud.as_()).get(f"{IMAGE}/{got.headers['location'][-36:]}")).json["status"] == "active"


async def test_bad_orders_change_nothing(cloud):
    id = await cloud.boot()
    for body in ({}, {"name": ""}, {"name": "x", "metadata": {"": "v"}}, {"name": "x", "what": 1}, {"name": "x" * 256}):
        assert (await cloud.act(id, "createImage", body)).status == 400
    for body in ({"name": "x"}, {"name": "x", "backup_type": "d", "rotation": -1}, {"name": "x", "backup_type": "d", "rotation": "many"}):
        assert (await cloud.act(id, "createBackup", body)).status == 400
    assert (await cloud.act(id, "createImage", {"name": "x", "metadata": {f"k{n}": "v" for n in range(129)}})).status == 403
    assert (await cloud.act(id, "createImage", {"name": "x"}, cloud="pileus-alt")).status == 404
    await cloud.act(id, "lock", None, cloud="pileus-admin")
    assert (await cloud.act(id, "createImage", {"name": "x"})).status == 409
    assert await images_of(cloud, id) == [] and (await cloud.show(id))["OS-EXT-STS:task_state"] is None


async def test_backups_are_rotated(cloud):
    id = await cloud.boot()
    for n in range(4):
        got = await cloud.act(id, "createBackup", {"name": f"b{n}", "backup_type": "daily", "rotation": 2})
        assert got.status == 202 and got.json["image_id"]
        await cloud.settle()
    await cloud.act(id, "createBackup", {"name": "w", "backup_type": "weekly", "rotation": "1"})
    await cloud.settle()
    assert await images_of(cloud, id) == ["w", "b3", "b2"]
    got = await cloud.act(id, "createBackup", {"name": "none", "backup_type": "daily", "rotation": 0})
    await cloud.settle()
    assert got.status == 202 and await images_of(cloud, id) == ["w"]


async def test_a_backup_may_have_no_type(cloud):
    """As `openstack server backup create` orders it without `--type`."""
    id = await cloud.boot()
    for n in range(2):
        assert (await cloud.act(id, "createBackup", {"name": f"b{n}", "backup_type": "", "rotation": 1})).status == 202
        await cloud.settle()
    assert await images_of(cloud, id) == ["b1"]


async def test_a_deleted_server_takes_its_unfinished_image_along(cloud):
    id = await cloud.boot()
    cloud.drivers["h1"].delays = {"snapshot": 1000}
    await cloud.act(id, "createImage", {"name": "copy"})
    member = await cloud.as_()
    assert (await member.delete(f"{COMPUTE}/servers/{id}")).status == 204
    await cloud.settle()
    assert await cloud.show(id) is None and await images_of(cloud, id) == []
    await cloud.assert_clean()


async def test_a_deleted_image_ends_its_making(cloud):
    id = await cloud.boot()
    cloud.drivers["h1"].delays = {"snapshot": 5}
    image_id = (await cloud.act(id, "createImage", {"name": "copy"})).json["image_id"]
    assert (await (await cloud.as_()).delete(f"{IMAGE}/{image_id}")).status == 204
    await cloud.settle(10)
    server = await cloud.show(id)
    assert server["status"] == "ACTIVE" and server["OS-EXT-STS:task_state"] is None
    assert await images_of(cloud, id) == []
    assert list((cloud.state / "work" / "h1").iterdir()) == []


@pytest.mark.parametrize("cut", interruptions(TAKE_SNAPSHOT), ids=str)
async def test_any_interruption(cloud, cut):
    id = await cloud.boot()
    sabotage(cloud, TAKE_SNAPSHOT, cut)
    got = await cloud.act(id, "createImage", {"name": "copy"})
    await settle(cloud.cloud.kit.sagas)
    await cloud.settle()
    assert (await cloud.show(id))["status"] == "ACTIVE"
    image = await (await cloud.as_()).get(f"{IMAGE}/{got.json['image_id']}")
    assert (image.status == 404) if cut.how in ("before", "after") else (image.json["status"] == "active")
    await cloud.assert_clean(servers={id})


async def test_a_killed_process_takes_up_the_image_again(cloud):
    id = await cloud.boot()
    cloud.drivers["h1"].delays = {"snapshot": 5}
    image_id = (await cloud.act(id, "createImage", {"name": "copy"})).json["image_id"]
    await cloud.die()
    await cloud.start()
    await cloud.settle(10)
    assert (await (await cloud.as_()).get(f"{IMAGE}/{image_id}")).json["status"] == "active"
    await cloud.assert_clean(servers={id})
