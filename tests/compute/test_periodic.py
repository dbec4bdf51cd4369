"""What compute's control plane looks after by itself, each task against the fault it is there for."""

# SPDX-License-Identifier: Apache-2.0
import asyncio
import re
import sys

import pytest

from pileus.cli.status import gathered, show
from pileus.compute import periodic
from pileus.compute.agent import report_host
from pileus.compute.hypervisor.base import Power
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


#: What compute looks after by itself → the task that does it.
WORK = {
    "resources are reported and claims counted": "report_host", "power states are synchronised": "report_host",
    "orphaned guests are destroyed": "report_host", "orphaned compute nodes are dropped": "drop_orphaned_nodes",
    "what servers hold is put right": "heal_allocations", "what nobody holds is given back": "drop_allocations_of_nobody",
    "stuck operations are freed": "free_stuck_servers", "interrupted operations are taken up": "resume_sagas",
    "soft-deleted servers are reclaimed": "reclaim_deleted", "resizes are confirmed": "confirm_resizes",
    "shelved servers are offloaded": "offload_shelved", "image files are pruned": "prune_images",
    "network information is healed": "heal_interfaces", "usage is audited": "audit_usage",
    "console tokens expire": "drop_console_tokens", "builds time out": "time_out_builds",
}


async def test_every_task_is_shown_with_its_period_and_its_last_result(cloud):
    await cloud.settle(700)
    cloud.tokens.clear()
    tasks = (await (await cloud.as_("pileus-admin")).get("/status")).json["periodic_tasks"]
    shown = {task["task"]: task for task in tasks}
    assert set(WORK.values()) | {"resync_hosts"} <= shown.keys()
    assert {task.name for task in periodic.PERIODIC} <= set(WORK.values()), "a new task belongs into the list above"
    for task in periodic.PERIODIC:
        assert shown[task.name]["every_s"] == task.every_s and not shown[task.name]["error"]
    hourly = {task.name for task in periodic.PERIODIC if task.every_s > 600}
    assert all(shown[name]["runs"] and shown[name]["last"] for name in set(WORK.values()) - hourly)
    assert shown["report_host"]["runs"] >= 2 and shown["report_host"]["result"] == "0 guests"


def test_the_table_of_tasks_names_a_task_of_many_hosts_once():
    def task(owner, error="", last="1"):
        return {"owner": owner, "task": "report_host", "error": error, "last": last, "every_s": 60, "runs": 1, "result": ""}

    rows = gathered([task("compute agent h1"), task("compute agent h2", error="boom", last="2"), task("compute agent h3", last=None),
                     {**task("compute"), "task": "resume_sagas"}])
    assert [(row["owner"], row["error"]) for row in rows] == [("compute agents (3)", "boom"), ("compute", "")]


async def test_a_report_tells_what_it_put_right(cloud):
    id, lost = await cloud.boot(), await cloud.boot()
    agent, driver = cloud.host.compute, cloud.drivers["h1"]
    await cloud.settle(10)
    await driver.power(id, Power.SHUTDOWN)
    await cloud.cloud.services.compute.store.update(lost, cloud.cloud.kit.clock.now(), host="elsewhere")
    await cloud.settle(10)
    assert await report_host(agent) == "2 guests, 1 power states synchronised, 1 orphans destroyed"
    assert (await cloud.show(id))["status"] == "SHUTOFF" and await cloud.guests() == {id}
    assert await report_host(agent) == "1 guests"


async def test_compute_nodes_without_a_host_are_dropped(cloud):
    id, compute, placement = await cloud.boot(), cloud.cloud.services.compute, cloud.cloud.services.placement
    (host,) = await compute.hosts.all()
    assert "COMPUTE_NODE" in await placement.traits(host.id)
    assert await periodic.drop_orphaned_nodes(compute) is None
    orphan, other = "11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"
    await placement.create_provider(orphan, "gone")
    await placement.set_traits(orphan, {"COMPUTE_NODE"})
    await placement.create_provider(other, "somebody's storage pool")
    assert await periodic.drop_orphaned_nodes(compute) == "dropped 1"
    assert not await placement.has_provider(orphan) and await placement.has_provider(other) and await placement.has_provider(host.id)
    await compute.hosts.store.delete(host.host)
    assert await periodic.drop_orphaned_nodes(compute) is None and await placement.allocations(id), "what holds something stays"


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


@pytest.mark.parametrize("columns", ["80", "160", None])
async def test_status_cuts_nothing_off(cloud, monkeypatch, capsys, columns):
    """On a small screen, on a large one, and in a file: each task by its name, with when it ran and what came of it."""
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    await cloud.settle(700)
    found = (await (await cloud.as_("pileus-admin")).get("/status")).json
    show(found | {"servers": []}, 1)
    said = capsys.readouterr().out
    assert "…" not in said
    if columns != "80":
        for task in found["periodic_tasks"]:
            assert task["task"] in said and (task["last"] or "") in said
        assert re.search(r"audit_usage .* 600 .* (ok|audited)", said)
