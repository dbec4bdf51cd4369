"""A hypervisor without guests: it keeps what it was told and says so. Needs no root, no QEMU and no time.

It is a driver like any other, held to the same contract, and it is what CI and `pileus up --simulated` run on. It is not
a mock: it has no expectations and records no calls. Faults and delays are named by method, so that a test can make a host
fail in one way: `fails = {"spawn"}` fails before the effect, `{"spawn:after"}` after it, like an answer that was lost.

With a `state` folder its guests outlive the process, as real ones would: one JSON file per guest, written before the call
returns. Nothing in here depends on the clock or on chance.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from pileus.compute.hypervisor.base import (
    REACHABLE,
    ConsoleAbsent,
    ConsoleAddress,
    Diagnostics,
    DiskUse,
    GuestInWrongState,
    GuestNotFound,
    GuestSpec,
    GuestState,
    HypervisorFailed,
    Inventory,
    Nic,
    NicUse,
    Power,
    Progress,
    RescueSpec,
    RootDisk,
    traits_of,
)
from pileus.compute.hypervisor.devices import TRAITS, UEFI_TRAIT
from pileus.compute.hypervisor.files import write_atomically
from pileus.compute.hypervisor.limits import CPU_TRAIT, VIF_TRAIT
from pileus.compute.hypervisor.simulated_guest import SimulatedGuest, boot_text, copy, empty_disk
from pileus.compute.hypervisor.simulated_screen import Screens
from pileus.compute.hypervisor.topology import Cell
from pileus.core.clock import Clock


class Simulated:
    """A host of the given size. `fails` and `delays` (method → seconds) may be changed at any time."""

    def __init__(
        self,
        *,
        vcpus: int = 64,
        memory_mb: int = 262_144,
        disk_gib: int = 4_096,
        hostname: str = "simulated",
        fails: Iterable[str] = (),
        delays: Mapping[str, float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = Clock().sleep,
        state: Path | None = None,
    ):
        self.size = Inventory(
            vcpus=vcpus,
            memory_mb=memory_mb,
            disk_gib=disk_gib,
            hypervisor_type="simulated",
            hypervisor_version=1_000_000,
            hypervisor_hostname=hostname,
            cpu_info={"arch": "x86_64", "model": "simulated", "vendor": "Pileus"},
            cells=(Cell(id=0, cpus=tuple(range(vcpus)), memory_mb=memory_mb),),
            traits=(*traits_of(self), CPU_TRAIT, VIF_TRAIT, UEFI_TRAIT, *TRAITS),
        )
        self.fails = set(fails)
        self.delays = dict(delays or {})
        self._sleep = sleep
        self._folder = state / "guests" if state else None
        self._screens = Screens()
        self._guests: dict[str, SimulatedGuest] = {}
        self._sending: dict[str, asyncio.Future[str]] = {}     # live migrations under way: "abort" or "force" ends the wait

    # -- the contract --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        await self._meet("start")
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for torn in self._folder.glob("*.json.new"):
                torn.unlink()
            for file in sorted(self._folder.glob("*.json")):
                guest = msgspec.json.decode(file.read_bytes(), type=SimulatedGuest)
                if guest.power is Power.NOSTATE:       # it was on its way here
                    file.unlink()
                else:
                    self._guests[guest.spec.id] = guest
        self._lose_answer("start")

    async def stop(self) -> None:
        """Guests stay: in their files, and for a second `start` of the same object in memory too."""
        self._screens.end_all()

    async def inventory(self) -> Inventory:
        await self._meet("inventory")
        return self.size

    async def spawn(self, guest: GuestSpec) -> GuestState:
        await self._meet("spawn")
        there = self._guests.get(guest.id)
        if there is None:
            self._keep(SimulatedGuest(spec=guest))
        elif there.power not in (Power.RUNNING, Power.PAUSED):
            self._keep(replace(there, spec=guest, power=Power.RUNNING, boots=there.boots + 1, error=""))
        self._lose_answer("spawn")
        return self._guests[guest.id].state()

    async def destroy(self, guest_id: str) -> None:
        await self._meet("destroy")
        self._screens.end(guest_id)
        if self._guests.pop(guest_id, None) and self._folder:
            self._file(guest_id).unlink(missing_ok=True)
        self._lose_answer("destroy")

    async def power(self, guest_id: str, to: Power, *, timeout_s: float = 0) -> GuestState:
        await self._meet("power")
        guest = self._get(guest_id)
        if guest.power not in REACHABLE[to]:
            raise GuestInWrongState(id=guest_id, what=f"become {to.name.lower()}", state=guest.power.name.lower())
        booted = to is Power.RUNNING and guest.power in (Power.SHUTDOWN, Power.CRASHED)
        if guest.power is not to:
            self._keep(replace(guest, power=to, boots=guest.boots + booted, error=""))
        self._lose_answer("power")
        return self._guests[guest_id].state()

    async def reboot(self, guest_id: str, *, hard: bool, timeout_s: float = 60) -> GuestState:
        await self._meet("reboot")
        guest = self._get(guest_id)
        if not hard and guest.power is not Power.RUNNING:
            raise GuestInWrongState(id=guest_id, what="be rebooted softly", state=guest.power.name.lower())
        self._keep(replace(guest, power=Power.RUNNING, boots=guest.boots + 1, error=""))
        self._lose_answer("reboot")
        return self._guests[guest_id].state()

    async def guests(self) -> list[GuestState]:
        await self._meet("guests")
        return [guest.state() for guest in self._guests.values()]

    async def console_log(self, guest_id: str, max_bytes: int = 1 << 20) -> bytes:
        await self._meet("console_log")
        guest = self._get(guest_id)
        text = "".join(boot_text(guest.spec, boot) for boot in range(1, guest.boots + 1)).encode()
        return text[-max_bytes:] if max_bytes > 0 else b""

    # -- PlugsNics -----------------------------------------------------------------------------------------------------

    async def plug(self, guest_id: str, nic: Nic) -> None:
        await self._meet("plug")
        guest = self._get(guest_id)
        if all(there.port_id != nic.port_id for there in guest.spec.nics):
            self._keep(replace(guest, spec=replace(guest.spec, nics=(*guest.spec.nics, nic))))
        self._lose_answer("plug")

    async def unplug(self, guest_id: str, port_id: str) -> None:
        await self._meet("unplug")
        if guest := self._guests.get(guest_id):
            nics = tuple(nic for nic in guest.spec.nics if nic.port_id != port_id)
            self._keep(replace(guest, spec=replace(guest.spec, nics=nics)))
        self._lose_answer("unplug")

    # -- the root disk -------------------------------------------------------------------------------------------------

    async def snapshot(self, guest_id: str, file: Path, format: str) -> None:
        await self._meet("snapshot")
        root = self._get(guest_id).spec.root
        file.unlink(missing_ok=True)
        if root.format == format and Path(root.base).is_file():
            copy(Path(root.base), file)
        else:
            file.write_bytes(empty_disk(format, root.size_gib))
        self._lose_answer("snapshot")

    async def rescue(self, guest_id: str, rescue: RescueSpec) -> GuestState:
        await self._meet("rescue")
        guest = self._get(guest_id)
        if guest.rescue is None or guest.power is not Power.RUNNING:
            self._keep(replace(guest, rescue=rescue, power=Power.RUNNING, boots=guest.boots + 1, error=""))
        self._lose_answer("rescue")
        return self._guests[guest_id].state()

    async def unrescue(self, guest_id: str) -> GuestState:
        await self._meet("unrescue")
        guest = self._get(guest_id)
        if guest.rescue is not None:
            self._keep(replace(guest, rescue=None, power=Power.RUNNING, boots=guest.boots + 1, error=""))
        self._lose_answer("unrescue")
        return self._guests[guest_id].state()

    # -- Resizes and Moves ---------------------------------------------------------------------------------------------

    async def resize(self, guest: GuestSpec) -> GuestState:
        await self._meet("resize")
        there = self._get(guest.id)
        root = replace(guest.root, base=there.spec.root.base, format=there.spec.root.format,
                       size_gib=max(guest.root.size_gib, there.spec.root.size_gib))
        self._keep(replace(there, spec=replace(guest, root=root), before=there.before or there.spec, power=Power.SHUTDOWN))
        self._lose_answer("resize")
        return self._guests[guest.id].state()

    async def confirm_resize(self, guest_id: str) -> None:
        await self._meet("confirm_resize")
        if guest := self._guests.get(guest_id):
            self._keep(replace(guest, before=None))
        self._lose_answer("confirm_resize")

    async def revert_resize(self, guest_id: str) -> GuestState:
        await self._meet("revert_resize")
        guest = self._get(guest_id)
        if guest.before is not None:
            self._keep(replace(guest, spec=guest.before, before=None, power=Power.SHUTDOWN))
        self._lose_answer("revert_resize")
        return self._guests[guest_id].state()

    async def export(self, guest_id: str, folder: Path) -> None:
        await self._meet("export")
        guest = self._get(guest_id)
        if guest.power not in (Power.SHUTDOWN, Power.CRASHED):
            raise GuestInWrongState(id=guest_id, what="be exported", state=guest.power.name.lower())
        (folder / "disk.json").write_bytes(msgspec.json.encode(guest.spec.root))
        self._lose_answer("export")

    async def import_(self, guest: GuestSpec, folder: Path) -> GuestState:
        await self._meet("import_")
        if guest.id not in self._guests:
            try:
                root = msgspec.json.decode((folder / "disk.json").read_bytes(), type=RootDisk)
            except OSError as absent:
                raise HypervisorFailed(what="import the guest", detail=str(absent)) from None
            root = replace(root, size_gib=max(root.size_gib, guest.root.size_gib))
            self._keep(SimulatedGuest(spec=replace(guest, root=root), power=Power.SHUTDOWN, boots=0))
        self._lose_answer("import_")
        return self._guests[guest.id].state()

    # -- MigratesLive --------------------------------------------------------------------------------------------------

    async def describe(self, guest_id: str) -> bytes:
        await self._meet("describe")
        return msgspec.json.encode(self._running(guest_id, "be migrated").spec.root)

    async def expect(self, guest: GuestSpec, described: bytes) -> str:
        await self._meet("expect")
        if guest.id not in self._guests:
            self._keep(SimulatedGuest(spec=guest, power=Power.NOSTATE, boots=0))
        self._lose_answer("expect")
        return f"simulated:{self.size.hypervisor_hostname}"

    async def migrate(self, guest_id: str, address: str) -> None:
        self._running(guest_id, "be migrated")
        told = self._sending[guest_id] = asyncio.get_running_loop().create_future()
        work = asyncio.ensure_future(self._meet("migrate"))
        try:
            await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
            if told.done() and told.result() == "abort":
                raise HypervisorFailed(what="migrate the guest", detail="it was told to give up")
            if work.done():
                work.result()
            self._keep(replace(self._get(guest_id), power=Power.PAUSED))
        finally:
            work.cancel()
            self._sending.pop(guest_id, None)
        self._lose_answer("migrate")

    async def progress(self, guest_id: str) -> Progress | None:
        if guest_id not in self._sending:
            return None
        spec = self._get(guest_id).spec
        total, disk = spec.memory_mb << 20, spec.root.size_gib << 30
        return Progress(memory_total=total, memory_processed=total // 2, memory_remaining=total - total // 2,
                        disk_total=disk, disk_processed=disk // 2, disk_remaining=disk - disk // 2)

    async def abort_migration(self, guest_id: str) -> None:
        self._tell(guest_id, "abort")

    async def force_migration(self, guest_id: str) -> None:
        self._tell(guest_id, "force")

    async def arrive(self, guest_id: str, power: Power) -> GuestState:
        await self._meet("arrive")
        guest = self._get(guest_id)
        if guest.power is Power.NOSTATE:
            self._keep(replace(guest, power=power, boots=1))
        self._lose_answer("arrive")
        return self._guests[guest_id].state()

    def _tell(self, guest_id: str, word: str) -> None:
        if (told := self._sending.get(guest_id)) is not None and not told.done():
            told.set_result(word)

    # -- looking and poking inside -------------------------------------------------------------------------------------

    async def diagnostics(self, guest_id: str) -> Diagnostics:
        await self._meet("diagnostics")
        guest = self._running(guest_id, "tell how it is")
        spec = guest.spec
        disks = 1 + bool(spec.ephemeral_gib) + bool(spec.swap_mb)
        return Diagnostics(power=guest.power, uptime_s=0, memory_mb=spec.memory_mb, memory_used_mb=spec.memory_mb // 2,
                           cpu_time_ns=(0,) * spec.vcpus, disks=(DiskUse(),) * disks, config_drive=spec.config_drive is not None,
                           nics=tuple(NicUse(mac=nic.mac) for nic in spec.nics), driver="simulated", hypervisor="simulated")

    async def set_password(self, guest_id: str, user: str, password: str) -> None:
        await self._meet("set_password")
        guest = self._running(guest_id, "take a password")
        self._keep(replace(guest, passwords={**guest.passwords, user: password}))
        self._lose_answer("set_password")

    async def console(self, guest_id: str, kind: str) -> ConsoleAddress:
        await self._meet("console")
        guest = self._running(guest_id, "show its console")
        if kind != "vnc":
            raise ConsoleAbsent(id=guest_id, kind=kind)
        host, port = await self._screens.of(guest_id, guest.spec.name)
        return ConsoleAddress(host=host, port=port)

    async def inject_nmi(self, guest_id: str) -> None:
        await self._meet("inject_nmi")
        guest = self._running(guest_id, "be interrupted")
        self._keep(replace(guest, interrupts=guest.interrupts + 1))
        self._lose_answer("inject_nmi")

    def _running(self, guest_id: str, what: str) -> SimulatedGuest:
        guest = self._get(guest_id)
        if guest.power not in (Power.RUNNING, Power.PAUSED):
            raise GuestInWrongState(id=guest_id, what=what, state=guest.power.name.lower())
        return guest

    # -- what only a simulation can ------------------------------------------------------------------------------------

    def crash(self, guest_id: str, error: str = "The guest crashed.") -> None:
        """The guest dies by itself, behind everybody's back."""
        self._keep(replace(self._get(guest_id), power=Power.CRASHED, error=error))

    def spec(self, guest_id: str) -> GuestSpec:
        """What the guest was made of, with what was plugged since."""
        return self._get(guest_id).spec

    def guest(self, guest_id: str) -> SimulatedGuest:
        """All there is of a guest, for tests to look at."""
        return self._get(guest_id)

    async def _meet(self, method: str) -> None:
        """Take the method's delay, then its fault."""
        if delay := self.delays.get(method):
            await self._sleep(delay)
        if method in self.fails:
            raise HypervisorFailed(what=method, detail="simulated fault")

    def _lose_answer(self, method: str) -> None:
        if f"{method}:after" in self.fails:
            raise HypervisorFailed(what=method, detail="simulated fault after the effect")

    def _get(self, guest_id: str) -> SimulatedGuest:
        try:
            return self._guests[guest_id]
        except KeyError:
            raise GuestNotFound(id=guest_id) from None

    def _keep(self, guest: SimulatedGuest) -> None:
        """Write first: what memory knew and the file did not would be lost with the process."""
        if self._folder:
            write_atomically(self._file(guest.spec.id), msgspec.json.encode(guest))
        self._guests[guest.spec.id] = guest

    def _file(self, guest_id: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{guest_id}.json"
