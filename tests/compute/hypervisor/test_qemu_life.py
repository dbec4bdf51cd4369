"""The life of a real guest: the sagas with QEMU instead of the simulated hypervisor, on one host."""

import asyncio
import shutil

import pytest

from pileus.compute.hypervisor.qemu import Qemu
from pileus.network.datapath.simulated import Simulated as SimulatedDatapath
from tests.cloud import TestCloud
from tests.compute.hypervisor.tiny_guest import POLITE, boot_sector

pytestmark = [pytest.mark.qemu, pytest.mark.realtime, pytest.mark.skipif(
    shutil.which("qemu-system-x86_64") is None, reason="needs QEMU")]
COMPUTE = "/compute/v2.1"


class RealCloud(TestCloud):
    """A cloud whose one host runs QEMU processes. Its guests have no network."""

    __test__ = False

    def __init__(self, home):
        super().__init__(real_time=True)
        self.home = home
        self.state.chmod(0o711)                        # QEMU is a user of its own and opens the images below it

    def _make_host(self, place):
        self.drivers[place.name] = Qemu(self.home / "state", hostname=place.name)
        return self.drivers[place.name], self.datapaths.setdefault(place.name, SimulatedDatapath())

    async def until(self, id, status):
        """Wait for the server to be at rest in a status."""
        async with asyncio.timeout(120):
            while (server := await self.show(id)) and (server["status"], server["OS-EXT-STS:task_state"]) != (status, None):
                assert server["status"] != "ERROR", server.get("fault")
                await asyncio.sleep(0.1)
        return server

    async def says(self, id, text):
        """Wait for the guest to write something to its console."""
        async with asyncio.timeout(60):
            while text not in (await self.act(id, "os-getConsoleOutput", {})).text:  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def upload(self, name, text):
        member = await self.as_()
        body = {"name": name, "disk_format": "raw", "container_format": "bare"}
        image = (await member.post("/image/v2/images", body)).json["id"]
        content = boot_sector(POLITE, text).ljust(1 << 20, b"\0")
        got = await member.request("PUT", f"/image/v2/images/{image}/file", body=content,
                                   headers={"Content-Type": "application/octet-stream"})
        assert got.status == 204, got.text
        return image


async def test_a_guest_lives_through_everything(home, state):
    async with RealCloud(home) as cloud:
        one, two = await cloud.upload("one", b"this is one\r\n"), await cloud.upload("two", b"this is two\r\n")
        admin = await cloud.as_("pileus-admin")
        for id, size in (("small", 1), ("large", 2)):
            await admin.post(f"{COMPUTE}/flavors", {"flavor": {"id": id, "name": id, "vcpus": size, "ram": 32 * size, "disk": size}})
        got = await cloud.order(imageRef=one, flavorRef="small")
        assert got.status == 202, got.text
        id = got.json["server"]["id"]
        await cloud.until(id, "ACTIVE")
        await cloud.says(id, "this is one")

        image = (await cloud.act(id, "createImage", {"name": "copy"})).json["image_id"]
        await cloud.until(id, "ACTIVE")
        assert (await admin.get(f"/image/v2/images/{image}")).json["status"] == "active"

        await cloud.act(id, "rescue", {"rescue_image_ref": two})
        await cloud.until(id, "RESCUE")
        await cloud.says(id, "this is two")
        await cloud.act(id, "unrescue")
        await cloud.until(id, "ACTIVE")

        for end, status in (("revertResize", "ACTIVE"), ("confirmResize", "ACTIVE")):
            assert (await cloud.act(id, "resize", {"flavorRef": "large"})).status == 202
            await cloud.until(id, "VERIFY_RESIZE")
            await cloud.act(id, end)
            await cloud.until(id, status)
        assert (await cloud.show(id))["flavor"]["vcpus"] == 2

        await cloud.act(id, "shelve")
        await cloud.until(id, "SHELVED_OFFLOADED")
        await cloud.act(id, "unshelve")
        await cloud.until(id, "ACTIVE")
        await cloud.says(id, "this is one")

        await cloud.act(id, "rebuild", {"imageRef": image})
        await cloud.until(id, "ACTIVE")
        await cloud.says(id, "this is one")
        await (await cloud.as_()).delete(f"{COMPUTE}/servers/{id}")
        await cloud.until(id, "gone")
        await cloud.assert_clean()
