"""Resize and cold migration, on one host and between hosts."""

import pytest

from pileus.compute.sagas.resize import RESIZE
from pileus.compute.sagas.resized import CONFIRM_RESIZE, REVERT_RESIZE
from tests.cloud import TestCloud
from tests.compute.test_sagas import sabotage
from tests.sagas import interruptions, settle

COMPUTE = "/compute/v2.1"


async def flavor(cloud, id="84", **fields):
    admin = await cloud.as_("pileus-admin")
    body = {"id": id, "name": f"f{id}", "vcpus": 2, "ram": 256, "disk": 2, "swap": 0} | fields
    assert (await admin.post(f"{COMPUTE}/flavors", {"flavor": body})).status == 200
    return id


async def held(cloud):
    """(host, consumer) → amounts"""
    services = cloud.cloud.services
    return {(h.host, consumer): amounts for h in await services.compute.hosts.all()
            for consumer, amounts in (await services.placement.allocations_on(h.id)).items()}


async def where(cloud, id):
    return {name for name, driver in cloud.drivers.items() for guest in await driver.guests() if guest.id == id}


@pytest.mark.parametrize("hosts", [1, 2])
@pytest.mark.parametrize("before, after", [(None, "ACTIVE"), ("os-stop", "SHUTOFF")])
async def test_a_resized_server_is_confirmed(hosts, before, after):
    async with TestCloud(hosts=hosts, compute={"allow_resize_to_same_host": hosts == 1}) as cloud:
        id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
        if before:
            await cloud.act(id, before)
            await cloud.settle(70)
        old = await cloud.show(id)
        assert (await cloud.act(id, "resize", {"flavorRef": await flavor(cloud)})).status == 202
        assert (await cloud.show(id))["status"] == "RESIZE"
        await cloud.settle(70)
        server = await cloud.show(id)
        assert server["status"] == "VERIFY_RESIZE" and server["flavor"]["vcpus"] == 2, server
        assert server["addresses"] == old["addresses"]
        host = server["OS-EXT-SRV-ATTR:host"]
        assert (host == old["OS-EXT-SRV-ATTR:host"]) == (hosts == 1)
        assert await where(cloud, id) == set(cloud.drivers), "the old guest is kept"
        assert len(await held(cloud)) == 2
        assert cloud.drivers[host].spec(id).memory_mb == 256
        await cloud.settle(200)
        assert await where(cloud, id) == set(cloud.drivers), "no audit takes it for an orphan"
        assert (await cloud.act(id, "confirmResize")).status == 204
        await cloud.settle()
        server = await cloud.show(id)
        assert server["status"] == after and await where(cloud, id) == {host}
        assert {h for h, _ in await held(cloud)} == {host} and next(iter((await held(cloud)).values()))["VCPU"] == 2
        await cloud.assert_clean(servers={id})
        actions = (await (await cloud.as_()).get(f"{COMPUTE}/servers/{id}/os-instance-actions")).json["instanceActions"]
        assert [a["action"] for a in actions[:2]] == ["confirmResize", "resize"]


@pytest.mark.parametrize("hosts", [1, 2])
@pytest.mark.parametrize("before, after", [(None, "ACTIVE"), ("os-stop", "SHUTOFF")])
async def test_a_resized_server_is_reverted(hosts, before, after):
    async with TestCloud(hosts=hosts, compute={"allow_resize_to_same_host": hosts == 1}) as cloud:
        id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
        if before:
            await cloud.act(id, before)
            await cloud.settle(70)
        old, claims = await cloud.show(id), await held(cloud)
        await cloud.act(id, "resize", {"flavorRef": await flavor(cloud)})
        await cloud.settle(70)
        assert (await cloud.act(id, "revertResize")).status == 202
        assert (await cloud.show(id))["status"] == "REVERT_RESIZE"
        await cloud.settle()
        server = await cloud.show(id)
        assert server["status"] == after and server["flavor"] == old["flavor"] and server["addresses"] == old["addresses"]
        assert server["OS-EXT-SRV-ATTR:host"] == old["OS-EXT-SRV-ATTR:host"] and await held(cloud) == claims
        await cloud.assert_clean(servers={id})


async def test_a_migration_goes_to_the_named_host():
    async with TestCloud(hosts=3) as cloud:
        id = await cloud.boot()
        here = (await cloud.show(id))["OS-EXT-SRV-ATTR:host"]
        there = next(name for name in cloud.drivers if name != here)
        assert (await cloud.act(id, "migrate")).status == 403
        for host in ("nowhere", here):
            assert (await cloud.act(id, "migrate", {"host": host}, cloud="pileus-admin")).status == 400
        assert (await cloud.act(id, "migrate", {"host": there}, cloud="pileus-admin", version="2.55")).status == 400
        assert (await cloud.act(id, "migrate", {"host": there}, cloud="pileus-admin")).status == 202
        await cloud.settle(70)
        server = await cloud.show(id)
        assert server["status"] == "VERIFY_RESIZE" and server["OS-EXT-SRV-ATTR:host"] == there
        await cloud.act(id, "confirmResize")
        await cloud.settle()
        await cloud.assert_clean(servers={id})


async def test_bad_orders_change_nothing(cloud):
    id = await cloud.boot()
    small = await flavor(cloud, "small", disk=0)
    huge = await flavor(cloud, "huge", ram=10_000_000)
    for body in ({}, {"flavorRef": ""}, {"flavorRef": "none"}, {"flavorRef": "42"}, {"flavorRef": small}, {"flavorRef": 42, "x": 1}):
        assert (await cloud.act(id, "resize", body)).status == 400, body
    assert (await cloud.act(id, "resize", {"flavorRef": huge})).status == 403
    for action in ("confirmResize", "revertResize"):
        got = await cloud.act(id, action)
        assert got.status == 409 and "vm_state active" in got.json["conflictingRequest"]["message"]
    assert (await cloud.act(id, "migrate", None, cloud="pileus-admin")).status == 202
    await cloud.settle()
    server = await cloud.show(id)
    assert server["status"] == "ACTIVE" and server["OS-EXT-STS:task_state"] is None, "there is no other host"
    (action, *_) = (await (await cloud.as_()).get(f"{COMPUTE}/servers/{id}/os-instance-actions")).json["instanceActions"]
    assert (action["action"], action["message"]) == ("migrate", "Error")
    await cloud.assert_clean(servers={id})


@pytest.mark.parametrize("hosts", [1, 2])
async def test_delete_wins_while_it_waits_and_while_it_moves(hosts):
    async with TestCloud(hosts=hosts, compute={"allow_resize_to_same_host": hosts == 1}) as cloud:
        await flavor(cloud)
        waiting, moving = await cloud.boot(), await cloud.boot()
        await cloud.act(waiting, "resize", {"flavorRef": "84"})
        await cloud.settle(70)
        assert (await cloud.show(waiting))["status"] == "VERIFY_RESIZE"
        for driver in cloud.drivers.values():
            driver.delays = {"export": 1000, "resize": 1000}
        await cloud.act(moving, "resize", {"flavorRef": "84"})
        for id in (waiting, moving):
            assert (await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")).status == 204
        await cloud.settle()
        await cloud.assert_clean()


async def test_resizes_are_confirmed_by_themselves():
    async with TestCloud(compute={"resize_confirm_window_s": 100}) as cloud:
        id = await cloud.boot()
        await cloud.act(id, "resize", {"flavorRef": await flavor(cloud)})
        await cloud.settle(90)
        assert (await cloud.show(id))["status"] == "VERIFY_RESIZE"
        await cloud.settle(100)
        assert (await cloud.show(id))["status"] == "ACTIVE"
        await cloud.assert_clean(servers={id})


async def test_what_the_cloud_does_by_itself_is_recorded_each_time():
    async with TestCloud(compute={"resize_confirm_window_s": 100}) as cloud:
        id = await cloud.boot()
        for to in (await flavor(cloud), await flavor(cloud, id="85")):
            assert (await cloud.act(id, "resize", {"flavorRef": to})).status == 202
            await cloud.settle(200)
        caller = await cloud.as_()
        done = (await caller.get(f"/compute/v2.1/servers/{id}/os-instance-actions")).json["instanceActions"]
        assert [action["action"] for action in done] == ["confirmResize", "resize", "confirmResize", "resize", "create"]
        assert len({action["request_id"] for action in done}) == 5
        for action in done:
            path = f"/compute/v2.1/servers/{id}/os-instance-actions/{action['request_id']}"
            shown = (await caller.get(path)).json["instanceAction"]
            assert shown["action"] == action["action"] and action["request_id"].startswith("req-")


async def test_quota_counts_the_larger_flavor_from_the_start(cloud):
    await flavor(cloud, vcpus=12)
    first, second = await cloud.boot(), await cloud.boot()
    assert (await cloud.act(first, "resize", {"flavorRef": "84"})).status == 202
    assert (await cloud.act(second, "resize", {"flavorRef": "84"})).status == 403
    await cloud.settle(70)
    await cloud.act(first, "revertResize")
    await cloud.settle()
    assert (await cloud.act(second, "resize", {"flavorRef": "84"})).status == 202


@pytest.mark.parametrize("hosts", [1, 2])
@pytest.mark.parametrize("cut", interruptions(RESIZE), ids=str)
async def test_resize_under_any_interruption(cut, hosts):
    async with TestCloud(hosts=hosts, compute={"allow_resize_to_same_host": hosts == 1}) as cloud:
        id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
        before, claims = await cloud.show(id), await held(cloud)
        await flavor(cloud)
        sabotage(cloud, RESIZE, cut)
        await cloud.act(id, "resize", {"flavorRef": "84"})
        await settle(cloud.cloud.kit.sagas)
        await cloud.settle(70)
        server = await cloud.show(id)
        if cut.how in ("before", "after"):
            assert server["status"] == "ACTIVE" and server["OS-EXT-SRV-ATTR:host"] == before["OS-EXT-SRV-ATTR:host"]
            assert server["flavor"] == before["flavor"] and await held(cloud) == claims
        else:
            assert server["status"] == "VERIFY_RESIZE"
            await cloud.act(id, "confirmResize")
            await cloud.settle()
        assert await where(cloud, id) == {(await cloud.show(id))["OS-EXT-SRV-ATTR:host"]}
        await cloud.assert_clean(servers={id})


@pytest.mark.parametrize("hosts", [1, 2])
@pytest.mark.parametrize("saga, verb", [(CONFIRM_RESIZE, "confirmResize"), (REVERT_RESIZE, "revertResize")])
@pytest.mark.parametrize("how", ["twice", "kill", "before", "after"])
async def test_the_end_of_a_resize_under_any_interruption(saga, verb, how, hosts):
    for cut in [c for c in interruptions(saga) if c.how == how]:
        async with TestCloud(hosts=hosts, compute={"allow_resize_to_same_host": hosts == 1}) as cloud:
            id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
            await cloud.act(id, "resize", {"flavorRef": await flavor(cloud)})
            await cloud.settle(70)
            sabotage(cloud, saga, cut)
            await cloud.act(id, verb)
            await settle(cloud.cloud.kit.sagas)
            await cloud.settle()
            server = await cloud.show(id)
            assert server["OS-EXT-STS:task_state"] is None
            if how in ("twice", "kill"):
                assert server["status"] == "ACTIVE", str(cut)
            elif server["status"] != "ACTIVE":
                assert server["status"] == ("VERIFY_RESIZE" if saga is CONFIRM_RESIZE else "ERROR")
                cloud.cloud.kit.sagas.register(saga, cloud.cloud.services.compute.conductor)
                assert (await cloud.act(id, verb)).status in (202, 204)
                await cloud.settle()
                assert (await cloud.show(id))["status"] == "ACTIVE"
            await cloud.assert_clean(servers={id})
