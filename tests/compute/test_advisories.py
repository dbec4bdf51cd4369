"""Advisories that concern compute, by the rows of the list they came from: each attack is tried and must fail.

`ROWS` says where; what other tests try already is named there and not repeated here.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib

import pytest

from pileus.compute.hypervisor.base import HypervisorFailed
from tests.cloud import TestCloud
from tests.compute.test_consoles import link
from tests.compute.test_resize import held
from tests.image.formats import images as samples

COMPUTE, IMAGE = "/compute/v2.1", "/image/v2/images"
QEMU = "tests.compute.hypervisor.test_qemu_advisories"
ROWS = {
    1: [(QEMU, "test_ossa_2024_001_an_image_that_names_a_file_is_not_booted"),
        (__name__, "test_ossa_2024_001_and_002_an_image_that_lies_never_comes_as_far_as_a_boot")],
    2: [(QEMU, "test_ossa_2024_002_a_format_that_is_a_lie_is_not_booted"),
        (__name__, "test_ossa_2024_001_and_002_an_image_that_lies_never_comes_as_far_as_a_boot")],
    5: [(QEMU, "test_ossa_2016_001_what_a_guest_writes_is_never_a_header")],
    6: [(QEMU, "test_cve_2026_24708_every_tool_is_told_the_format")],
    7: [(QEMU, "test_ossa_2016_012_every_tool_runs_within_limits"),
        ("tests.image.formats.test_qemu_img", "test_ossa_2016_012_the_child_has_limits")],
    36: [("tests.network.test_advisories", "test_ossa_2014_008_nobody_plugs_into_a_foreign_router"),
         ("tests.network.metadata.test_server", "test_ossa_2013_033_what_a_guest_says_it_is_is_not_handed_on"),
         ("tests.compute.test_metadata", "test_nobody_is_told_of_others_ossa_2013_033")],
    37: [("tests.compute.test_consoles", "test_a_page_of_another_origin_is_refused_cve_2015_0259"),
         ("tests.compute.test_consoles", "test_the_page_is_ours_and_leads_nowhere_else"),
         (__name__, "test_ossa_2013_006_a_link_leads_to_its_own_guest_whatever_became_of_its_screen")],
    39: [(__name__, "test_ossa_2019_003_faults_say_nothing_of_hosts")],
    40: [(__name__, "test_ossa_2017_005_a_rebuild_asks_the_filters_and_takes_nothing_twice")],
    42: [("tests.compute.scheduler.test_filters", "test_ossa_2012_009_a_query_is_bounded_and_its_faults_are_the_users"),
         (__name__, "test_ossa_2012_003_nothing_is_taken_that_is_too_long"),
         (__name__, "test_ossa_2013_008_and_2012_005_addresses_and_rules_have_quotas")],
}


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_tried(row):
    for module, name in ROWS[row]:
        assert callable(getattr(importlib.import_module(module), name, None)), f"{module}.{name}"


LIES = [("qcow2", samples.qcow2(incompatible=1 << 2, extensions=samples.extension(0x44415441, b"/etc/passwd") + bytes(8))),
        ("qcow2", samples.qcow2(backing=b"/etc/passwd")), ("raw", samples.qcow2()), ("raw", samples.vmdk()), ("qcow2", samples.raw())]


@pytest.mark.parametrize(("declared", "data"), LIES)
async def test_ossa_2024_001_and_002_an_image_that_lies_never_comes_as_far_as_a_boot(cloud, declared, data):
    member = await cloud.as_()
    made = (await member.post(IMAGE, {"name": "lie", "disk_format": declared, "container_format": "bare"})).json
    sent = await member.request("PUT", f"{IMAGE}/{made['id']}/file", body=data, headers={"Content-Type": "application/octet-stream"})
    assert sent.status == 415, sent.text
    assert (await cloud.order(imageRef=made["id"])).status == 400
    await cloud.assert_clean()


async def test_ossa_2013_006_a_link_leads_to_its_own_guest_whatever_became_of_its_screen(cloud):
    first, second = await cloud.boot(), await cloud.boot()
    token = (await link(cloud, first)).partition("token=")[2]
    consoles, driver = cloud.cloud.services.compute.consoles, cloud.drivers["h1"]
    for id in (first, second):              # the second one may have the first one's port now
        await cloud.act(id, "os-stop")
    await cloud.settle(70)
    for id in (second, first):
        await cloud.act(id, "os-start")
        await cloud.settle()
    assert await consoles.resolve(token) == await driver.console(first, "vnc") != await driver.console(second, "vnc")


async def test_ossa_2019_003_faults_say_nothing_of_hosts():
    async with TestCloud(hosts=2) as cloud:
        async def broken(guest):
            raise HypervisorFailed(what="start the guest", detail="/var/lib/secret/disk on h1-0001 of 10.9.8.7: out of space")

        for driver in cloud.drivers.values():
            driver.spawn = broken
        id = (await cloud.order()).json["server"]["id"]
        await cloud.settle()
        member = (await cloud.as_()).with_headers(OpenStack_API_Version="compute 2.96")
        seen = [(await member.get(f"{COMPUTE}/servers/{id}")).text, (await member.get(f"{COMPUTE}/servers/{id}/os-instance-actions")).text]
        request = (await member.get(f"{COMPUTE}/servers/{id}/os-instance-actions")).json["instanceActions"][0]["request_id"]
        seen.append((await member.get(f"{COMPUTE}/servers/{id}/os-instance-actions/{request}")).text)
        assert '"ERROR"' in seen[0] and "fault" in seen[0]
        assert "10.9.8.7" in (await cloud.show(id))["fault"]["details"], "administrators are told, wherever the host is"
        for text in seen:
            assert not any(secret in text for secret in ("/var/lib", "h1-0001", "10.9.8.7", "details")), text


async def test_ossa_2017_005_a_rebuild_asks_the_filters_and_takes_nothing_twice(cloud):
    id, member = await cloud.boot(), await cloud.as_()
    before, claims = await cloud.show(id), await held(cloud)
    foreign = (await cloud.act(id, "createImage", {"name": "foreign", "metadata": {"hw_architecture": "aarch64"}})).json["image_id"]
    await cloud.settle()
    assert (await cloud.act(id, "rebuild", {"imageRef": foreign})).status == 202
    await cloud.settle()
    server = await cloud.show(id)
    assert server["status"] == "ERROR" and "No valid host" in server["fault"]["message"]
    assert server["image"] == before["image"] and await held(cloud) == claims
    assert cloud.drivers["h1"].spec(id).root.base.endswith(before["image"]["id"]), "what it was is still there"
    for image in (before["image"]["id"], foreign):
        if image == foreign:
            patch = [{"op": "replace", "path": "/hw_architecture", "value": "x86_64"}]
            patcher = member.with_headers(Content_Type="application/openstack-images-v2.1-json-patch")
            patched = await patcher.patch(f"{IMAGE}/{foreign}", patch)
            assert patched.status == 200, patched.text
        assert (await cloud.act(id, "rebuild", {"imageRef": image})).status == 202
        await cloud.settle()
        assert (await cloud.show(id))["status"] == "ACTIVE" and await held(cloud) == claims
    await cloud.assert_clean(servers={id})


LONG = "x" * 256
TOO_LONG = [{"name": LONG}, {"description": LONG}, {"hostname": LONG}, {"key_name": LONG}, {"availability_zone": LONG},
            {"user_data": "YQ==" * 20_000},
            {"metadata": {LONG: "v"}}, {"metadata": {"k": LONG}}, {"tags": ["x" * 61]}, {"tags": [str(n) for n in range(51)]},
            {"networks": [{"uuid": "5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d"}] * 300}]


@pytest.mark.parametrize("fields", TOO_LONG, ids=lambda fields: next(iter(fields)))
async def test_ossa_2012_003_nothing_is_taken_that_is_too_long(cloud, fields):
    got = await cloud.order(**fields)
    assert got.status == 400, got.text[:300]
    await cloud.assert_clean()


HINTS = [{"same_host": "not an id"}, {"different_host": ["../etc"]}, {"group": "nobody"}, {"build_near_host_ip": "x" * 5000}, {"query": 5}]


@pytest.mark.parametrize("hints", HINTS, ids=lambda hints: next(iter(hints)))
async def test_ossa_2012_009_hints_that_make_no_sense_are_refused(cloud, hints):
    assert (await cloud.order(hints=hints)).status == 400
    await cloud.assert_clean()


async def test_ossa_2013_008_and_2012_005_addresses_and_rules_have_quotas(cloud):
    admin, member, project = await cloud.as_("pileus-admin"), await cloud.as_(), await cloud.project()
    rules = (await admin.get(f"/network/v2.0/quotas/{project}")).json["quota"]
    assert all(rules[name] > 0 for name in ("port", "floatingip", "security_group", "security_group_rule"))
    network, used = await cloud.network(), len((await member.get("/network/v2.0/ports")).json["ports"])
    assert (await admin.put(f"/network/v2.0/quotas/{project}", {"quota": {"port": used + 1}})).status == 200
    first, second = [(await cloud.order(networks=[{"uuid": network}])) for _ in range(2)]
    await cloud.settle()
    states = sorted([(await cloud.show(got.json["server"]["id"]))["status"] for got in (first, second)])
    assert states == ["ACTIVE", "ERROR"] and len((await member.get("/network/v2.0/ports")).json["ports"]) <= used + 1
