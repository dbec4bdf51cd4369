"""Disks beside the root disk: those of the flavor, or the smaller ones that an order names."""

import pytest

from tests.cloud import TestCloud

COMPUTE = "/compute/v2.1"
EPHEMERAL = {"source_type": "blank", "destination_type": "local", "boot_index": -1}
SWAP = EPHEMERAL | {"guest_format": "swap"}


async def flavor(cloud, id="84", **sizes):
    admin = await cloud.as_("pileus-admin")
    body = {"id": id, "name": f"f{id}", "vcpus": 1, "ram": 64, "disk": 2, "OS-FLV-EXT-DATA:ephemeral": 4, "swap": 64} | sizes
    assert (await admin.post(f"{COMPUTE}/flavors", {"flavor": body})).status == 200
    return id


def disks(cloud, id):
    found = cloud.drivers["h1"].spec(id)
    return found.ephemeral_gib, found.swap_mb


@pytest.mark.parametrize(("devices", "made"), [
    ([], (4, 64)),
    ([EPHEMERAL], (4, 64)),
    ([EPHEMERAL | {"volume_size": 1}], (1, 64)),
    ([EPHEMERAL | {"volume_size": "2", "guest_format": "ext4"}, SWAP | {"volume_size": 32}], (2, 32)),
    ([SWAP | {"volume_size": 64}], (4, 64)),
])  # fmt: skip
async def test_disks_are_as_large_as_was_ordered(cloud, devices, made):
    image = await cloud.image()
    boot = {"source_type": "image", "uuid": image, "destination_type": "local", "boot_index": 0}
    id = await cloud.boot(flavorRef=await flavor(cloud), block_device_mapping_v2=[boot, *devices])
    assert disks(cloud, id) == made


@pytest.mark.parametrize(("devices", "why"), [
    ([EPHEMERAL | {"volume_size": 5}], "larger than the flavor allows"),
    ([SWAP | {"volume_size": 65}], "larger than the flavor allows"),
    ([EPHEMERAL | {"volume_size": 1}] * 2, "More than one ephemeral disk"),
    ([SWAP | {"volume_size": 1}] * 2, "More than one swap drive"),
    ([EPHEMERAL | {"guest_format": "xfs"}], "formatted as ext4"),
    ([EPHEMERAL | {"disk_bus": "ide"}], "hw_disk_bus"),
    ([EPHEMERAL | {"volume_size": 0}], "cannot have the size"),
    ([EPHEMERAL | {"volume_size": "x"}], "cannot have the size"),
])  # fmt: skip
async def test_what_cannot_be_is_refused_and_not_left_out(cloud, devices, why):
    got = await cloud.order(flavorRef=await flavor(cloud), block_device_mapping_v2=devices)
    assert got.status == 400 and "Block Device Mapping is Invalid" in got.text and why in got.text
    await cloud.assert_clean()


async def test_sizes_outlast_a_rebuild_and_a_resize():
    async with TestCloud(compute={"allow_resize_to_same_host": True}) as cloud:
        small, large = await flavor(cloud), await flavor(cloud, "85", swap=16, ram=128)
        id = await cloud.boot(flavorRef=small, block_device_mapping_v2=[EPHEMERAL | {"volume_size": 1}, SWAP | {"volume_size": 32}])
        await cloud.act(id, "rebuild", {"imageRef": await cloud.image()})
        await cloud.settle()
        assert disks(cloud, id) == (1, 32)
        await cloud.act(id, "resize", {"flavorRef": large})
        await cloud.settle(70)
        await cloud.act(id, "confirmResize")
        await cloud.settle()
        assert (await cloud.show(id))["status"] == "ACTIVE" and disks(cloud, id) == (1, 16), "no more than the new flavor has"
