"""The life of a server with real QEMU processes, on two hosts of one machine; networks are simulated.

What the contract and the simulated cloud cannot show by themselves: sagas, agents, images and the QEMU driver fit each other.
"""

import contextlib
import os
import shutil
import signal

import pytest

from pileus.compute.hypervisor.qemu import Qemu, process
from pileus.compute.hypervisor.qemu.disks import layer_size
from pileus.network.datapath.simulated import Simulated as SimulatedDatapath
from tests.cloud import TestCloud
from tests.compute.hypervisor.tiny_guest import POLITE, boot_sector

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.realtime,
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="needs QEMU"),
]

V21 = "/compute/v2.1"
DISK = boot_sector(POLITE).ljust(1 << 20, b"\0")


class RealCloud(TestCloud):
    """Two hosts with the QEMU driver."""

    def __init__(self):
        super().__init__(hosts=2, real_time=True)

    def _make_host(self, place):
        driver = self.drivers[place.name] = Qemu(self.home(place.name), place.name)
        return driver, self.datapaths.setdefault(place.name, SimulatedDatapath())

    def home(self, host: str):
        return self.state / "qemu" / host

    async def __aexit__(self, *what) -> None:
        for host in self.drivers:
            for pid in process.running(self.home(host) / "guests").values():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        await super().__aexit__(*what)

    async def upload(self, name: str, **properties: str) -> str:
        caller = await self.as_()
        made = await caller.post("/image/v2/images", {"name": name, "disk_format": "raw", "container_format": "bare", **properties})
        await caller.request("PUT", made.json["file"].replace("/v2", "/image/v2", 1), body=DISK,
                             headers={"Content-Type": "application/octet-stream"})
        return made.json["id"]

    async def until(self, id: str, status: str) -> dict:
        for _ in range(100):
            await self.settle(0.05)
            server = await self.show(id)
            if server["status"] == status:
                return server
            assert status == "ERROR" or server["status"] != "ERROR", server
        raise AssertionError(f"{server['status']} and not {status}")

    async def console(self, id: str) -> str:
        return (await self.act(id, "os-getConsoleOutput", {})).json["output"]

    async def says(self, id: str, times: int) -> None:
        for _ in range(200):
            if (await self.console(id)).count("login:") >= times:
                return
            await self.settle(0.05)
        raise AssertionError(await self.console(id))


@pytest.fixture
def real():
    return RealCloud()


async def test_a_server_moves_to_the_other_host_with_its_disk_and_back(real):
    id = await real.boot(imageRef=await real.upload("real"))
    await real.says(id, 1)
    first = (await real.show(id))["OS-EXT-SRV-ATTR:host"]
    assert (await real.act(id, "migrate", cloud="pileus-admin")).status == 202
    moved = await real.until(id, "VERIFY_RESIZE")
    second = moved["OS-EXT-SRV-ATTR:host"]
    assert second != first and [g.id for g in await real.drivers[second].guests()] == [id]
    await real.says(id, 2)
    assert (await real.act(id, "confirmResize")).status in (202, 204)
    await real.until(id, "ACTIVE")
    assert await real.drivers[first].guests() == []
    assert (await real.act(id, "migrate", cloud="pileus-admin")).status == 202
    await real.until(id, "VERIFY_RESIZE")
    assert (await real.act(id, "revertResize")).status == 202
    back = await real.until(id, "ACTIVE")
    assert back["OS-EXT-SRV-ATTR:host"] == second and await real.drivers[first].guests() == []


async def test_a_server_grows_and_its_snapshot_boots(real):
    id = await real.boot(imageRef=await real.upload("real"))
    assert (await real.act(id, "createImage", {"name": "copy"})).status == 202
    await real.settle(0.2)
    image = await real.image("copy")
    other = await real.boot(imageRef=image)
    await real.says(other, 1)
    assert (await real.act(id, "resize", {"flavorRef": "2"})).status == 202
    grown = await real.until(id, "VERIFY_RESIZE")
    await real.act(id, "confirmResize")
    await real.until(id, "ACTIVE")
    assert layer_size(real.home(grown["OS-EXT-SRV-ATTR:host"]) / "guests" / id / "disk.qcow2") == 20 << 30
    await real.says(id, 1)
    assert (await real.act(id, "rescue", {})).status == 200
    await real.until(id, "RESCUE")
    assert (await real.act(id, "unrescue")).status == 202
    await real.until(id, "ACTIVE")
    for server in (id, other):
        await (await real.as_()).delete(f"{V21}/servers/{server}")
    await real.settle(0.5)
    assert await real.guests() == set()
    assert not any(process.running(real.home(host) / "guests") for host in real.drivers)


async def test_what_no_machine_can_be_is_refused_when_it_is_ordered(real):
    image = await real.upload("odd", hw_watchdog_action="explode")
    refused = await real.order(imageRef=image)
    assert refused.status == 400 and "hw_watchdog_action" in refused.text
