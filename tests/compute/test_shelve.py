"""Shelve, offload, unshelve."""

import pytest

from pileus.compute.sagas.shelve import OFFLOAD, SHELVE
from pileus.compute.sagas.unshelve import UNSHELVE
from tests.cloud import TestCloud
from tests.compute.test_sagas import sabotage
from tests.sagas import interruptions, settle

COMPUTE, IMAGE = "/compute/v2.1", "/image/v2/images"


async def images_of(cloud, id):
    return (await (await cloud.as_()).get(f"{IMAGE}?instance_uuid={id}&visibility=all")).json["images"]


async def nothing_held(cloud):
    """Of an offloaded server only its row, its ports and its image are left."""
    assert await cloud.guests() == set() and await cloud.cloud.kit.sagas.open() == []
    hosts = await cloud.cloud.services.compute.hosts.all()
    assert not any([await cloud.cloud.services.placement.allocations_on(h.id) for h in hosts])


@pytest.mark.parametrize("before", [None, "os-stop", "pause", "suspend"])
async def test_a_shelved_server_leaves_its_host_and_comes_back(cloud, before):
    id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    if before:
        await cloud.act(id, before)
        await cloud.settle(70)
    old = await cloud.show(id)
    assert (await cloud.act(id, "shelve")).status == 202
    await cloud.settle(70)
    server = await cloud.show(id)
    assert server["status"] == "SHELVED_OFFLOADED" and server["OS-EXT-SRV-ATTR:host"] is None, server
    assert server["addresses"] == old["addresses"] and server["OS-EXT-STS:power_state"] == 0
    (image,) = await images_of(cloud, id)
    assert (image["name"], image["status"]) == ("s-shelved", "active")
    await nothing_held(cloud)
    assert (await cloud.act(id, "shelve")).status == 409
    assert (await cloud.act(id, "unshelve")).status == 202
    await cloud.settle()
    server = await cloud.show(id)
    assert server["status"] == "ACTIVE" and server["addresses"] == old["addresses"] and server["image"] == old["image"]
    assert await images_of(cloud, id) == [] and (await cloud.act(id, "unshelve")).status == 409
    await cloud.assert_clean(servers={id})
    actions = (await (await cloud.as_()).get(f"{COMPUTE}/servers/{id}/os-instance-actions")).json["instanceActions"]
    assert [a["action"] for a in actions[:2]] == ["unshelve", "shelve"]


async def test_one_that_keeps_its_host_is_offloaded_by_order():
    async with TestCloud(compute={"shelved_offload_time_s": -1}) as cloud:
        id = await cloud.boot()
        await cloud.act(id, "shelve")
        await cloud.settle(300)
        server = await cloud.show(id)
        assert server["status"] == "SHELVED" and server["OS-EXT-SRV-ATTR:host"] == "h1"
        assert (await cloud.act(id, "shelveOffload")).status == 403
        await cloud.act(id, "unshelve")
        await cloud.settle()
        assert (await cloud.show(id))["status"] == "ACTIVE" and await images_of(cloud, id) == []
        await cloud.act(id, "shelve")
        await cloud.settle(70)
        assert (await cloud.act(id, "shelveOffload", None, cloud="pileus-admin")).status == 202
        await cloud.settle()
        assert (await cloud.show(id))["status"] == "SHELVED_OFFLOADED"
        await nothing_held(cloud)


async def test_one_is_offloaded_when_its_time_is_over():
    async with TestCloud(compute={"shelved_offload_time_s": 600}) as cloud:
        id = await cloud.boot()
        await cloud.act(id, "shelve")
        await cloud.settle(500)
        assert (await cloud.show(id))["status"] == "SHELVED"
        await cloud.settle(300)
        assert (await cloud.show(id))["status"] == "SHELVED_OFFLOADED"


async def test_where_to_can_be_said():
    async with TestCloud(hosts=3) as cloud:
        admin = (await cloud.as_("pileus-admin")).with_headers(OpenStack_API_Version="compute 2.96")
        host = list(cloud.drivers)[1]
        made = await admin.post(f"{COMPUTE}/os-aggregates", {"aggregate": {"name": "z", "availability_zone": "zone-1"}})
        await admin.post(f"{COMPUTE}/os-aggregates/{made.json['aggregate']['id']}/action", {"add_host": {"host": host}})
        id = await cloud.boot()
        assert (await cloud.act(id, "unshelve", {"availability_zone": "zone-1"})).status == 409
        await cloud.act(id, "shelve")
        await cloud.settle(70)
        for body, version in (({"availability_zone": "none"}, "2.96"), ({}, "2.90"), ({"host": host}, "2.90"), ({"what": 1}, "2.77"),
                              ({"availability_zone": None}, "2.77")):
            assert (await cloud.act(id, "unshelve", body, cloud="pileus-admin", version=version)).status == 400, body
        assert (await cloud.act(id, "unshelve", {"host": host})).status == 403
        assert (await cloud.act(id, "unshelve", {"availability_zone": "zone-1"})).status == 202
        await cloud.settle()
        server = await cloud.show(id)
        assert server["OS-EXT-SRV-ATTR:host"] == host and server["pinned_availability_zone"] == "zone-1"
        await cloud.act(id, "shelve")
        await cloud.settle(70)
        other = list(cloud.drivers)[2]
        assert (await cloud.act(id, "unshelve", {"host": other}, cloud="pileus-admin")).status == 409
        assert (await cloud.act(id, "unshelve", {"host": other, "availability_zone": None}, cloud="pileus-admin")).status == 202
        await cloud.settle()
        server = await cloud.show(id)
        assert server["OS-EXT-SRV-ATTR:host"] == other and server["pinned_availability_zone"] is None
        await cloud.assert_clean(servers={id})


async def test_delete_wins_and_takes_the_image(cloud):
    for during in (True, False):
        id = await cloud.boot()
        cloud.drivers["h1"].delays = {"snapshot": 1000} if during else {}
        await cloud.act(id, "shelve")
        if not during:
            await cloud.settle(70)
        await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")
        await cloud.settle()
        assert await images_of(cloud, id) == []
        await cloud.assert_clean()


@pytest.mark.parametrize("cut", interruptions(SHELVE), ids=str)
async def test_shelve_under_any_interruption(cloud, cut):
    id = await cloud.boot()
    sabotage(cloud, SHELVE, cut)
    await cloud.act(id, "shelve")
    await settle(cloud.cloud.kit.sagas)
    await cloud.settle(70)
    server = await cloud.show(id)
    assert server["OS-EXT-STS:task_state"] is None
    if cut.how == "before" or (cut.how == "after" and cut.step < 2):
        assert server["status"] == "ACTIVE" and await images_of(cloud, id) == []
        await cloud.assert_clean(servers={id})
    else:
        assert server["status"] == "SHELVED_OFFLOADED" and len(await images_of(cloud, id)) == 1
        await nothing_held(cloud)


@pytest.mark.parametrize("cut", interruptions(OFFLOAD), ids=str)
async def test_offload_under_any_interruption(cloud, cut):
    id = await cloud.boot()
    sabotage(cloud, OFFLOAD, cut)
    await cloud.act(id, "shelve")
    await settle(cloud.cloud.kit.sagas)
    cloud.cloud.kit.sagas.register(OFFLOAD, cloud.cloud.services.compute.conductor)
    await cloud.settle(200)
    assert (await cloud.show(id))["status"] == "SHELVED_OFFLOADED", "what failed is offloaded later"
    await nothing_held(cloud)


@pytest.mark.parametrize("cut", interruptions(UNSHELVE), ids=str)
async def test_unshelve_under_any_interruption(cloud, cut):
    id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    await cloud.act(id, "shelve")
    await cloud.settle(70)
    sabotage(cloud, UNSHELVE, cut)
    await cloud.act(id, "unshelve")
    await settle(cloud.cloud.kit.sagas)
    await cloud.settle()
    server = await cloud.show(id)
    assert server["OS-EXT-STS:task_state"] is None
    if cut.how == "before" or (cut.how == "after" and cut.step < 2):
        assert server["status"] == "SHELVED_OFFLOADED" and len(await images_of(cloud, id)) == 1
        await nothing_held(cloud)
        cloud.cloud.kit.sagas.register(UNSHELVE, cloud.cloud.services.compute.conductor)
        await cloud.act(id, "unshelve")
        await cloud.settle()
    assert (await cloud.show(id))["status"] == "ACTIVE" and await images_of(cloud, id) == []
    await cloud.assert_clean(servers={id})
