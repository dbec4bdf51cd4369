"""The compute agent: carries out orders on one host and reports what the host has. It has no database.

Before it serves it adopts the guests that still run and reports its inventory; from then on it audits itself every minute
(Nova's resource tracker): what the driver says is the truth, and guests the control plane disowns are destroyed.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec

from pileus.compute.hypervisor.base import GuestState, Hypervisor, HypervisorFailed, Nic, PlugsNics, Power
from pileus.compute.interface import CONTROL, Build, ComputeAgent, ComputeReports, HostReport
from pileus.core.bus import Bus
from pileus.core.errors import CloudError, NotImplementedHere
from pileus.core.log import Log
from pileus.core.periodic import Periodic

log = Log("pileus.compute.agent")


class ImageSource(Protocol):
    """Where a host gets the bytes of images."""

    async def path(self, image_id: str) -> str:
        """A file on this host with the image's bytes, fetched if need be. It is only ever read, and stays when the image goes."""

    async def prune(self, used: set[str]) -> int:
        """Forget files that no guest uses and whose image is gone; how many those were."""


class Agent:
    def __init__(self, host: str, driver: Hypervisor, images: ImageSource, bus: Bus, *, spawn_concurrency: int = 8):
        self.host, self.driver, self.images, self.bus = host, driver, images, bus
        self.spawning = asyncio.Semaphore(spawn_concurrency)
        self.builds = 0                                # under way: their files are not known to the driver yet

    async def start(self) -> None:
        await self.driver.start()
        await report_host(self)
        self.bus.serve(ComputeAgent, self.host, self)

    async def stop(self) -> None:
        """Let go of the host; its guests go on running."""
        self.bus.withdraw(ComputeAgent, self.host)
        await self.driver.stop()

    async def spawn(self, build: Build) -> GuestState:
        self.builds += 1
        try:
            return await self._spawn(build)
        finally:
            self.builds -= 1

    async def _spawn(self, build: Build) -> GuestState:
        guest = build.guest
        if build.image is not None:
            root = msgspec.structs.replace(
                guest.root,
                base=await self.images.path(build.image.id),
                kernel=await self.images.path(build.image.kernel_id) if build.image.kernel_id else None,
                ramdisk=await self.images.path(build.image.ramdisk_id) if build.image.ramdisk_id else None,
            )
            guest = msgspec.structs.replace(guest, root=root)
        async with self.spawning:
            try:
                return await self.driver.spawn(guest)
            except CloudError:
                raise
            except Exception as failure:
                raise HypervisorFailed(what="start the guest", detail=repr(failure)) from failure

    async def destroy(self, guest_id: str) -> None:
        await self.driver.destroy(guest_id)

    async def power(self, guest_id: str, to: Power, timeout_s: float) -> GuestState:
        return await self.driver.power(guest_id, to, timeout_s=timeout_s)

    async def reboot(self, guest_id: str, hard: bool) -> GuestState:
        return await self.driver.reboot(guest_id, hard=hard)

    async def console_log(self, guest_id: str) -> bytes:
        return await self.driver.console_log(guest_id)

    async def plug(self, guest_id: str, nic: Nic) -> None:
        await self._plugs().plug(guest_id, nic)

    async def unplug(self, guest_id: str, port_id: str) -> None:
        await self._plugs().unplug(guest_id, port_id)

    async def guests(self) -> list[GuestState]:
        return await self.driver.guests()

    def _plugs(self) -> PlugsNics:
        if not isinstance(self.driver, PlugsNics):
            raise NotImplementedHere("This hypervisor cannot add or remove network interfaces.")
        return self.driver


async def report_host(agent: Agent) -> str:
    """Tell the control plane what this host has, and end the guests it disowns."""
    inventory, guests = await agent.driver.inventory(), await agent.driver.guests()
    verdict = await ComputeReports.at(CONTROL, agent.bus).report(HostReport(host=agent.host, inventory=inventory, guests=tuple(guests)))
    for guest_id in verdict.destroy:
        log.warning("destroying a guest whose server is gone", host=agent.host, guest=guest_id)
        await agent.driver.destroy(guest_id)
    if verdict.unknown:
        log.warning("guests of which there is no record", host=agent.host, guests=",".join(verdict.unknown))
    return f"{len(guests)} guests" + (f", {len(verdict.destroy)} orphans destroyed" if verdict.destroy else "")


async def prune_images(agent: Agent) -> str | None:
    """Remove image files that nobody needs any more, while nothing is being built."""
    used = {file for guest in await agent.driver.guests() for file in guest.files}
    pruned = 0 if agent.builds else await agent.images.prune(used)
    return f"{pruned} image files removed" if pruned else None


def periodic(report_interval_s: float) -> list[Periodic]:
    return [Periodic(report_host, every_s=report_interval_s), Periodic(prune_images, every_s=600)]
