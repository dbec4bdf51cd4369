"""Servers, through the public API of a whole cloud."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from pileus.compute.hypervisor.base import GuestSpec, Power, RootDisk
from tests.cloud import TestCloud

COMPUTE = "/compute/v2.1"


async def test_a_server_is_built_shown_and_deleted(cloud):
    got = await cloud.order(name="web", metadata={"a": "b"})
    assert got.status == 202 and got.json["server"]["adminPass"]
    id = got.json["server"]["id"]
    assert (await cloud.show(id))["status"] == "BUILD"
    await cloud.settle()
    server = await cloud.show(id)
    assert server["status"] == "ACTIVE" and server["OS-EXT-STS:power_state"] == 1 and server["metadata"] == {"a": "b"}
    assert server["OS-EXT-SRV-ATTR:host"] == "h1" and server["OS-EXT-AZ:availability_zone"] == "nova"
    await cloud.assert_clean(servers={id})
    member = await cloud.as_()
    assert (await member.delete(f"{COMPUTE}/servers/{id}")).status == 204
    await cloud.settle()
    assert await cloud.show(id) is None
    await cloud.assert_clean()


async def test_a_server_on_a_network_has_an_address_and_a_wired_port(cloud):
    id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    server = await cloud.show(id)
    (entry,) = server["addresses"]["private"]
    assert entry["addr"].startswith("10.11.12.") and entry["OS-EXT-IPS:type"] == "fixed"
    assert server["security_groups"] == [{"name": "default"}]
    wanted = cloud.datapaths["h1"].wanted
    assert [p.mac for p in wanted.ports] == [entry["OS-EXT-IPS-MAC:mac_addr"]]
    await cloud.assert_clean(servers={id})
    await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")
    await cloud.settle()
    await cloud.assert_clean()


@pytest.mark.parametrize("action, value, during, after", [
    ("os-stop", None, "powering-off", "SHUTOFF"), ("pause", None, "pausing", "PAUSED"), ("suspend", None, "suspending", "SUSPENDED"),
    ("reboot", {"type": "SOFT"}, "rebooting", "ACTIVE"), ("reboot", {"type": "HARD"}, "rebooting_hard", "ACTIVE"),
])
async def test_power(cloud, action, value, during, after):
    id = await cloud.boot()
    cloud.drivers["h1"].delays = {"power": 10, "reboot": 10}
    assert (await cloud.act(id, action, value)).status == 202
    assert (await cloud.show(id))["OS-EXT-STS:task_state"] == during
    await cloud.settle(120)
    server = await cloud.show(id)
    assert server["status"] == after and server["OS-EXT-STS:task_state"] is None
    back = {"SHUTOFF": "os-start", "PAUSED": "unpause", "SUSPENDED": "resume"}.get(after)
    if back:
        again = await cloud.act(id, action, value)
        assert again.status == 409 and "while it is in vm_state" in again.json["conflictingRequest"]["message"]
        assert (await cloud.act(id, back)).status == 202
        await cloud.settle()
        assert (await cloud.show(id))["status"] == "ACTIVE"
    await cloud.assert_clean(servers={id})


async def test_no_valid_host_leaves_nothing_behind(cloud):
    admin = await cloud.as_("pileus-admin")
    await admin.post(f"{COMPUTE}/flavors", {"flavor": {"id": "huge", "name": "huge", "vcpus": 1, "ram": 10_000_000, "disk": 1}})
    got = await cloud.order("pileus-admin", flavorRef="huge")
    assert got.status == 403          # over quota of memory
    await admin.put(f"{COMPUTE}/os-quota-sets/{await cloud.project('pileus-admin')}", {"quota_set": {"ram": -1}})
    got = await cloud.order("pileus-admin", flavorRef="huge")
    assert got.status == 202, got.text
    await cloud.settle()
    server = await cloud.show(got.json["server"]["id"])
    assert server["status"] == "ERROR" and "No valid host" in server["fault"]["message"] and "RamFilter" in server["fault"]["message"]
    await cloud.assert_clean()


async def test_a_host_that_says_no_is_followed_by_the_next():
    async with TestCloud(hosts=3) as cloud:
        first = next(iter(cloud.drivers))
        for name, driver in cloud.drivers.items():
            driver.fails = {"spawn"} if name != first else set()
        id = await cloud.boot(networks=[{"uuid": await cloud.network()}])
        assert (await cloud.show(id))["OS-EXT-SRV-ATTR:host"] == first
        await cloud.assert_clean(servers={id})


async def test_all_hosts_say_no():
    async with TestCloud(hosts=4) as cloud:
        for driver in cloud.drivers.values():
            driver.fails = {"spawn"}
        got = await cloud.order(networks=[{"uuid": await cloud.network()}])
        await cloud.settle()
        server = await cloud.show(got.json["server"]["id"])
        assert server["status"] == "ERROR" and server["fault"]["message"].startswith("No valid host was found. Exceeded maximum")
        await cloud.assert_clean()


async def test_delete_wins_over_a_build_that_hangs(cloud):
    cloud.drivers["h1"].delays = {"spawn": 10_000}
    got = await cloud.order(networks=[{"uuid": await cloud.network()}])
    id = got.json["server"]["id"]
    await asyncio.sleep(5)
    assert (await cloud.show(id))["OS-EXT-STS:task_state"] == "spawning"
    assert (await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")).status == 204
    await cloud.settle()
    assert await cloud.show(id) is None
    await cloud.assert_clean()


async def test_several_at_once_and_their_reservation(cloud):
    got = await cloud.order(min_count=2, max_count=3, return_reservation_id=True)
    assert got.status == 202 and set(got.json) == {"reservation_id"}
    await cloud.settle()
    admin = await cloud.as_("pileus-admin")
    found = (await admin.get(f"{COMPUTE}/servers/detail?all_tenants=1&reservation_id={got.json['reservation_id']}")).json["servers"]
    assert all("fault" not in s for s in found), [s.get("fault") for s in found]
    assert sorted(s["name"] for s in found) == ["s-1", "s-2", "s-3"] and {s["status"] for s in found} == {"ACTIVE"}


async def test_over_quota_makes_nothing(cloud):
    got = await cloud.order(min_count=11, max_count=11)
    assert got.status == 403 and "Quota exceeded" in got.json["forbidden"]["message"]
    assert (await (await cloud.as_()).get(f"{COMPUTE}/servers")).json["servers"] == []
    await cloud.assert_clean()


async def test_somebody_elses_server_is_not_found(cloud):
    id = await cloud.boot()
    other = await cloud.as_("pileus-alt")
    assert (await other.get(f"{COMPUTE}/servers/{id}")).status == 404
    assert (await other.delete(f"{COMPUTE}/servers/{id}")).status == 404
    assert (await other.post(f"{COMPUTE}/servers/{id}/action", {"os-stop": None})).status == 404
    assert (await other.get(f"{COMPUTE}/servers")).json["servers"] == []
    assert (await other.get(f"{COMPUTE}/servers?all_tenants=1")).status == 403


async def test_a_locked_server_stays_as_it_is(cloud):
    id = await cloud.boot()
    assert (await cloud.act(id, "lock", {"locked_reason": "mine"})).status == 202
    assert (await cloud.act(id, "os-stop")).status == 409
    assert (await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")).status == 409
    assert (await cloud.show(id))["locked_reason"] == "mine"
    assert (await cloud.act(id, "unlock")).status == 202
    assert (await cloud.act(id, "os-stop")).status == 202


@pytest.mark.parametrize("fields", [
    {"name": ""}, {"name": " "}, {"name": "n" * 256}, {"name": 5}, {"flavorRef": "none"}, {"flavorRef": -1}, {"imageRef": "x"},
    {"key_name": "none"}, {"networks": [{"uuid": "5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d"}]},
    {"security_groups": [{"name": "none"}], "networks": "auto"}, {"availability_zone": "mars"}, {"min_count": 0},
    {"min_count": 3, "max_count": 2}, {"metadata": {"k" * 256: "v"}}, {"metadata": {"": "v"}}, {"metadata": {"k": "v" * 256}},
    {"user_data": "no base64!"}, {"accessIPv4": "::1"}, {"surprise": 1}, {"tags": ["a/b"]},
    {"block_device_mapping_v2": [{"source_type": "volume", "destination_type": "volume", "uuid": "x", "boot_index": 0}]},
])
async def test_bad_orders_are_refused_and_make_nothing(cloud, fields):
    got = await cloud.order(**fields)
    assert got.status == 400 and got.json["badRequest"]["message"], got.text
    await cloud.assert_clean()


@pytest.mark.parametrize("network", [{"fixed_ip": "10.0.0.9"}, {"port": "5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d"}])
async def test_several_servers_do_not_share_an_address_or_a_port(cloud, network):
    got = await cloud.order(networks=[{"uuid": await cloud.network()} | network], max_count=2)
    assert got.status == 400
    await cloud.assert_clean()


async def test_a_host_name_may_have_a_domain_since_2_94(cloud):
    name, member = "x" * 52 + "-guest-test.example.com", await cloud.as_()
    assert (await cloud.order(hostname=name, version="2.93")).status == 400
    assert (await cloud.order(hostname=name, max_count=2, version="2.94")).status == 400
    server = await cloud.boot(hostname=name, version="2.94")
    assert (await cloud.show(server))["OS-EXT-SRV-ATTR:hostname"] == name
    for version, wanted, status in (("2.93", "a.b", 400), ("2.93", "web", 200), ("2.94", "a.b", 200), ("2.94", "a/b", 400),
                                    ("2.89", "web", 400)):
        caller = member.with_headers(OpenStack_API_Version=f"compute {version}")
        got = await caller.put(f"{COMPUTE}/servers/{server}", {"server": {"hostname": wanted}})
        assert got.status == status, (version, wanted, got.text)


async def test_a_pin_comes_and_goes_since_2_104(cloud):
    server = await cloud.boot()
    member = (await cloud.as_()).with_headers(OpenStack_API_Version="compute 2.104")

    async def pin(zone):
        got = await member.put(f"{COMPUTE}/servers/{server}", {"server": {"pinned_availability_zone": zone}})
        return got.json["server"]["pinned_availability_zone"] if got.status == 200 else got.status

    assert [await pin(zone) for zone in (None, "mars", "nova", "nova", "mars", None)] == [None, 409, "nova", "nova", 409, None]
    old = member.with_headers(OpenStack_API_Version="compute 2.103")
    assert (await old.put(f"{COMPUTE}/servers/{server}", {"server": {"pinned_availability_zone": None}})).status == 400


async def test_an_empty_id_is_not_the_list(cloud):
    member = await cloud.as_()
    for method, path in (("GET", "servers/"), ("GET", "flavors/"), ("DELETE", "servers/"), ("GET", "os-simple-tenant-usage/")):
        assert (await member.request(method, f"{COMPUTE}/{path}")).status == 404
    assert (await member.get(f"{COMPUTE}/servers")).status == (await member.get(f"{COMPUTE}/")).status == 200


async def test_without_soft_deletes_there_is_nothing_to_restore(cloud):
    server = await cloud.boot()
    assert (await cloud.act(server, "restore")).status == 409
    assert (await cloud.act("5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d", "restore")).status == 404


async def test_a_flavor_may_be_named_by_a_number(cloud):
    assert (await cloud.show(await cloud.boot(flavorRef=42)))["flavor"]["original_name"]


async def test_injecting_network_info_is_accepted_and_changes_nothing(cloud):
    server = await cloud.boot(networks=[{"uuid": await cloud.network()}])
    datapath, before = cloud.datapaths["h1"], await cloud.show(server)
    datapath.wanted = None
    assert (await cloud.act(server, "injectNetworkInfo", cloud="pileus")).status == 403
    assert (await cloud.act(server, "injectNetworkInfo", cloud="pileus-admin")).status == 202
    await cloud.settle()
    assert datapath.wanted is None and await cloud.show(server) == before
    assert (await cloud.act(server, "resetNetwork", cloud="pileus-admin")).status == 410


async def test_a_dead_host_gets_no_servers():
    async with TestCloud(hosts=2) as cloud:
        admin = (await cloud.as_("pileus-admin")).with_headers(OpenStack_API_Version="compute 2.53")
        services = (await admin.get(f"{COMPUTE}/os-services?binary=nova-compute")).json["services"]
        assert (await admin.put(f"{COMPUTE}/os-services/{services[0]['id']}", {"status": "disabled"})).status == 200
        for _ in range(3):
            assert (await cloud.show(await cloud.boot()))["OS-EXT-SRV-ATTR:host"] == services[1]["host"]


async def test_forced_host_is_for_administrators():
    async with TestCloud(hosts=3) as cloud:
        host = list(cloud.drivers)[1]
        assert (await cloud.order(availability_zone=f"nova:{host}")).status == 403
        got = await cloud.order("pileus-admin", availability_zone=f"nova:{host}")
        await cloud.settle()
        assert (await cloud.show(got.json["server"]["id"]))["OS-EXT-SRV-ATTR:host"] == host


@pytest.mark.parametrize("policy, same", [("affinity", True), ("anti-affinity", False)])
async def test_server_groups(policy, same):
    async with TestCloud(hosts=3) as cloud:
        member = (await cloud.as_()).with_headers(OpenStack_API_Version="compute 2.64")
        made = await member.post(f"{COMPUTE}/os-server-groups", {"server_group": {"name": "g", "policy": policy}})
        group = made.json["server_group"]["id"]
        ids = [await cloud.boot(hints={"group": group}) for _ in range(3)]
        hosts = {(await cloud.show(id))["OS-EXT-SRV-ATTR:host"] for id in ids}
        assert len(hosts) == (1 if same else 3)
        assert set((await member.get(f"{COMPUTE}/os-server-groups/{group}")).json["server_group"]["members"]) == set(ids)


async def test_console_log(cloud):
    id = await cloud.boot()
    text = (await cloud.act(id, "os-getConsoleOutput", {})).json["output"]
    assert len(text.split("\n")) > 3
    assert (await cloud.act(id, "os-getConsoleOutput", {"length": 2})).json["output"].count("\n") == 1


async def test_a_guest_that_stops_by_itself_is_noticed(cloud):
    id = await cloud.boot()
    await cloud.drivers["h1"].power(id, Power.SHUTDOWN)
    await cloud.settle(130)
    assert (await cloud.show(id))["status"] == "SHUTOFF"


async def test_orphaned_guests_are_reaped_and_unknown_ones_left_alone(cloud):
    id = await cloud.boot()
    driver = cloud.drivers["h1"]
    stranger = GuestSpec(id="00000000-0000-0000-0000-000000000001", name="x", vcpus=1, memory_mb=64, root=RootDisk(base="/x", format="raw"))
    await driver.spawn(stranger)
    await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")
    await cloud.settle()
    await driver.spawn(msgspec.structs.replace(stranger, id=id))
    await cloud.settle(130)
    assert await cloud.guests() == {stranger.id}


async def test_attach_and_detach_an_interface(cloud):
    id = await cloud.boot()
    member = await cloud.as_()
    got = await member.post(f"{COMPUTE}/servers/{id}/os-interface", {"interfaceAttachment": {"net_id": await cloud.network()}})
    assert got.status == 200, got.text
    port = got.json["interfaceAttachment"]["port_id"]
    assert [i["port_id"] for i in (await member.get(f"{COMPUTE}/servers/{id}/os-interface")).json["interfaceAttachments"]] == [port]
    assert (await member.delete(f"{COMPUTE}/servers/{id}/os-interface/{port}")).status == 202
    await cloud.settle()
    assert (await member.get(f"{COMPUTE}/servers/{id}/os-interface")).json["interfaceAttachments"] == []
    await cloud.assert_clean(servers={id})


async def test_paging(cloud):
    for i in range(5):
        await cloud.boot(name=f"s{i}")
    member, seen = await cloud.as_(), []
    url = f"{COMPUTE}/servers?limit=2&sort_key=display_name&sort_dir=asc"
    while url:
        got = (await member.get(url)).json
        seen += [s["name"] for s in got["servers"]]
        url = next((link["href"].split("//", 1)[1].split("/", 1)[1] for link in got.get("servers_links", [])), None)
        url = url and "/" + url
    assert seen == [f"s{i}" for i in range(5)]


@pytest.mark.parametrize("when", ["yesterday", "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-12:00"])
async def test_changes_since_what_is_no_moment(cloud, when):
    member, id = (await cloud.as_()).with_headers(OpenStack_API_Version="compute 2.96"), await cloud.boot()
    for listed in ("servers", f"servers/{id}/os-instance-actions"):
        assert (await member.get(f"{COMPUTE}/{listed}?changes-since={when}")).status == 400
        assert (await member.get(f"{COMPUTE}/{listed}?changes-before={when}")).status == 400


async def test_operators_traits_of_a_host_stay(cloud):
    admin = (await cloud.as_("pileus-admin")).with_headers(OpenStack_API_Version="placement 1.39")
    provider = (await admin.get("/placement/resource_providers")).json["resource_providers"][0]
    await admin.put("/placement/traits/CUSTOM_FAST")
    url = f"/placement/resource_providers/{provider['uuid']}/traits"
    known = (await admin.get(url)).json
    got = await admin.put(url, known | {"traits": [*known["traits"], "CUSTOM_FAST"]})
    assert got.status == 200
    await cloud.settle(130)
    assert "CUSTOM_FAST" in (await admin.get(url)).json["traits"]


async def test_a_guest_keeps_its_image_file_when_the_image_goes(cloud):
    admin, image = await cloud.as_("pileus-admin"), await cloud.image()
    id = await cloud.boot()
    (guest,) = await cloud.drivers["h1"].guests()
    assert (await admin.delete(f"/image/v2/images/{image}")).status == 204
    await cloud.settle(1300)
    assert all(Path(file).stat().st_size == 1 << 20 for file in guest.files) and guest.files
    assert (await cloud.act(id, "reboot", {"type": "HARD"})).status == 202
    await cloud.settle()
    assert (await cloud.show(id))["status"] == "ACTIVE"
    await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")
    await cloud.settle(1300)
    assert not any(Path(file).exists() for file in guest.files)
