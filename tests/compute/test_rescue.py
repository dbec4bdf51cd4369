"""Rescue and unrescue."""

import pytest

from pileus.compute.sagas.rescue import RESCUE, UNRESCUE
from tests.compute.test_sagas import sabotage
from tests.sagas import interruptions, settle

COMPUTE = "/compute/v2.1"


@pytest.mark.parametrize("before", [None, "os-stop"])
async def test_a_server_is_rescued_and_comes_back(cloud, before):
    id = await cloud.boot()
    if before:
        await cloud.act(id, before)
        await cloud.settle(70)
    got = await cloud.act(id, "rescue", {"adminPass": "geheim"})
    assert got.status == 200 and got.json == {"adminPass": "geheim"}
    await cloud.settle()
    server = await cloud.show(id)
    assert server["status"] == "RESCUE" and server["OS-EXT-STS:task_state"] is None
    rescue = cloud.drivers["h1"].guest(id).rescue
    assert rescue.root.base.endswith(await cloud.image()) and not rescue.stable
    for action in ("rescue", "pause", "os-stop"):
        got = await cloud.act(id, action)
        assert got.status == 409 and "vm_state rescued" in got.json["conflictingRequest"]["message"]
    await cloud.settle(100)
    assert (await cloud.show(id))["status"] == "RESCUE", "an audit leaves it alone"
    assert (await cloud.act(id, "unrescue")).status == 202
    await cloud.settle()
    assert (await cloud.show(id))["status"] == "ACTIVE" and cloud.drivers["h1"].guest(id).rescue is None
    assert (await cloud.act(id, "unrescue")).status == 409
    await cloud.assert_clean(servers={id})


async def test_an_image_says_how_it_rescues(cloud):
    id = await cloud.boot()
    properties = {"hw_rescue_device": "cdrom", "hw_rescue_bus": "ide"}
    image_id = (await cloud.act(id, "createImage", {"name": "rescue", "metadata": properties})).json["image_id"]
    await cloud.settle()
    assert (await cloud.act(id, "rescue", {"rescue_image_ref": image_id})).status == 200
    await cloud.settle()
    rescue = cloud.drivers["h1"].guest(id).rescue
    assert (rescue.stable, rescue.device, rescue.root.bus) == (True, "cdrom", "ide") and rescue.root.base.endswith(image_id)


async def test_bad_orders_change_nothing(cloud):
    id = await cloud.boot()
    for body in ({"rescue_image_ref": "x"}, {"rescue_image_ref": "11111111-1111-4111-8111-111111111111"}, {"what": 1}, {"adminPass": 1}):
        assert (await cloud.act(id, "rescue", body)).status == 400
    assert (await cloud.act(id, "rescue", None, cloud="pileus-alt")).status == 404
    assert (await cloud.show(id))["status"] == "ACTIVE"


async def test_what_fails_leaves_it_as_it_was(cloud):
    id = await cloud.boot()
    cloud.drivers["h1"].fails = {"rescue"}
    await cloud.act(id, "rescue")
    await cloud.settle()
    server = await cloud.show(id)
    assert server["status"] == "ACTIVE" and server["OS-EXT-STS:task_state"] is None
    cloud.drivers["h1"].fails = {"unrescue"}
    await cloud.act(id, "rescue")
    await cloud.settle()
    await cloud.act(id, "unrescue")
    await cloud.settle()
    assert (await cloud.show(id))["status"] == "RESCUE"
    cloud.drivers["h1"].fails = set()
    await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")
    await cloud.settle()
    await cloud.assert_clean()


@pytest.mark.parametrize("cut", interruptions(RESCUE), ids=str)
async def test_rescue_under_any_interruption(cloud, cut):
    id = await cloud.boot()
    sabotage(cloud, RESCUE, cut)
    await cloud.act(id, "rescue")
    await settle(cloud.cloud.kit.sagas)
    await cloud.settle()
    server, guest = await cloud.show(id), cloud.drivers["h1"].guest(id)
    assert server["OS-EXT-STS:task_state"] is None
    assert (server["status"] == "RESCUE") == (guest.rescue is not None)
    assert server["status"] == ("ACTIVE" if cut.how == "before" or (cut.how, cut.step) == ("after", 0) else "RESCUE")
    await cloud.assert_clean(servers={id})


@pytest.mark.parametrize("cut", [c for c in interruptions(UNRESCUE) if c.how not in ("before", "after")], ids=str)
async def test_unrescue_under_any_interruption(cloud, cut):
    id = await cloud.boot()
    await cloud.act(id, "rescue")
    await cloud.settle()
    sabotage(cloud, UNRESCUE, cut)
    await cloud.act(id, "unrescue")
    await settle(cloud.cloud.kit.sagas)
    await cloud.settle()
    assert (await cloud.show(id))["status"] == "ACTIVE"
    await cloud.assert_clean(servers={id})
