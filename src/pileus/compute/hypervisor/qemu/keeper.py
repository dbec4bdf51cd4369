"""Keeping the guests of a host: which there are, how one comes to be or goes, whole or not at all.

Nothing here puts calls in order; `driver`, the contract on top, does.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Coroutine, Iterable
from pathlib import Path

from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestNotFound, GuestSpec, HypervisorFailed
from pileus.compute.hypervisor.limits import CPU_TRAIT, VIF_TRAIT
from pileus.compute.hypervisor.qemu import arrivals, bandwidth, confine, guest_agent, moves, pages, process
from pileus.compute.hypervisor.qemu.cells import host_cells
from pileus.compute.hypervisor.qemu.disks import make_disks, make_firmware
from pileus.compute.hypervisor.qemu.guest import Guest, Settings, failing
from pileus.compute.hypervisor.qemu.host import memory_mb
from pileus.compute.hypervisor.qemu.layout import UUID, Folder, Home, Record
from pileus.compute.hypervisor.qemu.neighbours import ALONE, Neighbours
from pileus.compute.hypervisor.qemu.pins import Pins
from pileus.compute.hypervisor.qemu.probe import BINARY, abilities
from pileus.compute.hypervisor.qemu.shares import Shares
from pileus.compute.hypervisor.topology import Cell
from pileus.core.turns import Turns

ADOPTED_AT_ONCE = 32


class Keeper:
    def __init__(
        self,
        state: Path,
        hostname: str,
        *,
        image_tool: str = "qemu-img",
        drive_format: str = "iso9660",
        cpu_shared: Iterable[int] | None = None,
        cpu_dedicated: Iterable[int] = (),
        neighbours: Neighbours = ALONE,
    ):
        self._home = Home(state)
        self._neighbours = neighbours
        self._hostname = hostname
        self._image_tool = image_tool
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

    async def start(self) -> None:
        with failing("start"):
            self._home.make()
            self._confined = confine.possible(self._home)
            if self._lock is None:
                self._lock = self._home.lock()
            if shutil.which(self._image_tool) is None:
                raise HypervisorFailed(what="start", detail=f"{self._image_tool} is not installed")
            able = await abilities(BINARY, self._home.probe)
            self._settings = Settings(host=able, image_tool=self._image_tool, drive_format=self._drive_format,
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

    async def _find(self, guest_id: str) -> Guest | None:
        """The guest if it is here. One that is on its way here is given up: whoever asks wants it in another way."""
        guest = self._guests.get(guest_id)
        if guest is None or not guest.record.incoming:
            return guest
        await self._end(guest_id)
        return None

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
                    if guest.machine:
                        await guest_agent.let_go(guest)
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

    @contextlib.asynccontextmanager
    async def _coming(self, guest_id: str, what: str) -> AsyncIterator[Folder]:
        """The folder of a guest that comes to be inside, complete or not at all. What an earlier, killed attempt left goes first."""
        if not UUID.fullmatch(guest_id):
            raise HypervisorFailed(what=what, detail=f"{guest_id!r} is not a UUID")
        await self._end(guest_id)
        folder = self._home.folder(guest_id)
        try:
            with failing(what):
                folder.path.mkdir(mode=0o700)
                yield folder
        except BaseException:
            await self._end(guest_id)
            raise

    def _keep(self, folder: Folder, record: Record) -> Guest:
        """From now on the guest is here: it has a record, and a user of its own."""
        record = replace(record, user=self._free_user())
        folder.write(record)
        guest = self._guests[record.spec.id] = Guest(folder, record, self._made_with)
        return guest

    async def _make(self, spec: GuestSpec) -> Guest:
        """A new guest, which runs."""
        async with self._coming(spec.id, "make the guest") as folder:
            await make_disks(spec, folder, self._image_tool, self._drive_format)
            guest = self._keep(folder, replace(Record(spec=spec).with_spec(spec), firmware=make_firmware(spec, folder)))
            await guest.run()
        return guest

    async def _take_in(self, spec: GuestSpec, came: Path) -> Guest:
        """A guest that came from another host."""
        async with self._coming(spec.id, "take the guest in") as folder:
            return self._keep(folder, await moves.take_in(spec, came, folder, self._made_with))

    async def _expect(self, spec: GuestSpec, described: bytes) -> str:
        """A machine that waits for the guest."""
        async with self._coming(spec.id, "expect the guest") as folder:
            guest = self._keep(folder, await arrivals.make(spec, described, folder, self._made_with))
            self._arrivals[spec.id] = await arrivals.wait_for(guest)
        return str(folder.path)

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
