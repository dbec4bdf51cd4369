"""Rebuilding servers."""

import pytest

from pileus.compute.sagas.rebuild import REBUILD
from tests.compute.test_sagas import sabotage
from tests.sagas import interruptions, settle

COMPUTE = "/compute/v2.1"


async def test_a_server_is_rebuilt_under_the_same_address(cloud):
    id = await cloud.boot(networks=[{"uuid": await cloud.network()}], metadata={"old": "1"})
    before, image = await cloud.show(id), await cloud.image()
    got = await cloud.act(id, "rebuild", {"imageRef": image, "name": "new", "metadata": {"a": "b"}, "adminPass": "geheim",
                                          "accessIPv4": "1.2.3.4", "description": "d", "hostname": "host-x", "user_data": "aGVsbG8="})
    assert got.status == 202, got.text
    view = got.json["server"]
    assert view["adminPass"] == "geheim" and view["status"] == "REBUILD" and view["name"] == "new" and view["user_data"] == "aGVsbG8="
    assert "OS-EXT-SRV-ATTR:user_data" not in view
    await cloud.settle()
    server = await cloud.show(id)
    assert server["status"] == "ACTIVE" and server["metadata"] == {"a": "b"} and server["OS-EXT-SRV-ATTR:hostname"] == "host-x"
    assert server["addresses"] == before["addresses"] and server["accessIPv4"] == "1.2.3.4" and server["description"] == "d"
    assert cloud.drivers["h1"].guest(id).boots == 1, "it is a new guest"
    await cloud.assert_clean(servers={id})
    (action, *_) = (await (await cloud.as_()).get(f"{COMPUTE}/servers/{id}/os-instance-actions")).json["instanceActions"]
    assert (action["action"], action["message"]) == ("rebuild", None)


async def test_another_image_is_remembered(cloud):
    id = await cloud.boot()
    image_id = (await cloud.act(id, "createImage", {"name": "copy", "metadata": {"os_distro": "own"}})).json["image_id"]
    await cloud.settle()
    assert (await cloud.act(id, "rebuild", {"imageRef": image_id})).status == 202
    await cloud.settle()
    server = await cloud.show(id, version="2.98")
    assert server["image"]["id"] == image_id and server["image"]["properties"]["os_distro"] == "own"
    assert cloud.drivers["h1"].spec(id).root.base.endswith(image_id)


async def test_one_that_was_off_is_off_afterwards(cloud):
    id = await cloud.boot()
    await cloud.act(id, "os-stop")
    await cloud.settle(70)
    assert (await cloud.act(id, "rebuild", {"imageRef": await cloud.image()})).status == 202
    await cloud.settle()
    server = await cloud.show(id)
    assert server["status"] == "SHUTOFF" and server["OS-EXT-STS:power_state"] == 4


async def test_bad_orders_change_nothing(cloud):
    id, image = await cloud.boot(), await cloud.image()
    before = await cloud.show(id)
    for body in ({}, {"imageRef": ""}, {"imageRef": "0" * 36}, {"imageRef": "11111111-1111-4111-8111-111111111111"},
                 {"imageRef": image, "name": " "}, {"imageRef": image, "key_name": "none"}, {"imageRef": image, "user_data": "%"},
                 {"imageRef": image, "accessIPv4": "::1"}, {"imageRef": image, "preserve_ephemeral": True},
                 {"imageRef": image, "personality": []}):
        assert (await cloud.act(id, "rebuild", body)).status == 400, body
    assert (await cloud.act(id, "rebuild", {"imageRef": image, "hostname": "x"}, version="2.89")).status == 400
    assert (await cloud.act(id, "rebuild", {"imageRef": image, "hostname": "host.domain"}, version="2.93")).status == 400
    assert (await cloud.act(id, "rebuild", {"imageRef": image}, cloud="pileus-alt")).status == 404
    await cloud.act(id, "pause")
    await cloud.settle()
    got = await cloud.act(id, "rebuild", {"imageRef": image})
    assert got.status == 409 and "vm_state paused" in got.json["conflictingRequest"]["message"]
    await cloud.act(id, "unpause")
    await cloud.settle()
    assert {k: v for k, v in (await cloud.show(id)).items() if k != "updated"} == {k: v for k, v in before.items() if k != "updated"}


async def test_a_key_pair_is_changed_or_taken_away(cloud):
    member = await cloud.as_()
    await member.post(f"{COMPUTE}/os-keypairs", {"keypair": {"name": "k"}})
    id, image = await cloud.boot(), await cloud.image()
    for name in ("k", None):
        assert (await cloud.act(id, "rebuild", {"imageRef": image, "key_name": name})).json["server"]["key_name"] == name
        await cloud.settle()
        assert (await cloud.show(id))["key_name"] == name


async def test_a_failed_rebuild_is_an_error_and_can_be_repeated(cloud):
    id, image = await cloud.boot(), await cloud.image()
    cloud.drivers["h1"].fails = {"spawn"}
    await cloud.act(id, "rebuild", {"imageRef": image})
    await cloud.settle()
    server = await cloud.show(id)
    assert server["status"] == "ERROR" and server["fault"]["message"] and server["OS-EXT-STS:task_state"] is None
    cloud.drivers["h1"].fails = set()
    assert (await cloud.act(id, "rebuild", {"imageRef": image})).json["server"]["status"] == "REBUILD"
    await cloud.settle()
    assert (await cloud.show(id))["status"] == "ACTIVE"
    await cloud.assert_clean(servers={id})


async def test_delete_wins(cloud):
    id = await cloud.boot()
    cloud.drivers["h1"].delays = {"spawn": 1000}
    await cloud.act(id, "rebuild", {"imageRef": await cloud.image()})
    await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")
    await cloud.settle()
    assert await cloud.show(id) is None
    await cloud.assert_clean()


@pytest.mark.parametrize("cut", interruptions(REBUILD), ids=str)
async def test_any_interruption(cloud, cut):
    id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    sabotage(cloud, REBUILD, cut)
    await cloud.act(id, "rebuild", {"imageRef": await cloud.image()})
    await settle(cloud.cloud.kit.sagas)
    await cloud.settle()
    failed = cut.how in ("before", "after")
    server = await cloud.show(id)
    assert server["status"] == ("ERROR" if failed else "ACTIVE") and server["OS-EXT-STS:task_state"] is None
    if failed:
        cloud.cloud.kit.sagas.register(REBUILD, cloud.cloud.services.compute.conductor)
        await cloud.act(id, "rebuild", {"imageRef": await cloud.image()})
        await cloud.settle()
    await cloud.assert_clean(servers={id})
