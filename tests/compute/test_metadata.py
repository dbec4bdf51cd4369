"""What guests learn of themselves: who asks is decided by network and address, the documents are those of the config drive."""

import base64
import json

import pytest

from pileus.compute.interface import CONTROL, MetadataAnswers
from pileus.network.metadata.model import MetadataRequest

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL9m0uCKuQ4Kz0F4c0g0Vn4cXqkqB8mS0pS1m0h7m9J1 me"


async def boot(cloud, **fields):
    member = await cloud.as_()
    await member.post("/compute/v2.1/os-keypairs", {"keypair": {"name": "k", "public_key": KEY}})
    network = await cloud.network()
    id = await cloud.boot(name="Web One", key_name="k", metadata={"role": "web"}, user_data=base64.b64encode(b"#!/bin/sh\n").decode(),
                          networks=[{"uuid": network}], **fields)
    address = (await cloud.show(id))["addresses"]["private"][0]["addr"]
    return id, network, address


async def ask(cloud, network: str, address: str, path: str, **said):
    return await MetadataAnswers.at(CONTROL, cloud.cloud.kit.bus).answer(
        MetadataRequest(source_ip=address, network_id=network, path=path, **said))


async def test_openstack_format(cloud):
    id, network, address = await boot(cloud)
    got = await ask(cloud, network, address, "/openstack/latest/meta_data.json")
    data = json.loads(got.body)
    assert got.status == 200 and data["uuid"] == id and data["hostname"] == "web-one.novalocal" and data["meta"] == {"role": "web"}
    assert data["public_keys"] == {"k": KEY} and data["project_id"] == await cloud.project() and "admin_pass" not in data
    assert (await ask(cloud, network, address, "/openstack/latest/user_data")).body == b"#!/bin/sh\n"
    nics = json.loads((await ask(cloud, network, address, "/openstack/2018-08-27/network_data.json")).body)
    assert nics["networks"][0]["type"] == "ipv4_dhcp" and nics["links"][0]["ethernet_mac_address"].startswith("fa:16:3e")
    assert b"2018-08-27" in (await ask(cloud, network, address, "/openstack")).body
    assert (await ask(cloud, network, address, "/openstack/latest/nothing")).status == 404


async def test_ec2_format(cloud):
    _, network, address = await boot(cloud)
    assert (await ask(cloud, network, address, "/latest/meta-data/local-ipv4")).body.decode() == address
    assert (await ask(cloud, network, address, "/latest/meta-data/public-keys/0/openssh-key")).body.decode() == KEY
    assert (await ask(cloud, network, address, "/latest/meta-data/public-keys/")).body == b"0=k"
    assert (await ask(cloud, network, address, "/2009-04-04/meta-data/instance-type")).body == b"m1.nano"
    listing = (await ask(cloud, network, address, "/latest/meta-data/")).body.decode().split("\n")
    assert "placement/" in listing and "hostname" in listing
    assert (await ask(cloud, network, address, "/latest/user-data")).body == b"#!/bin/sh\n"


async def test_nobody_is_told_of_others_ossa_2013_033(cloud):
    """An address that nobody has, an address on another network, a server that is gone."""
    id, network, address = await boot(cloud)
    assert (await ask(cloud, network, "10.11.12.250", "/openstack/latest/meta_data.json")).status == 404
    assert (await ask(cloud, await cloud.network("public"), address, "/openstack/latest/meta_data.json")).status == 404
    await (await cloud.as_()).delete(f"/compute/v2.1/servers/{id}")
    await cloud.settle()
    assert (await ask(cloud, network, address, "/openstack/latest/meta_data.json")).status == 404


async def test_the_config_drive_has_the_same_and_the_password(cloud):
    id, network, address = await boot(cloud, config_drive=True, adminPass="secret-word")
    drive = cloud.drivers["h1"].spec(id).config_drive
    data = json.loads(drive["openstack/latest/meta_data.json"])
    served = json.loads((await ask(cloud, network, address, "/openstack/latest/meta_data.json")).body)
    assert data.pop("admin_pass") == "secret-word" and data == served
    assert drive["openstack/latest/user_data"] == b"#!/bin/sh\n"
    assert json.loads(drive["ec2/latest/meta-data.json"])["instance-type"] == "m1.nano"


async def test_guests_are_told_what_the_operator_tells_all(tmp_path):
    from tests.cloud import TestCloud

    file = tmp_path / "vendor.json"
    file.write_text('{"cloud-init": "#cloud-config"}')
    async with TestCloud(compute={"vendordata_file": str(file)}) as cloud:
        id, network, address = await boot(cloud, config_drive=True)
        asked = await ask(cloud, network, address, "/openstack/latest/vendor_data.json")
        assert json.loads(asked.body) == {"cloud-init": "#cloud-config"}
        drive = cloud.drivers["h1"]._guests[id].spec.config_drive
        assert drive["openstack/latest/vendor_data.json"] == asked.body


async def test_a_file_that_tells_nothing_is_refused_at_the_start(tmp_path):
    from tests.cloud import TestCloud

    (tmp_path / "list.json").write_text("[]")
    for file in (tmp_path / "absent.json", tmp_path / "list.json"):
        with pytest.raises(ValueError, match="vendordata_file"):
            await TestCloud(compute={"vendordata_file": str(file)}).start()


async def test_a_guest_says_once_what_its_password_is(cloud):
    id, network, address = await boot(cloud)
    path, shown = "/openstack/latest/password", f"/compute/v2.1/servers/{id}/os-server-password"
    member = await cloud.as_()

    async def say(body: bytes, to: str = path) -> int:
        return (await ask(cloud, network, address, to, method="POST", body=body)).status

    assert (await ask(cloud, network, address, path)).body == b""
    assert b"password" in (await ask(cloud, network, address, "/openstack/latest")).body.split(b"\n")
    assert await say(b"") == await say(b"a" * 1021) == await say("ä".encode()) == 400
    assert await say(b"x", "/openstack/latest/user_data") == await say(b"x", "/latest/meta-data/hostname") == 405
    assert (await member.get(shown)).json == {"password": ""}
    assert await say(b"c2VjcmV0") == 200
    assert await say(b"b3RoZXI=") == 409
    assert (await ask(cloud, network, address, path)).body == b"c2VjcmV0"
    assert (await member.get(shown)).json == {"password": "c2VjcmV0"}
    assert (await member.delete(shown)).status == 204
    assert await say(b"b3RoZXI=") == 200 and (await member.get(shown)).json == {"password": "b3RoZXI="}


async def test_nobody_says_the_password_of_another_server(cloud):
    id, network, _ = await boot(cloud)
    stranger = await ask(cloud, network, "10.11.12.250", "/openstack/latest/password", method="POST", body=b"x")
    assert stranger.status == 404
    assert (await (await cloud.as_()).get(f"/compute/v2.1/servers/{id}/os-server-password")).json == {"password": ""}


async def test_an_image_may_insist_on_a_config_drive(cloud):
    """A system that looks nowhere else would come up without its keys (Nova's img_config_drive)."""
    plain = await cloud.boot()
    wanting, content = [
        (await cloud.act(plain, "createImage", {"name": word, "metadata": {"img_config_drive": word}})).json["image_id"]
        for word in ("mandatory", "optional") if await cloud.settle() is None]
    await cloud.settle()
    assert (await cloud.show(await cloud.boot(imageRef=content)))["config_drive"] == ""
    id = await cloud.boot(imageRef=wanting)
    assert (await cloud.show(id))["config_drive"] == "True" and cloud.drivers["h1"].spec(id).config_drive
    assert cloud.drivers["h1"].spec(plain).config_drive is None
    assert (await cloud.act(plain, "rebuild", {"imageRef": wanting})).status == 202
    await cloud.settle()
    assert (await cloud.show(plain))["config_drive"] == "True" and cloud.drivers["h1"].spec(plain).config_drive
