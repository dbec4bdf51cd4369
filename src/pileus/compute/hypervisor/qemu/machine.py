"""One running QEMU process of a guest: what can be asked of it, and what it says by itself.

It ends when its process ends, and `gone` is set once the last event has been heard. A machine whose monitor does not answer
is `stuck`: it can still be ended, and everything else about it fails with a clear error.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from pileus.compute.hypervisor.base import HypervisorFailed, Power
from pileus.compute.hypervisor.files import read_tail
from pileus.compute.hypervisor.qemu import process
from pileus.compute.hypervisor.qemu.command import AGENT_FD, QMP_FD, SERIAL_FD
from pileus.compute.hypervisor.qemu.layout import Folder
from pileus.compute.hypervisor.qemu.qmp import Qmp, QmpFailed, QmpLost, QmpRefused

START_TIMEOUT_S = 60
ASK_TIMEOUT_S = 10
ATTACH_TIMEOUT_S = 5
END_TIMEOUT_S = 10
MIGRATE_TIMEOUT_S = 600

#: A guest may ignore the power button while it boots: press it again.
BUTTON_EVERY_S = 5.0

#: QEMU's words for a guest that will not go on, whatever is asked of it; why.
CRASHED = {
    "internal-error": "QEMU cannot carry on with what the guest does (internal-error).",
    "guest-panicked": "The guest's operating system panicked (guest-panicked).",
}

#: Bytes per second: saving a memory is not to be slowed down, QEMU's default is made for networks.
MIGRATE_BANDWIDTH = 1 << 40


class Machine:
    """Made by `launch` or `attach`. `on_crash` is called when its process has ended and nobody asked for it."""

    def __init__(self, folder: Folder, proc: process.Process, on_crash: Callable[[Machine], None]):
        self.folder = folder
        self.gone = asyncio.Event()
        self.paused = False
        self.stuck = ""                               # why the monitor is not to be used
        self.error = ""                               # what QEMU said about the guest's trouble
        self.crashed = ""                             # why the guest will not go on, although its process is still there
        self.vnc: tuple[str, int] | None = None
        self.leaving: set[int] = set()                # slots of interfaces that the guest has not let go yet
        self._process = proc
        self._qmp: Qmp | None = None
        self._on_crash = on_crash
        self._looking: asyncio.Task | None = None     # for why it stopped
        self._end_is_known = True                     # asked for by us or announced by QEMU; and before it ran, no crash
        self._watcher = asyncio.create_task(self._watch())

    @classmethod
    async def launch(cls, argv: list[str], folder: Folder, on_crash: Callable[[Machine], None]) -> Machine:
        """Start QEMU and return when its monitor answers. Raises HypervisorFailed, with what QEMU said, and leaves no process."""
        listening = {QMP_FD: folder.qmp, SERIAL_FD: folder.serial, AGENT_FD: folder.agent}
        with contextlib.ExitStack() as stack:
            fds = {fd: stack.enter_context(process.listen(folder.path, name)).fileno() for fd, name in listening.items()}
            # Connected before QEMU exists: its monitor answers as soon as it can, and a QEMU that dies hangs up.
            sock = process.connect(folder.path, folder.qmp)
            assert sock is not None
            try:
                pid = process.launch(argv, log=folder.log, fds=fds)
            except BaseException:
                sock.close()
                raise
            machine = cls(folder, process.Process(pid, os.pidfd_open(pid)), on_crash)
        try:
            await machine._talk(sock, START_TIMEOUT_S)
        except BaseException as error:
            await machine.kill()
            if isinstance(error, QmpFailed):
                said = read_tail(folder.log, 2000).decode(errors="replace").strip()
                raise HypervisorFailed(what="start QEMU", detail=said or str(error)) from None
            raise
        return machine

    @classmethod
    async def attach(cls, pid: int, folder: Folder, on_crash: Callable[[Machine], None]) -> Machine | None:
        """Take over a process that runs this guest; None when it does not run any more."""
        proc = process.adopt(folder.path, pid)
        if proc is None:
            return None
        machine = cls(folder, proc, on_crash)
        await machine.reach()
        return None if machine.gone.is_set() else machine

    async def reach(self) -> None:
        """Try to talk to a machine that does not answer. Afterwards `stuck` says whether it still does not."""
        if self._qmp and not self._qmp.lost:
            return
        sock = process.connect(self.folder.path, self.folder.qmp)
        try:
            if sock is None:
                raise QmpLost("nobody listens there, or too many wait")
            await self._talk(sock, ATTACH_TIMEOUT_S)
            self.stuck = ""
        except QmpFailed as error:
            self.stuck = f"QEMU's monitor does not answer: {error}"
            if self._process.ended.is_set():
                await self.gone.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def power(self) -> Power:
        if self.crashed:
            return Power.CRASHED
        return Power.PAUSED if self.paused else Power.RUNNING

    async def ask(self, command: str, arguments: dict[str, Any] | None = None, *, fd: int | None = None) -> Any:
        """A monitor command. Raises HypervisorFailed."""
        if self._qmp is None or self._qmp.lost:
            await self.reach()
        if self._qmp is None or self.stuck:
            raise HypervisorFailed(what=command, detail=self.stuck)
        try:
            return await self._qmp.execute(command, arguments, timeout_s=ASK_TIMEOUT_S, fd=fd)
        except QmpFailed as error:
            raise HypervisorFailed(what=command, detail=str(error)) from None

    def expect(self, event: str, matches: Callable[[dict], bool]) -> AbstractAsyncContextManager[asyncio.Future]:
        """See `Qmp.expect`; of a machine that answers."""
        if self._qmp is None:
            raise HypervisorFailed(what="listen to QEMU", detail=self.stuck)
        return self._qmp.expect(event, matches)

    async def status(self) -> str:
        """QEMU's own word for its state: running, paused, inmigrate, postmigrate, io-error …"""
        return (await self.ask("query-status"))["status"]

    async def pause(self) -> None:
        await self.ask("stop")
        self.paused = True

    async def resume(self) -> None:
        await self.ask("cont")
        self.paused, self.error = False, ""

    async def reset(self) -> None:
        await self.ask("system_reset")

    async def press_power_button(self, timeout_s: float) -> bool:
        """Ask the guest to end, for so long. Whether it did. A paused guest hears nothing and is not waited for."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while not self.paused and not self.gone.is_set() and (left := deadline - loop.time()) > 0:
            try:
                await self.ask("system_powerdown")
            except HypervisorFailed:
                await self._ends_within(1)            # it may be ending at this very moment
                if not self.gone.is_set():
                    raise
            await self._ends_within(min(left, BUTTON_EVERY_S))
        return self.gone.is_set()

    async def end(self) -> None:
        """Pull the plug; QEMU closes its files in order when it can. Raises HypervisorFailed when the process does not end."""
        self._end_is_known = True
        if self._qmp and not self.stuck:
            with contextlib.suppress(QmpFailed):
                await self._qmp.execute("quit", timeout_s=END_TIMEOUT_S)
                await self._ends_within(END_TIMEOUT_S)
        await self.kill()

    def kill_soon(self) -> None:
        """End it without a word, and without waiting for the end."""
        self._end_is_known = True
        self._process.kill()

    async def kill(self) -> None:
        """End it without a word. Raises HypervisorFailed when the process does not end: it hangs in the kernel."""
        self.kill_soon()
        await self._ends_within(END_TIMEOUT_S)
        if not self.gone.is_set():
            raise HypervisorFailed(what="end QEMU", detail=f"process {self.pid} does not end")

    async def release(self) -> None:
        """Hang up and stop watching; the guest goes on."""
        self._watcher.cancel()
        if self._looking:
            self._looking.cancel()
        self._process.close()
        if self._qmp:
            await self._qmp.close()

    # -- memory --------------------------------------------------------------------------------------------------------

    async def save(self, fd: int) -> None:
        """Write the paused guest's memory and devices to a file. The process is of no more use afterwards."""
        await self._migrate("migrate", fd, {"max-bandwidth": MIGRATE_BANDWIDTH})

    async def load(self, fd: int) -> None:
        """Read what `save` wrote into a machine that was launched to wait for it. It is paused then."""
        await self._migrate("migrate-incoming", fd, {})
        self.paused = True

    async def begin_load(self, fd: int) -> None:
        """Begin to read from a connection what another QEMU sends; `query-migrate` knows when all of it is here."""
        await self.ask("migrate-set-capabilities", {"capabilities": [{"capability": "events", "state": True}]})
        await self.ask("getfd", {"fdname": "memory"}, fd=fd)
        await self.ask("migrate-incoming", {"uri": "fd:memory"})

    async def _migrate(self, command: str, fd: int, parameters: dict[str, Any]) -> None:
        await self.ask("migrate-set-capabilities", {"capabilities": [{"capability": "events", "state": True}]})
        if parameters:
            await self.ask("migrate-set-parameters", parameters)
        await self.ask("getfd", {"fdname": "memory"}, fd=fd)
        assert self._qmp is not None
        async with self._qmp.expect("MIGRATION", lambda data: data["status"] in ("completed", "failed", "cancelled")) as ended:
            await self.ask(command, {"uri": "fd:memory"})
            try:
                async with asyncio.timeout(MIGRATE_TIMEOUT_S):
                    result = (await ended)["status"]
            except TimeoutError:
                raise HypervisorFailed(what=command, detail=f"not done within {MIGRATE_TIMEOUT_S} s") from None
            except QmpLost:
                result = read_tail(self.folder.log, 2000).decode(errors="replace").strip()
        if result != "completed":
            raise HypervisorFailed(what=command, detail=result)

    # -- disks ---------------------------------------------------------------------------------------------------------

    async def copy_disk(self, node: str, file: Path, format: str, still: AbstractAsyncContextManager) -> None:
        """Copy a disk, as it is at this moment and with all it is layered on, into a file of its size; the guest goes on.

        What the copy has is what is on the disk while `still` is entered."""
        target = {"driver": format, "node-name": "copy", "file": {"driver": "file", "filename": str(file)}}
        await self.ask("blockdev-add", target)
        try:
            assert self._qmp is not None
            async with self._qmp.expect("BLOCK_JOB_COMPLETED", lambda data: data["device"] == "copy") as ended:
                async with still:
                    await self.ask("blockdev-backup", {"job-id": "copy", "device": node, "target": "copy", "sync": "full"})
                result = await ended
        except QmpLost:
            raise HypervisorFailed(what="copy the disk", detail="the guest's process ended meanwhile") from None
        finally:
            await self.drop_copy()
        if error := result.get("error"):
            raise HypervisorFailed(what="copy the disk", detail=error)

    async def drop_copy(self) -> None:
        """End a copy that is under way, perhaps for an agent that is no more, and let go of its file."""
        with contextlib.suppress(QmpFailed, HypervisorFailed):
            if any(job["id"] == "copy" for job in await self.ask("query-jobs")):
                assert self._qmp is not None
                async with self._qmp.expect("BLOCK_JOB_CANCELLED", lambda data: data["device"] == "copy") as ended:
                    await self.ask("block-job-cancel", {"device": "copy", "force": True})
                    await asyncio.wait([ended], timeout=ASK_TIMEOUT_S)
        with contextlib.suppress(HypervisorFailed):
            await self.ask("blockdev-del", {"node-name": "copy"})

    # -- interfaces ----------------------------------------------------------------------------------------------------

    async def nic_slots(self) -> set[int]:
        """Which slots have an interface."""
        devices = await self.ask("qom-list", {"path": "/machine/peripheral"})
        return {int(device["name"][3:]) for device in devices if device["name"].startswith("nic")}

    async def add_nic(self, slot: int, netdev: dict, device: dict) -> None:
        """Plug an interface into a free slot, or leave the one that is there."""
        if slot in await self.nic_slots():
            return
        await self._drop_netdev(slot)
        await self.ask("netdev_add", netdev)
        try:
            await self.ask("device_add", device)
        except BaseException:
            await self._drop_netdev(slot)
            raise

    async def remove_nic(self, slot: int, timeout_s: float) -> None:
        """Cut an interface off the network, and ask the guest to let go of the device. One that does not is `leaving`.

        Its tap device is closed then, or (since QEMU 10) once the guest lets go; nothing passes through it meanwhile.
        """
        if slot in await self.nic_slots() and slot not in self.leaving:
            assert self._qmp is not None
            async with self._qmp.expect("DEVICE_DELETED", lambda data: data.get("device") == f"nic{slot}") as deleted:
                self.leaving.add(slot)
                await self.ask("set_link", {"name": f"nic{slot}", "up": False})
                await self.ask("device_del", {"id": f"nic{slot}"})
                if not self.paused:
                    await asyncio.wait([deleted], timeout=timeout_s)
        await self._drop_netdev(slot)

    async def _drop_netdev(self, slot: int) -> None:
        assert self._qmp is not None
        with contextlib.suppress(QmpRefused):
            await self._qmp.execute("netdev_del", {"id": f"net{slot}"})

    # -- listening -----------------------------------------------------------------------------------------------------

    async def _talk(self, sock, timeout_s: float) -> None:
        self._qmp = await Qmp.open(sock, self._hear, timeout_s=timeout_s)
        status = await self._qmp.execute("query-status")
        self.paused = not status["running"]
        self._take_status(status["status"])
        screen = await self._qmp.execute("query-vnc")
        self.vnc = (screen["host"], int(screen["service"])) if screen["enabled"] else None
        self._end_is_known = False

    def _hear(self, event: str, data: dict[str, Any]) -> None:
        match event:
            case "STOP":
                self.paused = True
                self._looking = asyncio.create_task(self._look())
            case "RESUME":
                self.paused = False
            case "GUEST_PANICKED":
                self._take_status("guest-panicked")
            case "SHUTDOWN":
                self._end_is_known = True
            case "WATCHDOG" if data.get("action") == "poweroff":
                self._end_is_known = True             # that end is not announced otherwise
            case "BLOCK_IO_ERROR":
                self.error = f"disk {data.get('node-name', '')}: {data.get('reason', 'input/output error')}"
            case "DEVICE_DELETED" if data.get("device", "").startswith("nic"):
                self.leaving.discard(int(data["device"][3:]))

    async def _look(self) -> None:
        """The event that a guest stopped does not say why."""
        with contextlib.suppress(HypervisorFailed):   # it is gone, or stuck: that is noticed elsewhere
            self._take_status(await self.status())

    def _take_status(self, status: str) -> None:
        if why := CRASHED.get(status):
            said = read_tail(self.folder.log, 2000).decode(errors="replace").strip()
            self.paused, self.crashed = True, f"{why}\n{said}".strip()

    async def _ends_within(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.gone.wait()

    async def _watch(self) -> None:
        await self._process.ended.wait()
        if self._qmp:
            await self._qmp.wait_lost()
            await self._qmp.close()
        self.gone.set()
        if not self._end_is_known:
            self._on_crash(self)
