"""What a comparison with Nova's own routes, schemas and rules brought to light: each a test of its own."""

import asyncio

import pytest

from pileus.compute.agent import prune_images
from pileus.compute.api.migrations import HOSTS
from pileus.compute.api.removed import PATHS
from tests.cloud import TestCloud
from tests.compute.test_evacuate import lose_host
from tests.compute.test_lost_hosts import LONG, die

COMPUTE = "/compute/v2.1"
NOBODY = "5b1bd9cb-4bd4-4d3e-a2dc-25bf5e8e9b8d"


async def at(cloud, version, who="pileus"):
    return (await cloud.as_(who)).with_headers(OpenStack_API_Version=f"compute {version}")


async def test_what_nova_took_away_is_gone(cloud):
    member = await cloud.as_()
    for path, methods in PATHS.items():
        for method in methods.split():
            body = {} if method in ("POST", "PUT") else None
            got = await member.request(method, COMPUTE + path.replace("{", "").replace("}", ""), json=body)
            assert got.status == 410, (method, path, got.text)


@pytest.mark.parametrize("version, body", [
    ("2.44", {"addFixedIp": {"networkId": NOBODY}}), ("2.44", {"addFloatingIp": {"address": "1.2.3.4"}}),
    ("2.6", {"os-getVNCConsole": {"type": "novnc"}}), ("2.16", {"trigger_crash_dump": None})])
async def test_an_action_outside_of_its_versions_is_not_there(cloud, version, body):
    id = await cloud.boot()
    assert (await (await at(cloud, version)).post(f"{COMPUTE}/servers/{id}/action", body)).status == 404
    assert (await (await at(cloud, version)).post(f"{COMPUTE}/servers/{id}/action", {"dance": None})).status == 400


async def test_a_cloud_without_volumes_and_shares_says_so(cloud):
    id, member, old = await cloud.boot(), await at(cloud, "2.97"), await at(cloud, "2.35")
    assert (await member.get(f"{COMPUTE}/servers/{id}/os-volume_attachments")).json == {"volumeAttachments": []}
    assert (await member.get(f"{COMPUTE}/servers/{id}/shares")).json == {"shares": []}
    for method, path, body in (("GET", f"os-volume_attachments/{NOBODY}", None), ("DELETE", f"os-volume_attachments/{NOBODY}", None),
                               ("PUT", f"os-volume_attachments/{NOBODY}", {}), ("GET", f"shares/{NOBODY}", None),
                               ("DELETE", f"shares/{NOBODY}", None), ("POST", "shares", {"share": {"share_id": NOBODY}}),
                               ("POST", "os-volume_attachments", {"volumeAttachment": {"volumeId": NOBODY}})):
        assert (await member.request(method, f"{COMPUTE}/servers/{id}/{path}", json=body)).status == 404, path
    assert (await member.post(f"{COMPUTE}/servers/{id}/os-volume_attachments", {"volumeAttachment": {}})).status == 400
    for noun, one in (("os-volumes", "volumes"), ("os-snapshots", "snapshots")):
        assert (await old.get(f"{COMPUTE}/{noun}")).json == (await old.get(f"{COMPUTE}/{noun}/detail")).json == {one: []}
        assert (await old.get(f"{COMPUTE}/{noun}/{NOBODY}")).status == (await old.delete(f"{COMPUTE}/{noun}/{NOBODY}")).status == 404
        assert (await old.post(f"{COMPUTE}/{noun}", {})).status == 400
    other = await at(cloud, "2.97", "pileus-alt")
    assert (await other.get(f"{COMPUTE}/servers/{id}/os-volume_attachments")).status == 404
    admin = await at(cloud, "2.35", "pileus-admin")
    assert (await admin.get(f"{COMPUTE}/os-baremetal-nodes")).json == {"nodes": []}
    assert (await admin.get(f"{COMPUTE}/os-baremetal-nodes/x")).status == 404
    assert (await admin.post(f"{COMPUTE}/os-baremetal-nodes", {"node": {}})).status == 400


async def test_only_administrators_start_servers_of_flavors_without_a_disk(cloud):
    admin = await cloud.as_("pileus-admin")
    body = {"flavor": {"name": "diskless", "ram": 64, "vcpus": 1, "disk": 0, "id": "diskless"}}
    assert (await admin.post(f"{COMPUTE}/flavors", body)).status == 200
    got = await cloud.order(flavorRef="diskless")
    assert got.status == 403 and "zero disk" in got.text
    assert (await cloud.order("pileus-admin", flavorRef="diskless")).status == 202


async def test_a_status_that_there_is_not(cloud):
    await cloud.boot()
    got = await (await at(cloud, "2.38")).get(f"{COMPUTE}/servers?status=sleepy")
    assert got.status == 400 and "Invalid status value" in got.text
    assert (await (await at(cloud, "2.37")).get(f"{COMPUTE}/servers?status=sleepy")).json == {"servers": []}
    assert len((await (await at(cloud, "2.38")).get(f"{COMPUTE}/servers?status=sleepy&status=active")).json["servers"]) == 1


async def test_a_rebuild_from_any_state_says_how_far_it_is(cloud):
    id = await cloud.boot()
    await cloud.act(id, "os-stop")
    await cloud.settle()
    got = await cloud.act(id, "rebuild", {"imageRef": await cloud.image()})
    assert got.json["server"]["status"] == "REBUILD" and got.json["server"]["progress"] == 0
    await cloud.settle()
    assert "progress" not in await cloud.show(id), "a server that is off makes none"


async def test_a_host_nobody_hears_of_is_unknown_and_one_that_was_forced_down_is_down():
    async with TestCloud(hosts=2) as cloud:
        id = await cloud.boot()
        host = (await cloud.show(id))["OS-EXT-SRV-ATTR:host"]
        assert (await cloud.show(id))["host_status"] == "UP"
        await die(cloud, host)
        await cloud.settle(LONG)
        cloud.tokens.clear()
        assert (await cloud.show(id))["host_status"] == "UNKNOWN"
        await lose_host(cloud, id)
        assert (await cloud.show(id))["host_status"] == "DOWN"


async def test_a_manager_is_not_told_between_which_hosts_a_server_moves():
    async with TestCloud(hosts=2) as cloud:
        id = await cloud.boot()
        for driver in cloud.drivers.values():
            driver.delays = {"migrate": 30}
        await cloud.act(id, "os-migrateLive", {"host": None, "block_migration": "auto"}, cloud="pileus-admin")
        await asyncio.sleep(3)
        admin = await at(cloud, "2.80", "pileus-admin")
        (shown,) = (await admin.get(f"{COMPUTE}/servers/{id}/migrations")).json["migrations"]
        assert shown["source_compute"] in cloud.drivers
        manager = await someone(cloud, "manager", "member", "reader")
        manager = manager.with_headers(OpenStack_API_Version="compute 2.80")
        (shown,) = (await manager.get(f"{COMPUTE}/servers/{id}/migrations")).json["migrations"]
        assert {shown[key] for key in HOSTS} == {None}
        assert (await manager.get(f"{COMPUTE}/servers/{id}/migrations/{shown['id']}")).status == 403


async def someone(cloud, *roles):
    """Somebody of the project with these roles."""
    admin, project = await cloud.as_("pileus-admin"), await cloud.project()
    user = await admin.post("/identity/v3/users", {"user": {"name": "m", "password": "secret", "domain_id": "default"}})
    id, known = user.json["user"]["id"], {r["name"]: r["id"] for r in (await admin.get("/identity/v3/roles")).json["roles"]}
    for role in roles:
        assert (await admin.put(f"/identity/v3/projects/{project}/users/{id}/roles/{known[role]}")).status == 204
    body = {"auth": {"scope": {"project": {"id": project}}, "identity": {"methods": ["password"], "password": {
        "user": {"id": id, "password": "secret"}}}}}
    caller = (await cloud.as_()).with_headers()
    caller.token = (await caller.post("/identity/v3/auth/tokens", body)).headers["x-subject-token"]
    return caller


async def test_the_images_of_an_aggregate_are_fetched_before_they_are_needed():
    async with TestCloud(hosts=2) as cloud:
        admin, image = await at(cloud, "2.81", "pileus-admin"), await cloud.image()
        assert (await admin.post(f"{COMPUTE}/os-aggregates", {"aggregate": {"name": "a"}})).status == 200
        await admin.post(f"{COMPUTE}/os-aggregates/1/action", {"add_host": {"host": "h1-0002"}})
        for body in ({}, {"cache": []}, {"cache": [{"id": "x"}]}, {"cache": [{"id": image}, {"id": image}]}):
            assert (await admin.post(f"{COMPUTE}/os-aggregates/1/images", body)).status == 400, body
        assert (await admin.post(f"{COMPUTE}/os-aggregates/2/images", {"cache": [{"id": image}]})).status == 404
        late = await at(cloud, "2.80", "pileus-admin")
        assert (await late.post(f"{COMPUTE}/os-aggregates/1/images", {"cache": [{"id": image}]})).status == 404
        member = await at(cloud, "2.81")
        assert (await member.post(f"{COMPUTE}/os-aggregates/1/images", {"cache": [{"id": image}]})).status == 403
        assert (await admin.post(f"{COMPUTE}/os-aggregates/1/images", {"cache": [{"id": NOBODY}, {"id": image}]})).status == 202
        await cloud.settle()
        assert {path.name for path in (cloud.state / "bases").iterdir() if path.is_file()} == {image}
        assert await prune_images(cloud.cloud.hosts["h1-0002"].compute) is None, "no guest has it yet, and it stays"
        assert await cloud.cloud.kit.sagas.open() == []


async def test_what_nova_never_took_is_refused(cloud):
    """To say nothing is not to say null, and blanks around names are no part of them."""
    id, member = await cloud.boot(), await at(cloud, "2.96")
    for fields in ({"key_name": None}, {"user_data": None}, {"config_drive": None}, {"config_drive": ""}, {"min_count": None},
                   {"max_count": None}, {"adminPass": None}, {"accessIPv4": ""}, {"accessIPv6": None}, {"availability_zone": None},
                   {"availability_zone": " nova"}, {"security_groups": None}, {"trusted_image_certificates": []}, {"hostname": None},
                   {"host": ""}, {"hypervisor_hostname": None}, {"return_reservation_id": "perhaps"}, {"name": " s"}):
        assert (await cloud.order("pileus-admin", **fields)).status == 400, fields
    image = await cloud.image()
    for name, value in (("rebuild", {"imageRef": image, "accessIPv4": ""}), ("rebuild", {"imageRef": image, "adminPass": None}),
                        ("rebuild", {"imageRef": image, "preserve_ephemeral": "perhaps"}), ("rescue", {"adminPass": None}),
                        ("rescue", {"rescue_image_ref": None}), ("resize", {"flavorRef": "1", "OS-DCF:diskConfig": None}),
                        ("lock", {"locked_reason": None}), ("createImage", {"name": "n "}), ("unshelve", {"host": None})):
        assert (await member.post(f"{COMPUTE}/servers/{id}/action", {name: value})).status == 400, (name, value)
    assert (await member.put(f"{COMPUTE}/servers/{id}", {"server": {"accessIPv4": ""}})).status == 400
    for address in (None, "", "10.0.0"):
        order = {"addFloatingIp": {"address": "172.24.4.9", "fixed_address": address}}
        assert (await (await at(cloud, "2.43")).post(f"{COMPUTE}/servers/{id}/action", order)).status == 400, address
    for new in (None, {"port_id": None}, {"port_id": ""}, {"net_id": None}):
        assert (await member.post(f"{COMPUTE}/servers/{id}/os-interface", {"interfaceAttachment": new})).status == 400, new
    assert (await (await at(cloud, "2.72")).post(f"{COMPUTE}/servers/{id}/action", {"lock": {"locked_reason": "why"}})).status == 202
    assert (await cloud.show(id))["locked_reason"] is None


async def test_the_second_name_of_servers(cloud):
    """Until 2.102."""
    id, old = await cloud.boot(), await at(cloud, "2.102")
    assert [s["id"] for s in (await old.get(f"{COMPUTE}/os-volumes_boot")).json["servers"]] == [id]
    assert (await old.get(f"{COMPUTE}/os-volumes_boot/{id}")).json["server"]["id"] == id
    assert (await old.post(f"{COMPUTE}/os-volumes_boot/{id}/action", {"os-stop": None})).status == 202
    await cloud.settle()
    assert (await old.delete(f"{COMPUTE}/os-volumes_boot/{id}")).status == 204
    assert (await (await at(cloud, "2.103")).get(f"{COMPUTE}/os-volumes_boot")).status == 404


async def test_ports_over_quota_are_refused_at_once(cloud):
    admin, project, network = await cloud.as_("pileus-admin"), await cloud.project(), await cloud.network()
    used = (await admin.get(f"/network/v2.0/quotas/{project}/details.json")).json["quota"]["port"]["used"]
    assert (await admin.put(f"/network/v2.0/quotas/{project}", {"quota": {"port": used + 3}})).status == 200
    got = await cloud.order(networks=[{"uuid": network}, {"uuid": network}], min_count=2)
    assert got.status == 403 and got.json["forbidden"]["message"] == "Maximum number of ports exceeded"
    await cloud.assert_clean()
    got = await cloud.order(networks=[{"uuid": network}, {"uuid": network}], max_count=2)
    assert got.status == 202
    await cloud.settle()
    member = await cloud.as_()
    (one,) = (await member.get(f"{COMPUTE}/servers")).json["servers"]
    attach = {"interfaceAttachment": {"net_id": network}}
    assert (await member.post(f"{COMPUTE}/servers/{one['id']}/os-interface", attach)).status == 200
    assert (await member.post(f"{COMPUTE}/servers/{one['id']}/os-interface", attach)).status == 403
    assert (await cloud.order(networks="auto")).status == 403
    assert (await cloud.order(networks="none")).status == 202
    assert (await admin.put(f"/network/v2.0/quotas/{project}", {"quota": {"port": -1}})).status == 200
    assert (await cloud.order(networks="auto")).status == 202
