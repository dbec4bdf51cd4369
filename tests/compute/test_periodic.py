"""What compute's control plane looks after by itself, each task against the fault it is there for."""

# SPDX-License-Identifier: Apache-2.0
import asyncio

import pytest

from pileus.compute import periodic
from pileus.compute.model.server import Fault
from pileus.core.context import EVERYONE
from tests.cloud import TestCloud
from tests.compute.verbs import VERBS, a_cloud, ready

COMPUTE = "/compute/v2.1"


async def test_a_server_that_placement_forgot_holds_its_resources_again(cloud):
    id, compute = await cloud.boot(), cloud.cloud.services.compute
    placement = cloud.cloud.services.placement
    held = await placement.allocations(id)
    await placement.release(id)
    assert await periodic.heal_allocations(compute) == "healed 1 of 1"
    assert [(a.resource_class, a.amount) for a in await placement.allocations(id)] == [(a.resource_class, a.amount) for a in held]
    assert await periodic.heal_allocations(compute) is None


async def test_a_server_that_finds_no_room_is_told_of_and_stays(cloud):
    id, compute = await cloud.boot(), cloud.cloud.services.compute
    placement, (host,) = cloud.cloud.services.placement, await cloud.cloud.services.compute.hosts.all()
    await placement.release(id)
    await placement.set_inventory(host.id, {})
    assert await periodic.heal_allocations(compute) == "healed 0 of 1"
    assert (await cloud.show(id))["status"] == "ACTIVE"


async def test_a_build_that_takes_too_long_is_undone():
    async with TestCloud(compute={"build_timeout_s": 300}) as cloud:
        cloud.drivers["h1"].delays = {"spawn": 250}
        slow = await cloud.order(networks=[{"uuid": await cloud.network()}])
        await cloud.settle(400)
        assert (await cloud.show(slow.json["server"]["id"]))["status"] == "ACTIVE"
        cloud.drivers["h1"].delays = {"spawn": 100_000}
        stuck = (await cloud.order(networks=[{"uuid": await cloud.network()}])).json["server"]["id"]
        await asyncio.sleep(500)
        server = await cloud.cloud.services.compute.store.get(stuck, EVERYONE)
        assert server.vm_state == "error" and isinstance(server.fault, Fault)
        assert server.fault.message == "The build took longer than 300 seconds." and server.host is None
        await cloud.settle()
        assert not await cloud.cloud.services.placement.allocations(stuck)
        cloud.tokens.clear()
        admin = await cloud.as_("pileus-admin")
        ports = (await admin.get(f"/network/v2.0/ports?device_id={stuck}")).json["ports"]
        assert ports == []


async def test_every_task_is_shown_with_its_period_and_its_last_result(cloud):
    await cloud.settle(130)
    cloud.tokens.clear()
    tasks = (await (await cloud.as_("pileus-admin")).get("/status")).json["periodic_tasks"]
    shown = {task["task"]: task for task in tasks}
    assert {task.name for task in periodic.PERIODIC} | {"report_host", "prune_images", "resync_hosts"} <= shown.keys()
    for task in periodic.PERIODIC:
        assert shown[task.name]["every_s"] == task.every_s and not shown[task.name]["error"]
    assert shown["report_host"]["runs"] >= 2 and shown["report_host"]["result"] == "0 guests"


async def test_an_interface_whose_port_is_gone_goes_too(cloud):
    network, compute = await cloud.network(), cloud.cloud.services.compute
    id = await cloud.boot(networks=[{"uuid": network}, {"uuid": network}])
    assert await periodic.heal_interfaces(compute) is None
    lost, kept = [nic.port_id for nic in (await compute.store.get(id, EVERYONE)).nics]
    assert (await (await cloud.as_("pileus-admin")).delete(f"/network/v2.0/ports/{lost}")).status == 204
    assert await periodic.heal_interfaces(compute) == "1 gone"
    await cloud.settle()
    assert [nic.port_id for nic in (await compute.store.get(id, EVERYONE)).nics] == [kept]
    assert [nic.port_id for nic in cloud.drivers["h1"].spec(id).nics] == [kept]
    assert await periodic.heal_interfaces(compute) is None
    await cloud.assert_clean(servers={id})


@pytest.mark.parametrize("verb", ["rebuild", "resize", "reboot-hard", "shelve", "live-migrate", "migrate"])
async def test_a_port_that_was_deleted_a_moment_ago_hinders_nothing(verb):
    chosen = next(one for one in VERBS if one.name == verb)
    async with a_cloud(chosen) as cloud:
        id = await ready(cloud, chosen)
        (nic,) = (await cloud.cloud.services.compute.store.get(id, EVERYONE)).nics
        assert (await (await cloud.as_("pileus-admin")).delete(f"/network/v2.0/ports/{nic.port_id}")).status == 204
        assert (await chosen.order(cloud, id)).status < 300
        await cloud.settle(70)
        server = await cloud.show(id)
        assert server["status"] in ("ACTIVE", "VERIFY_RESIZE", "SHELVED_OFFLOADED") and server["OS-EXT-STS:task_state"] is None, server
        await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")
        await cloud.settle()
        await cloud.assert_clean()
