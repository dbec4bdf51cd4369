"""Services, hypervisors, hosts and availability zones through the API."""

import asyncio
import json

import pytest

from tests.compute.resources import ROOT, a_server, compute, deleted
from tests.compute.test_hosts import inventory

SERVICES, HYPERVISORS, HOSTS, ZONES = (
    f"{ROOT}/os-services",
    f"{ROOT}/os-hypervisors",
    f"{ROOT}/os-hosts",
    f"{ROOT}/os-availability-zone",
)
NOBODY = "11111111-2222-4333-8444-555555555555"


async def hosts(c, *names):
    return [await c.resources.hosts.report(name, inventory(name)) for name in names or ("h1",)]


async def test_services():
    async with compute() as c:
        (host,) = await hosts(c)
        found = (await c.admin().get(SERVICES)).json["services"]
        assert [(s["binary"], s["zone"]) for s in found] == [
            ("nova-conductor", "internal"),
            ("nova-scheduler", "internal"),
            ("nova-compute", "nova"),
        ]
        assert found[2] == {
            "id": host.service_id,
            "binary": "nova-compute",
            "host": "h1",
            "zone": "nova",
            "status": "enabled",
            "state": "up",
            "updated_at": "2026-01-01T00:00:00.000000",
            "disabled_reason": None,
            "forced_down": False,
        }
        old = (await c.admin("2.10").get(f"{SERVICES}?binary=nova-compute&host=h1")).json["services"]
        assert [s["id"] for s in old] == [3] and "forced_down" not in old[0]
        assert "forced_down" in (await c.admin("2.11").get(SERVICES)).json["services"][0]
        assert (await c.admin().get(f"{SERVICES}?host=none&binary=nova-compute")).json == {"services": []}
        assert (await c.admin("2.75").get(f"{SERVICES}?x=y")).status == 400
        assert len((await c.admin("2.74").get(f"{SERVICES}?x=y")).json["services"]) == 3
        await asyncio.sleep(181)
        assert (await c.admin().get(f"{SERVICES}?host=h1")).json["services"][0]["state"] == "down"


async def test_updates_by_id():
    async with compute() as c:
        (host,) = await hosts(c)
        url, admin = f"{SERVICES}/{host.service_id}", c.admin()
        disabled = await admin.put(url, {"status": "disabled", "disabled_reason": "repair"})
        assert disabled.status == 200
        service = disabled.json["service"]
        assert (service["status"], service["disabled_reason"], service["id"]) == ("disabled", "repair", host.service_id)
        assert (await admin.put(url, {"forced_down": "true"})).json["service"]["state"] == "down"
        assert (await admin.put(url, {"status": "enabled", "forced_down": False})).json["service"] == service | {
            "status": "enabled",
            "disabled_reason": None,
        }
        for bad in ({}, {"status": "on"}, {"status": "enabled", "disabled_reason": "x"}, {"forced_down": "maybe"}, {"x": 1}):
            assert (await admin.put(url, bad)).status == 400, bad
        assert (await admin.put(f"{SERVICES}/7", {"status": "enabled"})).status == 400
        assert (await admin.put(f"{SERVICES}/{NOBODY}", {"status": "enabled"})).status == 404
        control = (await admin.get(f"{SERVICES}?binary=nova-scheduler")).json["services"][0]
        refused = await admin.put(f"{SERVICES}/{control['id']}", {"status": "disabled"})
        assert refused.status == 400 and "Only nova-compute services can be updated" in refused.text


async def test_updates_by_name_before_2_53():
    async with compute() as c:
        await hosts(c)
        body, admin = {"host": "h1", "binary": "nova-compute"}, c.admin("2.1")
        assert (await admin.put(f"{SERVICES}/disable", body)).json == {"service": body | {"status": "disabled"}}
        reasoned = await admin.put(f"{SERVICES}/disable-log-reason", body | {"disabled_reason": "why"})
        assert reasoned.json == {"service": body | {"status": "disabled", "disabled_reason": "why"}}
        assert (await admin.get(f"{SERVICES}?host=h1")).json["services"][0]["disabled_reason"] == "why"
        assert (await admin.put(f"{SERVICES}/enable", body)).json == {"service": body | {"status": "enabled"}}
        down = await c.admin("2.11").put(f"{SERVICES}/force-down", body | {"forced_down": True})
        assert down.json == {"service": body | {"forced_down": True}}
        assert (await admin.put(f"{SERVICES}/force-down", body)).status == 404
        assert (await admin.put(f"{SERVICES}/explode", body)).status == 404
        assert (await admin.put(f"{SERVICES}/disable-log-reason", body)).status == 400
        assert (await c.admin("2.11").put(f"{SERVICES}/force-down", body)).status == 400
        assert (await admin.put(f"{SERVICES}/enable", {"host": "h1"})).status == 400
        assert (await admin.put(f"{SERVICES}/enable", body | {"host": "h9"})).status == 404
        assert (await admin.put(f"{SERVICES}/enable", body | {"binary": "nova-conductor"})).status == 400
        assert (await c.admin("2.53").put(f"{SERVICES}/enable", body)).status == 400


async def test_deletion():
    async with compute() as c:
        one, two = await hosts(c, "h1", "h2")
        server = await a_server(c, host="h1")
        assert (await c.admin().delete(f"{SERVICES}/{one.service_id}")).status == 409
        await deleted(c, server)
        gone = await c.admin().delete(f"{SERVICES}/{one.service_id}")
        assert gone.status == 204 and gone.data == b"" and (await c.admin().delete(f"{SERVICES}/{one.service_id}")).status == 404
        assert (await c.admin("2.52").delete(f"{SERVICES}/{two.service_id}")).status == 400
        assert (await c.admin("2.52").delete(f"{SERVICES}/99")).status == 404
        assert (await c.admin("2.52").delete(f"{SERVICES}/1")).status == 400
        assert (await c.admin("2.52").delete(f"{SERVICES}/{2 + two.number}")).status == 204
        assert (await c.admin().get(HYPERVISORS)).json == {"hypervisors": []}


COUNTERS = {
    "vcpus": 8,
    "vcpus_used": 2,
    "memory_mb": 16384,
    "memory_mb_used": 512 + 512,
    "free_ram_mb": 15360,
    "local_gb": 100,
    "local_gb_used": 10,
    "free_disk_gb": 90,
    "disk_available_least": 90,
    "current_workload": 0,
    "running_vms": 1,
}


async def test_a_hypervisor_as_each_version_sees_it():
    async with compute() as c:
        (host,) = await hosts(c)
        await a_server(c, host="h1", vcpus=2, memory_mb=512, root_gib=10)
        await asyncio.sleep(100)
        basic = {"id": host.id, "hypervisor_hostname": "h1", "state": "up", "status": "enabled"}
        detail = basic | {
            "hypervisor_type": "QEMU",
            "hypervisor_version": 7002000,
            "host_ip": None,
            "service": {"id": host.service_id, "host": "h1", "disabled_reason": None},
        }
        assert (await c.admin().get(HYPERVISORS)).json == {"hypervisors": [basic]}
        shown = (await c.admin().get(f"{HYPERVISORS}/{host.id}")).json["hypervisor"]
        assert shown == detail | {"uptime": " 00:01:40 up  0:01"}
        assert (await c.admin().get(f"{HYPERVISORS}/detail")).json["hypervisors"] == [shown]
        middle = (await c.admin("2.87").get(f"{HYPERVISORS}/{host.id}")).json["hypervisor"]
        assert middle == detail | COUNTERS | {"cpu_info": {"model": "host"}}
        old = (await c.admin("2.1").get(f"{HYPERVISORS}/1")).json["hypervisor"]
        service = {"id": 1, "host": "h1", "disabled_reason": None}
        assert old | {"cpu_info": json.loads(old["cpu_info"])} == middle | {"id": 1, "service": service}
        assert (await c.admin("2.28").get(f"{HYPERVISORS}/1")).json["hypervisor"]["cpu_info"] == {"model": "host"}
        uptime = {"hypervisor": basic | {"id": 1, "uptime": " 00:01:40 up  0:01"}}
        assert (await c.admin("2.52").get(f"{HYPERVISORS}/1/uptime")).json == uptime
        assert (await c.admin("2.53").get(f"{HYPERVISORS}/{host.id}/uptime")).json["hypervisor"]["id"] == host.id
        assert (await c.admin("2.88").get(f"{HYPERVISORS}/{host.id}/uptime")).status == 404
        assert (await c.admin("2.87").get(f"{HYPERVISORS}/statistics")).json == {"hypervisor_statistics": COUNTERS | {"count": 1}}


async def test_a_hypervisor_that_is_down_or_none():
    async with compute() as c:
        (host,) = await hosts(c)
        await asyncio.sleep(200)
        assert (await c.admin().get(f"{HYPERVISORS}/{host.id}")).json["hypervisor"]["uptime"] is None
        assert (await c.admin("2.87").get(f"{HYPERVISORS}/{host.id}/uptime")).status == 400
        for version, id, status in (("2.87", "1", 400), ("2.87", NOBODY, 404), ("2.52", "x", 404), ("2.52", "99", 404)):
            for what in ("", "/uptime"):
                assert (await c.admin(version).get(f"{HYPERVISORS}/{id}{what}")).status == status


async def test_searching_hypervisors():
    async with compute() as c:
        first, _ = await hosts(c, "alpha", "beta")
        server = await a_server(c, host="alpha")
        on_alpha = [{"uuid": server, "name": "server"}]
        old = (await c.admin("2.52").get(f"{HYPERVISORS}/a/servers")).json["hypervisors"]
        assert [(h["hypervisor_hostname"], h.get("servers")) for h in old] == [("alpha", on_alpha), ("beta", None)]
        assert [h["id"] for h in (await c.admin("2.52").get(f"{HYPERVISORS}/lph/search")).json["hypervisors"]] == [1]
        assert (await c.admin("2.52").get(f"{HYPERVISORS}/none/search")).status == 404
        assert (await c.admin("2.53").get(f"{HYPERVISORS}/lph/search")).status == 404
        new = (await c.admin().get(f"{HYPERVISORS}?with_servers=true")).json["hypervisors"]
        assert [h["servers"] for h in new] == [on_alpha, []]
        assert "servers" not in (await c.admin("2.74").get(f"{HYPERVISORS}?with_servers=true")).json["hypervisors"][1]
        assert (await c.admin().get(f"{HYPERVISORS}/{first.id}?with_servers=True")).json["hypervisor"]["servers"] == on_alpha
        assert [h["id"] for h in (await c.admin().get(f"{HYPERVISORS}?hypervisor_hostname_pattern=lph")).json["hypervisors"]] == [
            first.id
        ]
        assert (await c.admin().get(f"{HYPERVISORS}?hypervisor_hostname_pattern=none")).status == 404
        assert (await c.admin().get(f"{HYPERVISORS}?hypervisor_hostname_pattern=a&limit=1")).status == 400
        assert (await c.admin().get(f"{HYPERVISORS}?with_servers=maybe")).status == 400
        assert (await c.admin("2.53").get(f"{HYPERVISORS}?x=1")).status == 400


async def test_hypervisors_are_paged_since_2_33():
    async with compute() as c:
        one, two = await hosts(c, "h1", "h2")
        page = (await c.admin().get(f"{HYPERVISORS}?limit=1")).json
        assert [h["id"] for h in page["hypervisors"]] == [one.id]
        assert page["hypervisors_links"][0]["href"].endswith(f"/compute/v2.1/os-hypervisors?limit=1&marker={one.id}")
        assert [h["id"] for h in (await c.admin().get(f"{HYPERVISORS}?limit=1&marker={one.id}")).json["hypervisors"]] == [two.id]
        assert [h["id"] for h in (await c.admin("2.33").get(f"{HYPERVISORS}/detail?marker=1")).json["hypervisors"]] == [2]
        assert (await c.admin().get(f"{HYPERVISORS}?marker={NOBODY}")).status == 400
        assert len((await c.admin("2.32").get(f"{HYPERVISORS}?limit=1")).json["hypervisors"]) == 2


async def test_zones():
    async with compute() as c:
        await hosts(c, "h1", "h2", "h3")
        made = await c.resources.aggregates.create("a", "east")
        await c.resources.aggregates.add_host(made.id, "h1")
        (await c.resources.aggregates.create("b", "empty"))
        zone = {"zoneState": {"available": True}, "hosts": None}
        listed = (await c.member().get(ZONES)).json["availabilityZoneInfo"]
        assert listed == [zone | {"zoneName": "east"}, zone | {"zoneName": "nova"}]
        await c.admin("2.1").put(f"{SERVICES}/disable", {"host": "h1", "binary": "nova-compute"})
        listed = (await c.member().get(ZONES)).json["availabilityZoneInfo"]
        assert [(z["zoneName"], z["zoneState"]["available"]) for z in listed] == [("nova", True), ("east", False)]
        detail = {z["zoneName"]: z for z in (await c.admin().get(f"{ZONES}/detail")).json["availabilityZoneInfo"]}
        state = {"nova-compute": {"available": True, "active": True, "updated_at": "2026-01-01T00:00:00.000000"}}
        assert detail["nova"]["hosts"] == {"h2": state, "h3": state} and detail["east"]["hosts"] is None
        assert {binary for binaries in detail["internal"]["hosts"].values() for binary in binaries} == {
            "nova-conductor",
            "nova-scheduler",
        }
        assert (await c.member().get(f"{ZONES}/detail")).status == 403


async def test_hosts_of_old():
    async with compute() as c:
        await hosts(c)
        await a_server(c, host="h1", vcpus=2, memory_mb=512, root_gib=10)
        admin = c.admin("2.42")
        found = (await admin.get(HOSTS)).json["hosts"]
        assert [(h["service"], h["zone"]) for h in found] == [
            ("conductor", "internal"),
            ("scheduler", "internal"),
            ("compute", "nova"),
        ]
        assert (await admin.get(f"{HOSTS}?zone=xxx")).json == {"hosts": []}
        assert [h["host_name"] for h in (await admin.get(f"{HOSTS}?zone=nova")).json["hosts"]] == ["h1"]
        shown = {row["resource"]["project"]: row["resource"] for row in (await admin.get(f"{HOSTS}/h1")).json["host"]}
        assert shown["(total)"] == {"host": "h1", "project": "(total)", "cpu": 8, "memory_mb": 16384, "disk_gb": 100}
        assert (
            shown["p1"] == shown["(used_max)"] | {"project": "p1"}
            and shown["p1"]["cpu"] == 2
            and shown["(used_now)"]["memory_mb"] == 1024
        )
        assert (await admin.put(f"{HOSTS}/h1", {"status": "Disable"})).json == {"host": "h1", "status": "disabled"}
        assert (await c.resources.hosts.get("h1")).disabled
        for bad, status in (({}, 400), ({"status": "off"}, 400), ({"param": "x"}, 400), ({"maintenance_mode": "enable"}, 501)):
            assert (await admin.put(f"{HOSTS}/h1", bad)).status == status
        assert (await admin.put(f"{HOSTS}/h9", {"status": "enable"})).status == 404
        for verb in ("startup", "shutdown", "reboot"):
            assert (await admin.get(f"{HOSTS}/h1/{verb}")).status == 501 and (await admin.get(f"{HOSTS}/h9/{verb}")).status == 404
        assert (await admin.get(f"{HOSTS}/h9")).status == 404 and (await c.admin("2.43").get(HOSTS)).status == 404


@pytest.mark.parametrize("path", [SERVICES, HYPERVISORS, f"{HYPERVISORS}/detail", f"{HYPERVISORS}/{NOBODY}"])
async def test_only_administrators_look(path):
    async with compute() as c:
        for role in ("reader", "member", "manager"):
            assert (await c.caller(role).get(path)).status == 403
