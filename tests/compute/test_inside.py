"""Diagnostics, topology and passwords of servers; events of other services; audits of usage."""

# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime

import msgspec
import pytest

from pileus.compute.agent import report_host
from pileus.compute.hypervisor.topology import Cell
from pileus.compute.model.audit import period_before
from pileus.core.context import EVERYONE
from tests.cloud import TestCloud
from tests.compute.test_scheduling import flavor, put

COMPUTE = "/compute/v2.1"


async def test_diagnostics(cloud):
    id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    admin = await cloud.as_("pileus-admin")
    old = (await admin.get(f"{COMPUTE}/servers/{id}/diagnostics")).json
    assert old["memory"] == 192 * 1024 and "cpu0_time" in old
    new = (await admin.with_headers(OpenStack_API_Version="compute 2.48").get(f"{COMPUTE}/servers/{id}/diagnostics")).json
    assert new["state"] == "running" and new["num_cpus"] == 1 and new["num_nics"] == 1 and new["memory_details"]["maximum"] == 192
    assert (await (await cloud.as_()).get(f"{COMPUTE}/servers/{id}/diagnostics")).status == 403
    await cloud.act(id, "os-stop")
    await cloud.settle(120)
    refused = await admin.get(f"{COMPUTE}/servers/{id}/diagnostics")
    assert refused.status == 409 and "vm_state stopped" in refused.text


async def test_topology():
    async with TestCloud(compute={"cpu_shared_set": "0", "cpu_dedicated_set": "1-8"}) as cloud:
        plain, pinned = await put(cloud), await put(cloud, flavorRef=await flavor(cloud, vcpus=2, hw__cpu_policy="dedicated"))
        admin = (await cloud.as_("pileus-admin")).with_headers(OpenStack_API_Version="compute 2.78")
        assert (await admin.get(f"{COMPUTE}/servers/{plain['id']}/topology")).json == {"nodes": [], "pagesize_kb": None}
        found = (await admin.get(f"{COMPUTE}/servers/{pinned['id']}/topology")).json
        assert found["pagesize_kb"] == 4 and found["nodes"][0] == {
            "vcpu_set": [0, 1], "siblings": [], "memory_mb": 64, "host_node": 0, "cpu_pinning": {}}
        member = (await cloud.as_()).with_headers(OpenStack_API_Version="compute 2.78")
        mine = await cloud.boot(flavorRef=await flavor(cloud, vcpus=2, disk=1, hw__cpu_policy="dedicated"))
        (cell,) = (await member.get(f"{COMPUTE}/servers/{mine}/topology")).json["nodes"]
        assert cell.keys() == {"vcpu_set", "siblings", "memory_mb"}, "where it is, administrators are told"
        await cloud.cloud.hosts["h1"].compute.stop()
        (cell,) = (await admin.get(f"{COMPUTE}/servers/{mine}/topology")).json["nodes"]
        assert "host_node" not in cell, "nobody knows"
        assert (await (await cloud.as_("pileus-admin")).get(f"{COMPUTE}/servers/{pinned['id']}/topology")).status == 404
        other = (await cloud.as_()).with_headers(OpenStack_API_Version="compute 2.78")
        assert (await other.get(f"{COMPUTE}/servers/{pinned['id']}/topology")).status == 404


async def test_a_guest_with_two_cells_needs_a_host_with_two():
    async with TestCloud(hosts=2) as cloud:
        two = await flavor(cloud, vcpus=4, hw__numa_nodes="2", **{"hw__numa_cpus.0": "0", "hw__numa_cpus.1": "1-3",
                                                                  "hw__numa_mem.0": "16", "hw__numa_mem.1": "48"})
        refused = await put(cloud, flavorRef=two)
        assert refused["status"] == "ERROR" and "NUMATopologyFilter" in refused["fault"]["message"]
        driver, agent = cloud.drivers["h1-0002"], cloud.cloud.hosts["h1-0002"].compute
        driver.size = msgspec.structs.replace(driver.size, cells=(
            Cell(id=0, cpus=(0, 1, 2, 3), memory_mb=32), Cell(id=1, cpus=(4, 5, 6, 7), memory_mb=64)))
        await report_host(agent)
        await cloud.settle(6)
        got = await put(cloud, flavorRef=two)
        assert got["status"] == "ACTIVE" and got["OS-EXT-SRV-ATTR:host"] == "h1-0002"
        assert driver.spec(got["id"]).properties["hw_numa"] == "0:16;1,2,3:48"
        admin = (await cloud.as_("pileus-admin")).with_headers(OpenStack_API_Version="compute 2.78")
        nodes = (await admin.get(f"{COMPUTE}/servers/{got['id']}/topology")).json["nodes"]
        assert [(n["vcpu_set"], n["memory_mb"], n["host_node"]) for n in nodes] == [([0], 16, 0), ([1, 2, 3], 48, 1)]


async def test_the_password_of_a_server_is_shown_until_it_is_cleared(cloud):
    id, member = await cloud.boot(), await cloud.as_()
    path, store = f"{COMPUTE}/servers/{id}/os-server-password", cloud.cloud.services.compute.store
    assert (await member.get(path)).json == {"password": ""}
    server = await store.get(id, EVERYONE)
    await store.update(id, cloud.cloud.kit.clock.now(), system_metadata={**server.system_metadata, "password": "c2VjcmV0"})
    assert (await member.get(path)).json == {"password": "c2VjcmV0"}
    assert (await (await cloud.as_("pileus-alt")).get(path)).status == 404
    assert (await member.delete(path)).status == 204
    assert (await member.delete(path)).status == 204
    assert (await member.get(path)).json == {"password": ""}
    assert (await store.get(id, EVERYONE)).system_metadata == server.system_metadata


async def test_events_of_other_services(cloud):
    id, admin = await cloud.boot(), await cloud.as_("pileus-admin")
    gone = "99999999-9999-4999-8999-999999999999"
    event = {"name": "network-vif-plugged", "server_uuid": id, "tag": gone}

    async def send(*events, version="2.1"):
        return await admin.with_headers(OpenStack_API_Version=f"compute {version}").post(
            f"{COMPUTE}/os-server-external-events", {"events": list(events)})

    good = await send(event)
    assert good.status == 200 and good.json["events"] == [event | {"status": "completed", "code": 200}]
    some = await send(event, event | {"server_uuid": gone})
    assert some.status == 207 and [e["code"] for e in some.json["events"]] == [200, 404]
    assert some.json["events"][1]["status"] == "failed"
    assert (await send(event | {"server_uuid": gone})).status == 404
    assert (await send()).status == 400
    assert (await send(event | {"name": "volume-extended"})).status == 400
    assert (await send(event | {"name": "volume-extended"}, version="2.51")).status == 200
    assert (await send(event | {"server_uuid": "x"})).status == 400
    assert (await (await cloud.as_()).post(f"{COMPUTE}/os-server-external-events", {"events": [event]})).status == 403


async def test_usage_is_audited_once_per_host_and_period():
    async with TestCloud(hosts=2, compute={"usage_audit_period": "hour"}) as cloud:
        await cloud.boot()
        admin, audits = await cloud.as_("pileus-admin"), cloud.cloud.services.compute.audits
        await cloud.settle(3600)
        admin = await fresh(cloud)
        await audits.run()
        assert await audits.run() == 0
        log = (await admin.get(f"{COMPUTE}/os-instance_usage_audit_log")).json["instance_usage_audit_logs"]
        assert (log["num_hosts"], log["num_hosts_done"], log["hosts_not_run"]) == (2, 2, [])
        assert log["total_instances"] == 1 and log["overall_status"] == "ALL hosts done. 0 errors."
        old = (await admin.get(f"{COMPUTE}/os-instance_usage_audit_log/2001-01-01%2000:00:00")).json["instance_usage_audit_log"]
        assert old["num_hosts_not_run"] == 2 and old["period_beginning"] == "2000-12-31 23:00:00"
        assert old["overall_status"] == "0 of 2 hosts done. 0 errors."
        assert (await admin.get(f"{COMPUTE}/os-instance_usage_audit_log/invalid_time")).status == 400
        assert (await (await cloud.as_()).get(f"{COMPUTE}/os-instance_usage_audit_log")).status == 403


async def fresh(cloud):
    cloud.tokens.clear()
    return await cloud.as_("pileus-admin")


@pytest.mark.parametrize(("length", "beginning", "ending"), [
    ("hour", (2024, 3, 1, 9), (2024, 3, 1, 10)), ("day", (2024, 2, 29), (2024, 3, 1)), ("month", (2024, 2, 1), (2024, 3, 1)),
    ("year", (2023, 1, 1), (2024, 1, 1)),
])
def test_the_last_whole_period(length, beginning, ending):
    found = period_before(datetime(2024, 3, 1, 10, 59, 1, 5, tzinfo=UTC), length)
    assert found == (datetime(*beginning, tzinfo=UTC), datetime(*ending, tzinfo=UTC))


async def test_snapshots_of_volumes_are_not_assisted(cloud):
    admin = await cloud.as_("pileus-admin")
    got = await admin.post(f"{COMPUTE}/os-assisted-volume-snapshots", {"snapshot": {"volume_id": "x"}})
    assert got.status == 400 and "volume service alone" in got.text
    assert (await admin.delete(f"{COMPUTE}/os-assisted-volume-snapshots/1")).status == 400
