"""The contract of `hypervisor.base`, kept by QEMU processes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Coroutine, Iterable
from pathlib import Path

from msgspec.structs import replace

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
from pileus.compute.hypervisor.limits import CPU_TRAIT, VIF_TRAIT
from pileus.compute.hypervisor.qemu import (
    arrivals,
    bandwidth,
    confine,
    copies,
    departures,
    diagnoses,
    guest_agent,
    moves,
    pages,
    process,
    rescues,
    resizes,
    sending,
)
from pileus.compute.hypervisor.qemu.cells import host_cells
from pileus.compute.hypervisor.qemu.disks import make_disks, make_firmware
from pileus.compute.hypervisor.qemu.guest import Guest, Settings, failing
from pileus.compute.hypervisor.qemu.host import inventory, memory_mb
from pileus.compute.hypervisor.qemu.layout import UUID, Folder, Home, Record
from pileus.compute.hypervisor.qemu.neighbours import ALONE, Neighbours
from pileus.compute.hypervisor.qemu.pins import Pins
from pileus.compute.hypervisor.qemu.probe import abilities
from pileus.compute.hypervisor.qemu.shares import Shares
from pileus.compute.hypervisor.qemu.turns import Turns
from pileus.compute.hypervisor.topology import Cell

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
        drive_format: str = "iso9660",
        cpu_shared: Iterable[int] | None = None,
        cpu_dedicated: Iterable[int] = (),
        neighbours: Neighbours = ALONE,
    ):
        self._home = Home(state)
        self._neighbours = neighbours
        self._hostname = hostname
        self._binary = binary
        self._image_tool = image_tool
        self._cpu = cpu
        self._drive_format = drive_format
        self._confined = False
        self._pins = Pins(host_cells(memory_mb()) if neighbours.alone else (), shared=cpu_shared, dedicated=cpu_dedicated)
        self._shares = Shares()
        self._limits: tuple[str, ...] = ()            # traits of the limits that this host can enforce
        self._guests: dict[str, Guest] = {}
        self._turns = Turns()
        self._arrivals: dict[str, arrivals.Arrival] = {}       # guests on their way here
        self._departing: set[str] = set()             # guests that are being sent elsewhere
        self._long: dict[str, asyncio.Task] = {}      # guest id → work that its end cuts short
        self._settings: Settings | None = None
        self._lock: int | None = None

    # -- the contract --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        with failing("start"):
            self._home.make()
            self._confined = confine.possible(self._home)
            if self._lock is None:
                self._lock = self._home.lock()
            if shutil.which(self._image_tool) is None:
                raise HypervisorFailed(what="start", detail=f"{self._image_tool} is not installed")
            able = await abilities(self._binary, self._home.probe)
            self._settings = Settings(host=able, image_tool=self._image_tool, cpu=self._cpu, drive_format=self._drive_format,
                                      home=self._home.path, pins=self._pins, shares=self._shares)  # fmt: skip
            able_to = {CPU_TRAIT: self._shares.possible(), VIF_TRAIT: await bandwidth.possible()}
            self._limits = tuple(trait for trait, can in able_to.items() if can)
            if self._confined:
                confine.open_up(self._home)
            self._home.empty_trash()
            await self._adopt_all()

    async def stop(self) -> None:
        await asyncio.gather(*(guest.machine.release() for guest in self._guests.values() if guest.machine))
        self._guests.clear()
        for arrival in self._arrivals.values():
            arrival.end()
        self._arrivals.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def inventory(self) -> Inventory:
        traits = traits_of(self) + self._limits
        return self._neighbours.part(inventory(self._made_with.host, self._home.path, self._hostname, traits, self._cells()))

    async def spawn(self, guest: GuestSpec) -> GuestState:
        if not UUID.fullmatch(guest.id):
            raise HypervisorFailed(what="spawn", detail=f"{guest.id!r} is not a UUID")
        guest = self._neighbours.guest(guest)
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
            there = self._guests.get(guest.id) or await self._take_in(self._neighbours.guest(guest), folder)
            return there.state()

    # -- MigratesLive --------------------------------------------------------------------------------------------------

    async def describe(self, guest_id: str) -> bytes:
        async with self._turns.of(guest_id):
            return await departures.describe(self._get(guest_id))

    async def expect(self, guest: GuestSpec, described: bytes) -> str:
        async with self._turns.of(guest.id):
            if (there := self._guests.get(guest.id)) and not there.record.incoming:
                raise HypervisorFailed(what="expect the guest", detail="it is here already")
            await self._end(guest.id)
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

    # -- helpers -------------------------------------------------------------------------------------------------------

    @property
    def _made_with(self) -> Settings:
        if self._settings is None:
            raise HypervisorFailed(what="answer", detail="the driver was not started")
        return self._settings

    def _get(self, guest_id: str) -> Guest:
        """One that is on its way here is not here."""
        guest = self._guests.get(guest_id)
        if guest is None or guest.record.incoming:
            raise GuestNotFound(id=guest_id)
        return guest

    async def _adopt_all(self) -> None:
        """Make every guest known that has a record, running or not. Half-made ones have no process: it is started last."""
        pids = await asyncio.to_thread(process.running, self._home.guests)
        gate = asyncio.Semaphore(ADOPTED_AT_ONCE)

        async def adopt(guest_id: str) -> None:
            folder = self._home.folder(guest_id)
            record = folder.read()
            if record and record.incoming:
                await process.end(folder.path, pids.get(guest_id))
                await asyncio.to_thread(self._home.discard, guest_id)
            elif record:
                guest = Guest(folder, record, self._made_with)
                async with gate:
                    await guest.adopt(pids.get(guest_id))
                self._guests[guest_id] = guest

        await asyncio.gather(*(adopt(guest_id) for guest_id in self._home.known()))
        for guest in self._guests.values():
            with contextlib.suppress(HypervisorFailed):       # who runs was here first; this one is refused when it starts
                self._pins.take(guest.record)

    async def _interruptible(self, guest_id: str, work: Coroutine) -> None:
        """Work that `destroy` does not wait for."""
        task = self._long[guest_id] = asyncio.create_task(work)
        try:
            await task
        except asyncio.CancelledError:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            current = asyncio.current_task()
            if current and current.cancelling():
                raise
            raise HypervisorFailed(what="finish", detail="it was told to give up") from None
        finally:
            del self._long[guest_id]

    async def _take_in(self, spec: GuestSpec, came: Path) -> Guest:
        """A guest that came from another host, complete or not at all."""
        if not UUID.fullmatch(spec.id):
            raise HypervisorFailed(what="take the guest in", detail=f"{spec.id!r} is not a UUID")
        await self._discard(spec.id)
        folder = self._home.folder(spec.id)
        try:
            with failing("take the guest in"):
                folder.path.mkdir(mode=0o700)
                record = replace(await moves.take_in(spec, came, folder, self._made_with), user=self._free_user())
                folder.write(record)
        except BaseException:
            await self._discard(spec.id)
            raise
        guest = self._guests[spec.id] = Guest(folder, record, self._made_with)
        return guest

    async def _expect(self, spec: GuestSpec, described: bytes) -> str:
        """A machine that waits for the guest, complete or not at all."""
        if not UUID.fullmatch(spec.id):
            raise HypervisorFailed(what="expect the guest", detail=f"{spec.id!r} is not a UUID")
        folder = self._home.folder(spec.id)
        try:
            with failing("expect the guest"):
                folder.path.mkdir(mode=0o700)
                record = replace(await arrivals.make(spec, described, folder, self._made_with), user=self._free_user())
                folder.write(record)
                guest = self._guests[spec.id] = Guest(folder, record, self._made_with)
                self._arrivals[spec.id] = await arrivals.wait_for(guest)
        except BaseException:
            await self._end(spec.id)
            raise
        return str(folder.path)

    async def _make(self, spec: GuestSpec) -> Guest:
        """A new guest, complete or not at all. What an earlier, killed attempt has left is removed first."""
        await self._discard(spec.id)
        folder = self._home.folder(spec.id)
        try:
            with failing("make the guest"):
                folder.path.mkdir(mode=0o700)
                await make_disks(spec, folder, self._image_tool, self._drive_format)
                record = replace(Record(spec=spec).with_spec(spec), firmware=make_firmware(spec, folder), user=self._free_user())
                folder.write(record)
                guest = self._guests[spec.id] = Guest(folder, record, self._made_with)
                await guest.run()
                return guest
        except BaseException:
            self._kill_soon(spec.id)
            await self._discard(spec.id)
            raise

    def _cells(self) -> tuple[Cell, ...]:
        """The host's NUMA cells with what is taken of them; none where guests cannot be placed in them."""
        return self._pins.inventory([guest.record for guest in self._guests.values()], pages.kept_in(self._pins.cells))

    def _free_user(self) -> int:
        """A user for a new guest's process; chosen and known to be taken without a pause in between, or it were two guests'."""
        if not self._confined:
            return 0
        return confine.free_user({guest.record.user for guest in self._guests.values()}, self._neighbours.number)

    def _kill_soon(self, guest_id: str) -> None:
        if work := self._long.get(guest_id):
            work.cancel()
        if (guest := self._guests.get(guest_id)) and (machine := guest.machine):
            machine.kill_soon()

    async def _end(self, guest_id: str) -> None:
        """Nothing of the guest runs or is here any more."""
        self._kill_soon(guest_id)
        if (guest := self._guests.get(guest_id)) and (machine := guest.machine):
            await machine.kill()
        await self._discard(guest_id)

    async def _discard(self, guest_id: str) -> None:
        """Forget the guest and remove its files. Deleting a large file takes time, which is no reason to stop everybody."""
        guest = self._guests.pop(guest_id, None)
        if arrival := self._arrivals.pop(guest_id, None):
            arrival.end()
        self._pins.release(guest_id)
        self._shares.forget(guest_id)
        if guest and guest.record.limited:
            await bandwidth.forget(nic.device for nic in guest.record.spec.nics)
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
