"""The contract of `hypervisor.base`, kept by QEMU processes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

from pileus.compute.hypervisor.base import (
    ConsoleAbsent,
    ConsoleAddress,
    Diagnostics,
    GuestNotFound,
    GuestSpec,
    GuestState,
    HypervisorFailed,
    Inventory,
    Nic,
    Power,
    Progress,
    RescueSpec,
    traits_of,
)
from pileus.compute.hypervisor.files import read_tail, write_atomically
from pileus.compute.hypervisor.qemu import arrivals, copies, departures, diagnoses, guest_agent, moves, rescues, resizes, sending
from pileus.compute.hypervisor.qemu.host import inventory
from pileus.compute.hypervisor.qemu.keeper import Keeper
from pileus.compute.hypervisor.qemu.layout import UUID, Folder

#: A console log is cut when it has grown to twice this; the part before is kept once.
CONSOLE_BYTES = 1 << 20


class Qemu(Keeper):
    """Guests as QEMU processes, with their files below `state`.

    Processes inherit nothing of the agent and go on without it; a service manager must be told to leave them alone
    (KillMode=process).
    """

    # -- the contract --------------------------------------------------------------------------------------------------

    async def inventory(self) -> Inventory:
        traits = traits_of(self) + self._limits
        return self._neighbours.part(inventory(self._made_with.host, self._home.path, self._hostname, traits, self._cells()))

    async def spawn(self, guest: GuestSpec) -> GuestState:
        guest = self._neighbours.guest(guest)
        async with self._turns.of(guest.id):
            there = await self._find(guest.id)
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
            await self._end(guest_id)

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
            await self._get(guest_id).plug(self._neighbours.nic(nic))

    async def unplug(self, guest_id: str, port_id: str) -> None:
        async with self._turns.of(guest_id):
            if guest := self._guests.get(guest_id):
                await guest.unplug(port_id)

    # -- the other abilities -------------------------------------------------------------------------------------------

    async def snapshot(self, guest_id: str, file: Path, format: str) -> None:
        async with self._turns.of(guest_id):
            guest = self._get(guest_id)
            await self._interruptible(guest_id, copies.snapshot(guest, file, format))

    async def rescue(self, guest_id: str, rescue: RescueSpec) -> GuestState:
        async with self._turns.of(guest_id):
            guest = self._get(guest_id)
            await rescues.rescue(guest, rescue)
            return guest.state()

    async def unrescue(self, guest_id: str) -> GuestState:
        async with self._turns.of(guest_id):
            guest = self._get(guest_id)
            await rescues.unrescue(guest)
            return guest.state()

    async def resize(self, guest: GuestSpec) -> GuestState:
        async with self._turns.of(guest.id):
            there = self._get(guest.id)
            await self._interruptible(guest.id, resizes.resize(there, self._neighbours.guest(guest)))
            return there.state()

    async def confirm_resize(self, guest_id: str) -> None:
        async with self._turns.of(guest_id):
            if guest := self._guests.get(guest_id):
                await resizes.confirm(guest)

    async def revert_resize(self, guest_id: str) -> GuestState:
        async with self._turns.of(guest_id):
            guest = self._get(guest_id)
            await resizes.revert(guest)
            return guest.state()

    async def export(self, guest_id: str, folder: Path) -> None:
        async with self._turns.of(guest_id):
            guest = self._get(guest_id)
            await self._interruptible(guest_id, moves.export(guest, folder))

    async def import_(self, guest: GuestSpec, folder: Path) -> GuestState:
        async with self._turns.of(guest.id):
            there = await self._find(guest.id) or await self._take_in(self._neighbours.guest(guest), folder)
            return there.state()

    # -- MigratesLive --------------------------------------------------------------------------------------------------

    async def describe(self, guest_id: str) -> bytes:
        async with self._turns.of(guest_id):
            return await departures.describe(self._get(guest_id))

    async def expect(self, guest: GuestSpec, described: bytes) -> str:
        async with self._turns.of(guest.id):
            if (there := self._guests.get(guest.id)) and not there.record.incoming:
                raise HypervisorFailed(what="expect the guest", detail="it is here already")
            return await self._expect(self._neighbours.guest(guest), described)

    async def migrate(self, guest_id: str, address: str) -> None:
        async with self._turns.of(guest_id):
            guest = self._get(guest_id)
            self._departing.add(guest_id)
            try:
                await self._interruptible(guest_id, departures.migrate(guest, address))
            finally:
                self._departing.discard(guest_id)

    async def progress(self, guest_id: str) -> Progress | None:
        machine = self._get(guest_id).machine
        return await sending.progress(machine) if machine and guest_id in self._departing else None

    async def abort_migration(self, guest_id: str) -> None:
        if guest_id in self._departing:
            self._long[guest_id].cancel()

    async def force_migration(self, guest_id: str) -> None:
        """A guest that halts changes nothing any more that would have to be sent again."""
        if guest_id in self._departing and (machine := self._get(guest_id).machine):
            await machine.pause()

    async def arrive(self, guest_id: str, power: Power) -> GuestState:
        async with self._turns.of(guest_id):
            if (guest := self._guests.get(guest_id)) is None:
                raise GuestNotFound(id=guest_id)
            await arrivals.arrive(guest, power)
            return guest.state()

    # -- inside the guest ----------------------------------------------------------------------------------------------

    async def diagnostics(self, guest_id: str) -> Diagnostics:
        async with self._turns.of(guest_id):
            return await diagnoses.diagnostics(self._get(guest_id))

    async def set_password(self, guest_id: str, user: str, password: str) -> None:
        async with self._turns.of(guest_id):
            guest = self._get(guest_id)
            diagnoses.running(guest, "take a password")
            await guest_agent.set_password(guest, user, password)

    async def inject_nmi(self, guest_id: str) -> None:
        async with self._turns.of(guest_id):
            await diagnoses.running(self._get(guest_id), "be interrupted").ask("inject-nmi")

    async def console(self, guest_id: str, kind: str) -> ConsoleAddress:
        guest = self._get(guest_id)
        machine = diagnoses.running(guest, "show its console")
        if kind == "serial":
            return ConsoleAddress(host="", port=0, path=str(guest.folder.path / guest.folder.serial))
        if kind != "vnc" or machine.vnc is None:
            raise ConsoleAbsent(id=guest_id, kind=kind)
        return ConsoleAddress(host=machine.vnc[0], port=machine.vnc[1])


def _cut(folder: Folder) -> None:
    """Keep the console log within bounds. QEMU appends to it, so it can be emptied under it."""
    try:
        if folder.console.stat().st_size >= 2 * CONSOLE_BYTES:
            write_atomically(folder.console_before, read_tail(folder.console, CONSOLE_BYTES))
            os.truncate(folder.console, 0)
    except OSError:
        return                                        # it has no console yet, or the disk is full: the next look may do better
