"""The compute agent: carries out orders on one host and reports what the host has. It has no database.

Before it serves it adopts the guests that still run and reports its inventory; from then on it audits itself every minute
(Nova's resource tracker): what the driver says is the truth, and guests the control plane disowns are destroyed.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any, Protocol

import msgspec

from pileus.compute.hypervisor.base import (
    ConsoleAddress,
    Diagnoses,
    Diagnostics,
    GuestSpec,
    GuestState,
    Hypervisor,
    HypervisorFailed,
    InjectsInterrupts,
    Inventory,
    MigratesLive,
    Nic,
    PlugsNics,
    Power,
    Progress,
    Rescues,
    Resizes,
    RootDisk,
    SetsPasswords,
    ShowsConsoles,
)
from pileus.compute.hypervisor.topology import divide
from pileus.compute.interface import CONTROL, Build, ComputeAgent, ComputeReports, Exported, HostReport, ImageRef, Rescue
from pileus.compute.model.numa import cpu_set
from pileus.compute.transfers import Transfers
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

    async def store(self, image_id: str, file: Path) -> None:
        """Give a queued image its bytes. One that has them is left as it is."""


class HostOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration says of one host."""

    spawn_concurrency: int = 8              # guests that are started at the same time
    cpu_shared_set: str = ""
    cpu_dedicated_set: str = ""
    host_ip: str = ""                       # for a driver that does not know it


class Agent:
    """`work` is a folder of this agent's own, for files that it is making or fetching."""

    def __init__(self, host: str, driver: Hypervisor, images: ImageSource, bus: Bus, work: Path, options: HostOptions):
        self.host_ip = options.host_ip
        self.cpus = options.cpu_shared_set, options.cpu_dedicated_set
        self.host, self.driver, self.images, self.bus = host, driver, images, bus
        self.transfers = Transfers(driver, images, bus, work)
        self.spawning = asyncio.Semaphore(options.spawn_concurrency)
        self.builds = 0                                # under way: their files are not known to the driver yet

    async def start(self) -> None:
        self.transfers.start()
        await self.driver.start()
        await report_host(self)
        self.bus.serve(ComputeAgent, self.host, self)

    async def stop(self) -> None:
        """Let go of the host; its guests go on running."""
        self.bus.withdraw(ComputeAgent, self.host)
        await self.driver.stop()

    async def spawn(self, build: Build) -> GuestState:
        with self._building():
            guest = await self._with_files(build)
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

    async def console(self, guest_id: str, kind: str) -> ConsoleAddress:
        return await self._able(ShowsConsoles).console(guest_id, kind)

    async def plug(self, guest_id: str, nic: Nic) -> None:
        await self._able(PlugsNics).plug(guest_id, nic)

    async def unplug(self, guest_id: str, port_id: str) -> None:
        await self._able(PlugsNics).unplug(guest_id, port_id)

    async def guests(self) -> list[GuestState]:
        return await self.driver.guests()

    async def cache_image(self, image_id: str) -> None:
        with self._building():
            await self.images.path(image_id)

    # -- the disk ------------------------------------------------------------------------------------------------------
    async def snapshot(self, guest_id: str, image_id: str, format: str) -> None:
        await self.transfers.snapshot(guest_id, image_id, format)

    async def rescue(self, order: Rescue) -> GuestState:
        with self._building():
            root = await self._root(order.spec.root, order.image)
            return await self._able(Rescues).rescue(order.guest_id, msgspec.structs.replace(order.spec, root=root))

    async def unrescue(self, guest_id: str) -> GuestState:
        return await self._able(Rescues).unrescue(guest_id)

    async def resize(self, build: Build) -> GuestState:
        return await self._able(Resizes).resize(build.guest)

    async def confirm_resize(self, guest_id: str) -> None:
        if isinstance(self.driver, Resizes):
            await self.driver.confirm_resize(guest_id)

    async def revert_resize(self, guest_id: str) -> GuestState:
        return await self._able(Resizes).revert_resize(guest_id)

    # -- to another host -----------------------------------------------------------------------------------------------
    async def receive(self, build: Build, source: str) -> GuestState:
        with self._building():
            return await self.transfers.receive(await self._with_files(build), source)

    async def export(self, guest_id: str) -> list[Exported]:
        return await self.transfers.export(guest_id)

    async def read_export(self, guest_id: str, name: str, offset: int) -> bytes:
        return await self.transfers.read(guest_id, name, offset)

    async def drop_export(self, guest_id: str) -> None:
        await self.transfers.drop(guest_id)

    async def describe(self, guest_id: str) -> bytes:
        return await self._able(MigratesLive).describe(guest_id)

    async def expect(self, build: Build, described: bytes) -> str:
        with self._building():
            return await self._able(MigratesLive).expect(await self._with_files(build), described)

    async def migrate(self, guest_id: str, address: str) -> None:
        await self._able(MigratesLive).migrate(guest_id, address)

    async def progress(self, guest_id: str) -> Progress | None:
        return await self._able(MigratesLive).progress(guest_id)

    async def abort_migration(self, guest_id: str) -> None:
        await self._able(MigratesLive).abort_migration(guest_id)

    async def force_migration(self, guest_id: str) -> None:
        await self._able(MigratesLive).force_migration(guest_id)

    async def arrive(self, guest_id: str, power: Power) -> GuestState:
        return await self._able(MigratesLive).arrive(guest_id, power)

    # -- inside the guest ----------------------------------------------------------------------------------------------
    async def diagnostics(self, guest_id: str) -> Diagnostics:
        return await self._able(Diagnoses).diagnostics(guest_id)

    async def set_password(self, guest_id: str, user: str, password: str) -> None:
        await self._able(SetsPasswords).set_password(guest_id, user, password)

    async def inject_nmi(self, guest_id: str) -> None:
        await self._able(InjectsInterrupts).inject_nmi(guest_id)

    # -- parts ---------------------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def _building(self):
        """Image files that are fetched here are wanted, although no guest has them yet."""
        self.builds += 1
        try:
            yield
        finally:
            self.builds -= 1

    async def _with_files(self, build: Build) -> GuestSpec:
        guest = build.guest
        return guest if build.image is None else msgspec.structs.replace(guest, root=await self._root(guest.root, build.image))

    async def _root(self, root: RootDisk, image: ImageRef) -> RootDisk:
        return msgspec.structs.replace(
            root, base=await self.images.path(image.id) if image.id else root.base,
            kernel=await self.images.path(image.kernel_id) if image.kernel_id else None,
            ramdisk=await self.images.path(image.ramdisk_id) if image.ramdisk_id else None)

    def _able(self, ability: type) -> Any:
        """The driver, if it has an optional ability. Raises NotImplementedHere."""
        if not isinstance(self.driver, ability):
            raise NotImplementedHere("The hypervisor of this server's host cannot do that.")
        return self.driver


async def report_host(agent: Agent) -> str:
    """Tell the control plane what this host has, and end the guests it disowns."""
    inventory, guests = divided(await agent.driver.inventory(), *agent.cpus), await agent.driver.guests()
    if not inventory.host_ip:
        inventory = msgspec.structs.replace(inventory, host_ip=agent.host_ip)
    verdict = await ComputeReports.at(CONTROL, agent.bus).report(HostReport(host=agent.host, inventory=inventory, guests=tuple(guests)))
    for guest_id in verdict.destroy:
        log.warning("destroying a guest whose server is gone", host=agent.host, guest=guest_id)
        await agent.driver.destroy(guest_id)
    if verdict.unknown:
        log.warning("guests of which there is no record", host=agent.host, guests=",".join(verdict.unknown))
    told = {"power states synchronised": verdict.synced, "orphans destroyed": len(verdict.destroy)}
    return ", ".join([f"{len(guests)} guests", *(f"{count} {what}" for what, count in told.items() if count)])


def divided(inventory: Inventory, shared: str, dedicated: str) -> Inventory:
    """What of its processors the host gives to guests, and how, by its configuration. Raises NumaInvalid for ones it does not have."""
    if not shared and not dedicated:
        return inventory
    among = range(inventory.vcpus)
    vcpus, pcpus, cells = divide(inventory.cells, inventory.vcpus, cpu_set(shared, among) if shared else None,
                                 cpu_set(dedicated, among) if dedicated else ())
    return msgspec.structs.replace(inventory, vcpus=vcpus, pcpus=pcpus, cells=cells)


async def prune_images(agent: Agent) -> str | None:
    """Remove image files that nobody needs any more, while nothing is being built."""
    used = {file for guest in await agent.driver.guests() for file in guest.files}
    pruned = 0 if agent.builds else await agent.images.prune(used)
    return f"{pruned} image files removed" if pruned else None


def periodic(report_interval_s: float) -> list[Periodic]:
    return [Periodic(report_host, every_s=report_interval_s), Periodic(prune_images, every_s=600)]
