"""Passwords and crash dumps; locks, and what is recorded of them; what images say of their guests."""

from types import SimpleNamespace

import pytest

from pileus.compute.sagas.guest import shutdown_s

COMPUTE = "/compute/v2.1"


async def recorded(cloud, id):
    actions = (await (await cloud.as_()).get(f"{COMPUTE}/servers/{id}/os-instance-actions")).json["instanceActions"]
    return [(a["action"], a["message"]) for a in actions]


async def test_a_password_is_set_in_the_guest(cloud):
    id = await cloud.boot()
    for body in ({}, {"adminPass": 1}, {"adminPass": "x", "y": 1}):
        assert (await cloud.act(id, "changePassword", body)).status == 400
    assert (await cloud.act(id, "changePassword", {"adminPass": "geheim"})).status == 202
    assert cloud.drivers["h1"].guest(id).passwords == {"root": "geheim"}
    cloud.drivers["h1"].fails = {"set_password"}
    assert (await cloud.act(id, "changePassword", {"adminPass": "x"})).status == 500
    server = await cloud.show(id)
    assert server["status"] == "ACTIVE" and server["OS-EXT-STS:task_state"] is None
    assert {("changePassword", "Error"), ("changePassword", None)} <= set(await recorded(cloud, id))
    await cloud.act(id, "os-stop")
    await cloud.settle(70)
    got = await cloud.act(id, "changePassword", {"adminPass": "x"})
    assert got.status == 409 and "vm_state stopped" in got.text


async def test_a_crash_dump_is_triggered(cloud):
    id = await cloud.boot()
    assert (await cloud.act(id, "trigger_crash_dump", {"a": 1})).status == 400
    assert (await cloud.act(id, "trigger_crash_dump", version="2.16")).status == 404
    assert (await cloud.act(id, "trigger_crash_dump")).status == 202
    assert cloud.drivers["h1"].guest(id).interrupts == 1
    await cloud.act(id, "os-stop")
    await cloud.settle(70)
    assert (await cloud.act(id, "trigger_crash_dump")).status == 409
    assert cloud.drivers["h1"].guest(id).interrupts == 1


async def test_locks_refuse_every_verb_and_are_recorded(cloud):
    id, image = await cloud.boot(), await cloud.image()
    assert (await cloud.act(id, "lock", {"locked_reason": []}, version="2.73")).status == 400
    assert (await cloud.act(id, "lock", {"locked_reason": "why"})).status == 202
    verbs = {"createImage": {"name": "x"}, "createBackup": {"name": "x", "backup_type": "d", "rotation": 1}, "rebuild": {"imageRef": image},
             "resize": {"flavorRef": "84"}, "confirmResize": None, "revertResize": None, "rescue": None, "unrescue": None, "shelve": None,
             "unshelve": None, "changePassword": {"adminPass": "x"}, "trigger_crash_dump": None, "restore": None, "forceDelete": None}
    admin = await cloud.as_("pileus-admin")
    await admin.post(f"{COMPUTE}/flavors", {"flavor": {"id": "84", "name": "larger", "vcpus": 2, "ram": 256, "disk": 2}})
    for verb, value in verbs.items():
        got = await cloud.act(id, verb, value)
        assert got.status == 409 and "is locked" in got.text, (verb, got.text)
    assert (await cloud.show(id))["locked_reason"] == "why"
    assert (await cloud.act(id, "unlock")).status == 202
    assert sorted(name for name, _ in await recorded(cloud, id)) == ["create", "lock", "unlock"]      # all in one virtual moment


async def test_what_no_host_can_give_is_refused_by_the_scheduler(cloud):
    """And not by a host at boot; what hosts can give is given."""
    admin = await cloud.as_("pileus-admin")
    image = await cloud.image()

    async def status(**properties):
        changes = [{"op": "add", "path": f"/{name}", "value": value} for name, value in properties.items()]
        headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
        assert (await admin.patch(f"/image/v2/images/{image}", changes, headers=headers)).status == 200
        id = (await cloud.order(imageRef=image)).json["server"]["id"]
        await cloud.settle()
        return await cloud.show(id)

    assert (await status(hw_disk_bus="scsi", hw_video_model="vga"))["status"] == "ACTIVE"
    refused = await status(hw_disk_bus="xen")
    assert refused["status"] == "ERROR" and refused["fault"]["message"].startswith("No valid host")


@pytest.mark.parametrize("told, waits_s", [
    ({}, 60), ({"image_os_shutdown_timeout": "5"}, 5), ({"image_os_shutdown_timeout": "86400"}, 300),
])
def test_an_image_says_how_long_its_guests_take_to_shut_down(told, waits_s):
    assert shutdown_s(SimpleNamespace(system_metadata=told)) == waits_s


async def test_a_server_on_no_host_is_not_ready_whatever_an_administrator_says_it_is(cloud):
    """What is offloaded has no guest, also when its state was set back by hand."""
    id, image, network = await cloud.boot(), await cloud.image(), await cloud.network()
    assert (await cloud.act(id, "shelve")).status == 202
    await cloud.settle(70)
    assert (await cloud.show(id))["status"] == "SHELVED_OFFLOADED"
    assert (await cloud.act(id, "os-resetState", {"state": "active"}, cloud="pileus-admin")).status == 202
    before = await recorded(cloud, id)
    admin = await cloud.as_("pileus-admin")
    await admin.post(f"{COMPUTE}/flavors", {"flavor": {"id": "84", "name": "larger", "vcpus": 2, "ram": 256, "disk": 2}})
    verbs = {"changePassword": {"adminPass": "x"}, "trigger_crash_dump": None, "os-stop": None, "reboot": {"type": "SOFT"}, "pause": None,
             "suspend": None, "createImage": {"name": "x"}, "createBackup": {"name": "x", "backup_type": "d", "rotation": 1},
             "rescue": None, "rebuild": {"imageRef": image}, "resize": {"flavorRef": "84"}, "shelve": None,
             "os-getConsoleOutput": {}}
    for verb, value in verbs.items():
        got = await cloud.act(id, verb, value)
        assert got.status == 409 and "is not ready" in got.text, (verb, got.text)
    user = await cloud.as_()
    plugged = await user.post(f"{COMPUTE}/servers/{id}/os-interface", {"interfaceAttachment": {"net_id": network}})
    told = await (await cloud.as_("pileus-admin")).get(f"{COMPUTE}/servers/{id}/diagnostics")
    assert [(got.status, "is not ready" in got.text) for got in (plugged, told)] == [(409, True), (409, True)]
    server = await cloud.show(id)
    assert server["OS-EXT-STS:task_state"] is None and await recorded(cloud, id) == before
    assert (await user.delete(f"{COMPUTE}/servers/{id}")).status == 204
    await cloud.settle()
    await cloud.assert_clean()
