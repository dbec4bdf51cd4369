"""The contract of `hypervisor.base`, kept by QEMU processes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from pileus.compute.hypervisor.base import (
    GuestNotFound,
    GuestSpec,
    GuestState,
    HypervisorFailed,
    Inventory,
    Nic,
    Power,
    traits_of,
)
from pileus.compute.hypervisor.files import read_tail, write_atomically
from pileus.compute.hypervisor.qemu import process
from pileus.compute.hypervisor.qemu.disks import make_disks
from pileus.compute.hypervisor.qemu.guest import Guest, failing
from pileus.compute.hypervisor.qemu.host import inventory
from pileus.compute.hypervisor.qemu.layout import UUID, Folder, Home, Record
from pileus.compute.hypervisor.qemu.probe import Abilities, abilities
from pileus.compute.hypervisor.qemu.turns import Turns

#: A console log is cut when it has grown to twice this; the part before is kept once.
CONSOLE_BYTES = 1 << 20

ADOPTED_AT_ONCE = 32


class Qemu:
    """Guests as QEMU processes, with their files below `state`.

    `cpu` is QEMU's CPU model: the host's own under KVM and QEMU's default without, unless it is given. Processes inherit
    nothing of the agent and go on without it; a service manager must be told to leave them alone (KillMode=process).
    """

    def __init__(
        self,
        state: Path,
        hostname: str,
        *,
        binary: str = "qemu-system-x86_64",
        image_tool: str = "qemu-img",
        cpu: str | None = None,
    ):
        self._home = Home(state)
        self._hostname = hostname
        self._binary = binary
        self._image_tool = image_tool
        self._cpu = cpu
        self._guests: dict[str, Guest] = {}
        self._turns = Turns()
        self._abilities: Abilities | None = None
        self._lock: int | None = None

    # -- the contract --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        with failing("start"):
            self._home.make()
            if self._lock is None:
                self._lock = self._home.lock()
            if shutil.which(self._image_tool) is None:
                raise HypervisorFailed(what="start", detail=f"{self._image_tool} is not installed")
            self._abilities = await abilities(self._binary, self._home.probe)
            self._home.empty_trash()
            await self._adopt_all()

    async def stop(self) -> None:
        await asyncio.gather(*(guest.machine.release() for guest in self._guests.values() if guest.machine))
        self._guests.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def inventory(self) -> Inventory:
        return inventory(self._able, self._home.path, self._hostname, traits_of(self))

    async def spawn(self, guest: GuestSpec) -> GuestState:
        if not UUID.fullmatch(guest.id):
            raise HypervisorFailed(what="spawn", detail=f"{guest.id!r} is not a UUID")
        async with self._turns.of(guest.id):
            there = self._guests.get(guest.id)
            if there is None:
                there = await self._make(guest)
            elif there.power not in (Power.RUNNING, Power.PAUSED):
                await there.end_crashed()
                await there.take(there.record.with_spec(guest))
                await there.run()
            return there.state()

    async def destroy(self, guest_id: str) -> None:
        if not UUID.fullmatch(guest_id):
            return
        self._kill_soon(guest_id)                     # whoever waits for the guest to end waits no longer
        async with self._turns.of(guest_id):
            self._kill_soon(guest_id)
            if (guest := self._guests.get(guest_id)) and (machine := guest.machine):
                await machine.kill()
            await self._discard(guest_id)

    async def power(self, guest_id: str, to: Power, *, timeout_s: float = 0) -> GuestState:
        async with self._turns.of(guest_id):
            guest = self._get(guest_id)
            await guest.bring(to, timeout_s)
            return guest.state()

    async def reboot(self, guest_id: str, *, hard: bool, timeout_s: float = 60) -> GuestState:
        async with self._turns.of(guest_id):
            guest = self._get(guest_id)
            if hard:
                await guest.shut_down()
                await guest.run()
            else:
                await guest.reboot_softly(timeout_s)
            return guest.state()

    async def guests(self) -> list[GuestState]:
        states = []
        for guest_id in self._home.known():
            if guest := self._guests.get(guest_id):
                _cut(guest.folder)
                states.append(guest.state())
            else:
                states.append(GuestState(id=guest_id, power=Power.NOSTATE, error="The guest is only half made."))
        return states

    async def console_log(self, guest_id: str, max_bytes: int = 1 << 20) -> bytes:
        folder = self._get(guest_id).folder
        now = read_tail(folder.console, max_bytes)
        return read_tail(folder.console_before, max_bytes - len(now)) + now

    # -- PlugsNics -----------------------------------------------------------------------------------------------------

    async def plug(self, guest_id: str, nic: Nic) -> None:
        async with self._turns.of(guest_id):
            await self._get(guest_id).plug(nic)

    async def unplug(self, guest_id: str, port_id: str) -> None:
        async with self._turns.of(guest_id):
            if guest := self._guests.get(guest_id):
                await guest.unplug(port_id)

    # -- helpers -------------------------------------------------------------------------------------------------------

    @property
    def _able(self) -> Abilities:
        if self._abilities is None:
            raise HypervisorFailed(what="answer", detail="the driver was not started")
        return self._abilities

    def _get(self, guest_id: str) -> Guest:
        try:
            return self._guests[guest_id]
        except KeyError:
            raise GuestNotFound(id=guest_id) from None

    async def _adopt_all(self) -> None:
        """Make every guest known that has a record, running or not. Half-made ones have no process: it is started last."""
        pids = await asyncio.to_thread(process.running, self._home.guests)
        gate = asyncio.Semaphore(ADOPTED_AT_ONCE)

        async def adopt(guest_id: str) -> None:
            folder = self._home.folder(guest_id)
            if record := folder.read():
                guest = Guest(folder, record, self._able, cpu=self._cpu)
                async with gate:
                    await guest.adopt(pids.get(guest_id))
                self._guests[guest_id] = guest

        await asyncio.gather(*(adopt(guest_id) for guest_id in self._home.known()))

    async def _make(self, spec: GuestSpec) -> Guest:
        """A new guest, complete or not at all. What an earlier, killed attempt has left is removed first."""
        await self._discard(spec.id)
        folder = self._home.folder(spec.id)
        try:
            with failing("make the guest"):
                folder.path.mkdir(mode=0o700)
                await make_disks(spec, folder, self._image_tool)
                record = Record(spec=spec).with_spec(spec)
                folder.write(record)
                guest = self._guests[spec.id] = Guest(folder, record, self._able, cpu=self._cpu)
                await guest.run()
                return guest
        except BaseException:
            self._kill_soon(spec.id)
            await self._discard(spec.id)
            raise

    def _kill_soon(self, guest_id: str) -> None:
        if (guest := self._guests.get(guest_id)) and (machine := guest.machine):
            machine.kill_soon()

    async def _discard(self, guest_id: str) -> None:
        """Forget the guest and remove its files. Deleting a large file takes time, which is no reason to stop everybody."""
        self._guests.pop(guest_id, None)
        with failing("remove the guest's files"):
            await asyncio.to_thread(self._home.discard, guest_id)


def _cut(folder: Folder) -> None:
    """Keep the console log within bounds. QEMU appends to it, so it can be emptied under it."""
    try:
        if folder.console.stat().st_size >= 2 * CONSOLE_BYTES:
            write_atomically(folder.console_before, read_tail(folder.console, CONSOLE_BYTES))
            os.truncate(folder.console, 0)
    except OSError:
        return                                        # it has no console yet, or the disk is full: the next look may do better
