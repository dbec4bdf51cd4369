"""One guest of this host: its folder, its record and, while it runs, its machine. What brings it from state to state.

Nothing here puts calls in order: the driver does, one call at a time per guest.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pileus.compute.hypervisor.base import REACHABLE, GuestInWrongState, GuestState, HypervisorFailed, Nic, Power
from pileus.compute.hypervisor.files import read_tail, write_atomically
from pileus.compute.hypervisor.limits import VIF_TRAIT, cpu_share, traits_for
from pileus.compute.hypervisor.qemu import bandwidth, confine, pages, sending
from pileus.compute.hypervisor.qemu.cells import PAGES
from pileus.compute.hypervisor.qemu.command import command, netdev, nic_device
from pileus.compute.hypervisor.qemu.disks import make_config_drive
from pileus.compute.hypervisor.qemu.layout import Folder, Record
from pileus.compute.hypervisor.qemu.machine import Machine
from pileus.compute.hypervisor.qemu.pins import Pins, pin, pins_of
from pileus.compute.hypervisor.qemu.probe import Abilities
from pileus.compute.hypervisor.qemu.shares import Shares

#: How long the guest's system may take to let go of an interface.
UNPLUG_TIMEOUT_S = 5.0


@contextlib.contextmanager
def failing(what: str) -> Iterator[None]:
    """What the host refuses (a full disk, no permission) is a failure of the hypervisor, not a bug."""
    try:
        yield
    except OSError as error:
        raise HypervisorFailed(what=what, detail=str(error)) from error


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What all guests of a host are made with."""

    host: Abilities
    image_tool: str = "qemu-img"
    drive_format: str = "iso9660"           # of config drives; or vfat
    home: Path
    pins: Pins
    shares: Shares


class Guest:
    def __init__(self, folder: Folder, record: Record, settings: Settings):
        self.folder = folder
        self.record = record
        self.settings = settings
        self._machine: Machine | None = None

    @property
    def machine(self) -> Machine | None:
        return self._machine if self._machine and not self._machine.gone.is_set() else None

    @property
    def power(self) -> Power:
        if self.record.incoming:
            return Power.NOSTATE
        if machine := self.machine:
            return machine.power
        if self.folder.memory.exists():
            return Power.SUSPENDED
        return Power.CRASHED if self.folder.crash.exists() else Power.SHUTDOWN

    def state(self) -> GuestState:
        guest_id, power, rescue = self.record.spec.id, self.power, self.record.rescue
        placed = self.settings.pins.placed(self.record)
        files, rescued = self.record.spec.root.files + (rescue.root.files if rescue else ()), rescue is not None
        if machine := self.machine:
            error = machine.stuck or machine.crashed or machine.error
            return GuestState(id=guest_id, power=power, pid=machine.pid, vnc=machine.vnc, files=files, error=error, rescued=rescued,
                              placed=placed)
        error = read_tail(self.folder.crash, 2000).decode(errors="replace") if power is Power.CRASHED else ""
        return GuestState(id=guest_id, power=power, files=files, error=error, rescued=rescued,
                              placed=placed)

    async def adopt(self, pid: int | None) -> None:
        """Take over the process that runs this guest, if one does, and end what a killed agent left half done."""
        self._machine = await Machine.attach(pid, self.folder, self._note_crash) if pid else None
        machine = self.machine
        if machine is None or machine.stuck:
            return
        status = await machine.status()
        if self.record.leaving is not None:
            await self._wait_or_stay()
        elif status == "inmigrate":                   # it was to wake; its memory is still in the file
            await machine.kill()
            return
        elif status == "postmigrate":                 # it was to be suspended, and is still here: go on as if nothing had been
            await machine.resume()
        self._forget_memory()
        if found := await pins_of(machine, self.record.spec):
            self.settings.pins.found(self.record, found)
        machine.leaving = await machine.nic_slots() - set(self.record.slots.values())

    async def wait(self) -> Machine:
        """Start its machine, which waits for the guest to come from elsewhere."""
        await self._launch(wake=True)
        return self._running()

    async def stay(self) -> None:
        """Give up sending it elsewhere, and go on here. Nobody may have let it go on there."""
        was = self.record.leaving
        if machine := self.machine:
            await sending.stop(machine)
            if was is Power.RUNNING and machine.paused:
                await machine.resume()
        self.note(msgspec.structs.replace(self.record, leaving=None))

    def note(self, record: Record) -> None:
        """Store what is known of the guest, which itself stays as it is."""
        with failing("store the guest"):
            self.folder.write(record)
        self.record = record

    async def _wait_or_stay(self) -> None:
        """After a crash, one of which all was sent may be going on elsewhere: it waits, PAUSED, until somebody decides."""
        machine = self._running()
        await sending.stop(machine)
        if await machine.status() != "postmigrate":
            await self.stay()

    async def take(self, record: Record) -> None:
        """Another spec, while it does not run. A saved memory of another machine is of no use."""
        if record != self.record:
            self._forget_memory()
        await self.keep(record)

    async def keep(self, record: Record) -> None:
        """Store what the guest is from now on, with the config drive that belongs to it."""
        with failing("store the guest"):
            await make_config_drive(record.config_drive, self.folder, self.settings.drive_format)
            self.folder.write(record)
        self.record = record

    async def bring(self, to: Power, timeout_s: float) -> None:
        """See `Hypervisor.power`."""
        power = self.power
        if power not in REACHABLE[to]:
            raise GuestInWrongState(id=self.record.spec.id, what=f"become {to.name.lower()}", state=power.name.lower())
        match to:
            case Power.RUNNING:
                await self.run()
            case Power.PAUSED if power is Power.RUNNING:
                await self._running().pause()
            case Power.SHUTDOWN:
                await self.shut_down(timeout_s)
            case Power.SUSPENDED if power is not Power.SUSPENDED:
                await self._suspend()

    async def run(self) -> None:
        """Resume, wake from memory, or boot."""
        await self.end_crashed()
        if self.record.leaving is not None:
            await self.stay()
        if machine := self.machine:
            if machine.paused:
                await machine.resume()
        elif self.folder.memory.exists():
            await self._wake()
        else:
            await self._launch()

    async def end_crashed(self) -> None:
        """A guest that will not go on has nothing to resume: its process is of no more use."""
        if (machine := self.machine) and machine.crashed:
            await machine.end()

    async def shut_down(self, timeout_s: float = 0) -> None:
        """End it, by the guest's own means if it does so in time. What it left in memory is forgotten."""
        if (machine := self.machine) and not await machine.press_power_button(timeout_s):
            await machine.end()
        self._forget_memory()
        self.folder.crash.unlink(missing_ok=True)

    async def reboot_softly(self, timeout_s: float) -> None:
        if self.power is not Power.RUNNING:
            raise GuestInWrongState(id=self.record.spec.id, what="be rebooted softly", state=self.power.name.lower())
        machine = self._running()
        if await machine.press_power_button(timeout_s):
            await self._launch()
        else:
            await machine.reset()

    async def plug(self, nic: Nic) -> None:
        """Recorded first: a plug that was cut off is completed by the next one, or by the next start."""
        before, busy = self.record, self.machine.leaving if self.machine else set()
        record = before if nic.port_id in before.slots else before.with_nic(nic, busy)
        slot = record.slots[nic.port_id]
        self._check_device(nic)
        self.note(record)
        if machine := self.machine:
            try:
                await self._limit_nics([nic.device])
                if record.user and slot not in await machine.nic_slots():
                    with failing("give the interface to the guest"):
                        confine.give_tap(nic.device, record.user)
                await machine.add_nic(slot, netdev(nic, slot, self.settings.host), nic_device(nic, slot, record.spec))
            except HypervisorFailed:
                if self.record.limited:
                    await bandwidth.forget([nic.device])
                self.folder.write(before)
                self.record = before
                raise

    async def unplug(self, port_id: str) -> None:
        """Recorded last, for the same reason."""
        if port_id not in self.record.slots:
            return
        if machine := self.machine:
            await machine.remove_nic(self.record.slots[port_id], UNPLUG_TIMEOUT_S)
        if self.record.limited:
            await bandwidth.forget(nic.device for nic in self.record.spec.nics if nic.port_id == port_id)
        self.note(self.record.without_nic(port_id))

    async def _launch(self, *, wake: bool = False) -> None:
        for nic in self.record.spec.nics:
            self._check_device(nic)
        self._settle()
        places = self.settings.pins.places(self.record, self.settings.pins.take(self.record))
        share = cpu_share(self.record.spec.properties)
        await self._limit_nics([nic.device for nic in self.record.spec.nics])
        with failing("start QEMU"):
            self.folder.crash.unlink(missing_ok=True)
            argv = command(self.record, self.folder, self.settings.host, wake=wake)
            if self.record.user:
                confine.hand_over(self.record, self.folder, self.settings.home)
                argv = confine.prefix(self.record.user) + argv
            machine = self._machine = await Machine.launch(argv, self.folder, self._note_crash)
        try:
            if share:
                with failing("limit the guest's processors"):
                    self.settings.shares.put(self.record.spec.id, machine.pid, share, self.record.spec.vcpus)
            if places or self.settings.pins.divided:
                await pin(machine, places, self.settings.pins.shared)
        except BaseException:
            await machine.kill()
            raise

    def _settle(self) -> None:
        """It keeps the pages and cells it had, until it is to be another guest."""
        spec, pins, record = self.record.spec, self.settings.pins, self.record
        if bool(record.page_kib) == bool(spec.properties.get(PAGES)) and (record.nodes or len(pins.cells) < 2):
            return
        page_kib, nodes = pins.settle(spec, pages.kept_in(pins.cells))
        if (page_kib, nodes) != (record.page_kib, record.nodes):
            self.note(msgspec.structs.replace(record, page_kib=page_kib, nodes=nodes))

    async def _limit_nics(self, devices: list[str]) -> None:
        """Recorded first: what is limited is looked for when the guest goes."""
        wanted = traits_for(self.record.spec.properties) >= {VIF_TRAIT}
        if wanted and not self.record.limited:
            self.note(msgspec.structs.replace(self.record, limited=True))
        if self.record.limited and not await bandwidth.limit(devices, self.record.spec.properties):
            await bandwidth.forget(devices)

    async def _suspend(self) -> None:
        """The memory has its final name when it is complete, and before the process ends: one of the two is always whole."""
        machine = self._running()
        if machine.leaving:
            raise HypervisorFailed(what="suspend", detail="the guest has not let go of an interface yet")
        was_paused = machine.paused
        await machine.pause()
        try:
            with failing("save the guest's memory"):
                with _opened(self.folder.memory_new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as fd:
                    await machine.save(fd)
                self.folder.memory_new.replace(self.folder.memory)
        except BaseException:
            self._forget_memory()
            if not was_paused and self.machine:
                await machine.resume()
            raise
        await machine.end()

    async def _wake(self) -> None:
        """The file goes once QEMU has its content, and before the guest runs: it would not fit the disk any more."""
        await self._launch(wake=True)
        machine = self._running()
        try:
            with failing("load the guest's memory"), _opened(self.folder.memory, os.O_RDONLY) as fd:
                await machine.load(fd)
        except BaseException:
            await machine.kill()
            raise
        self._forget_memory()
        await machine.resume()

    def _running(self) -> Machine:
        """For what was running a moment ago."""
        if machine := self.machine:
            return machine
        raise HypervisorFailed(what="reach the guest", detail="its process has just ended")

    def _forget_memory(self) -> None:
        self.folder.memory_new.unlink(missing_ok=True)
        self.folder.memory.unlink(missing_ok=True)

    def _note_crash(self, machine: Machine) -> None:
        said = read_tail(self.folder.log, 2000).strip() or b"QEMU ended without a word."
        with contextlib.suppress(OSError):            # the folder may be gone, or the disk full: then it is only shut down
            write_atomically(self.folder.crash, said)

    def _check_device(self, nic: Nic) -> None:
        """QEMU would make a tap device that does not exist, and the guest would be on no network."""
        try:
            socket.if_nametoindex(nic.device)
        except OSError:
            raise HypervisorFailed(what="make an interface", detail=f"device {nic.device} does not exist") from None


@contextlib.contextmanager
def _opened(path, flags: int) -> Iterator[int]:
    fd = os.open(path, flags, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)
