"""Evacuation of a host that is down."""

import pytest

from pileus.compute.hypervisor.base import Power
from pileus.compute.sagas.evacuate import EVACUATE
from tests.cloud import TestCloud
from tests.compute.test_resize import held, where
from tests.compute.test_sagas import sabotage
from tests.sagas import interruptions, settle

COMPUTE = "/compute/v2.1"


async def lose_host(cloud, id):
    """The server's host answers no more; returns its name."""
    host = (await cloud.show(id))["OS-EXT-SRV-ATTR:host"]
    await cloud.cloud.hosts[host].compute.stop()
    caller = (await cloud.as_("pileus-admin")).with_headers(OpenStack_API_Version="compute 2.52")
    body = {"host": host, "binary": "nova-compute", "forced_down": True}
    assert (await caller.put(f"{COMPUTE}/os-services/force-down", body)).status == 200
    return host


async def evacuate(cloud, id, body=None, version="2.96"):
    return await cloud.act(id, "evacuate", body or {}, cloud="pileus-admin", version=version)


@pytest.mark.parametrize("version, status", [("2.94", "ACTIVE"), ("2.95", "SHUTOFF")])
async def test_a_server_comes_back_on_another_host(version, status):
    async with TestCloud(hosts=2) as cloud:
        id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
        got = await evacuate(cloud, id)
        assert got.status == 400 and "still in use" in got.text
        old = await cloud.show(id)
        lost = await lose_host(cloud, id)
        assert (await evacuate(cloud, id, version=version)).status == 200
        await cloud.settle()
        server = await cloud.show(id)
        assert server["status"] == status and server["OS-EXT-SRV-ATTR:host"] != lost and server["addresses"] == old["addresses"]
        assert {h for h, _ in await held(cloud)} == {server["OS-EXT-SRV-ATTR:host"]}
        assert await where(cloud, id) == set(cloud.drivers), "the lost host still has it"
        await cloud.cloud.hosts[lost].compute.start()
        await cloud.settle(120)
        assert await where(cloud, id) == {server["OS-EXT-SRV-ATTR:host"]}, "its audit ended the old guest"
        await cloud.assert_clean(servers={id})


async def test_bad_orders_change_nothing():
    async with TestCloud(hosts=2) as cloud:
        id = await cloud.boot()
        assert (await cloud.act(id, "evacuate", {})).status == 403
        await lose_host(cloud, id)
        for body, version in (({"host": "nowhere"}, "2.96"), ({"force": True}, "2.68"), ({"force": True}, "2.30"), ({}, "2.13"),
                              ({"onSharedStorage": True, "adminPass": "x"}, "2.13"), ({"onSharedStorage": False}, "2.14")):
            assert (await evacuate(cloud, id, body, version)).status == 400, (body, version)
        got = await evacuate(cloud, id, {"onSharedStorage": False, "adminPass": "geheim"}, "2.13")
        assert got.status == 200 and got.json == {"adminPass": "geheim"}


async def test_a_disk_that_is_said_to_be_shared_is_kept_or_nothing_is_done():
    async with TestCloud(hosts=2) as cloud:
        id = await cloud.boot()
        lost = await lose_host(cloud, id)
        other = next(name for name in cloud.drivers if name != lost)
        got = await evacuate(cloud, id, {"onSharedStorage": True}, "2.13")
        assert got.status == 200 and got.json == {"adminPass": None}
        await cloud.settle()
        server = await cloud.show(id)
        assert server["status"] == "ERROR" and server["OS-EXT-SRV-ATTR:host"] == lost and "shared storage" in server["fault"]["message"]
        assert {h for h, _ in await held(cloud)} == {lost}
        spec = cloud.drivers[lost].spec(id)
        await cloud.drivers[other].spawn(spec)
        await cloud.drivers[other].power(id, Power.SHUTDOWN)
        got = await evacuate(cloud, id, {"onSharedStorage": "true"}, "2.13")
        assert got.status == 200 and got.json == {"adminPass": None}
        await cloud.settle()
        server = await cloud.show(id)
        assert server["status"] == "ACTIVE" and server["OS-EXT-SRV-ATTR:host"] == other
        assert cloud.drivers[other].spec(id).config_drive is None


@pytest.mark.parametrize("cut", interruptions(EVACUATE), ids=str)
async def test_any_interruption(cut):
    async with TestCloud(hosts=2) as cloud:
        id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
        lost = await lose_host(cloud, id)
        sabotage(cloud, EVACUATE, cut)
        await evacuate(cloud, id, version="2.94")
        await settle(cloud.cloud.kit.sagas)
        await cloud.settle()
        server = await cloud.show(id)
        assert server["OS-EXT-STS:task_state"] is None
        if cut.how == "before" or (cut.how == "after" and cut.step < 2):
            assert server["status"] == "ERROR" and server["OS-EXT-SRV-ATTR:host"] == lost
            assert await where(cloud, id) == {lost} and {h for h, _ in await held(cloud)} == {lost}
            cloud.cloud.kit.sagas.register(EVACUATE, cloud.cloud.services.compute.conductor)
            assert (await evacuate(cloud, id, version="2.94")).status == 200
            await cloud.settle()
        server = await cloud.show(id)
        assert server["status"] == "ACTIVE" and server["OS-EXT-SRV-ATTR:host"] != lost
        await cloud.cloud.hosts[lost].compute.start()
        await cloud.settle(120)
        await cloud.assert_clean(servers={id})
