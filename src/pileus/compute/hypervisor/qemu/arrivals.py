"""The destination's side of a live migration: a machine that waits for a guest, and lets it go on when it is told so.

Until then the record says that the guest is on its way, and whoever finds such a record without having written it removes the
guest. The record changes before the guest goes on: one that runs here was never found to be on its way.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import socket
import zlib

import msgspec
from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed, Power
from pileus.compute.hypervisor.qemu import process, sending
from pileus.compute.hypervisor.qemu.departures import Described
from pileus.compute.hypervisor.qemu.disks import make_firmware, run_tool
from pileus.compute.hypervisor.qemu.guest import Guest, Settings
from pileus.compute.hypervisor.qemu.host import processor
from pileus.compute.hypervisor.qemu.layout import Folder, Record
from pileus.compute.hypervisor.qemu.machine import Machine
from pileus.core.log import Log

#: How the network is told where the guest is now, in milliseconds.
ANNOUNCE = {"initial": 50, "max": 550, "rounds": 5, "step": 50}

#: How long the last of what was sent may take to be taken in.
LAST_TIMEOUT_S = 60

log = Log("pileus.compute.qemu")


class Arrival:
    """Takes the one connection that the guest's memory comes through, and gives it to its machine."""

    def __init__(self, machine: Machine, listening: socket.socket):
        listening.setblocking(False)
        self._task = asyncio.create_task(self._take(machine, listening))

    def end(self) -> None:
        self._task.cancel()

    async def _take(self, machine: Machine, listening: socket.socket) -> None:
        with listening:
            sock, _ = await asyncio.get_running_loop().sock_accept(listening)
        with sock:
            try:
                await machine.begin_load(sock.fileno())
            except HypervisorFailed as failure:        # the source notices that nobody reads
                log.warning("a guest on its way here cannot be taken", error=failure.detail)


async def make(spec: GuestSpec, described: bytes, folder: Folder, settings: Settings) -> Record:
    """The files that the guest is to be sent into, empty. Raises HypervisorFailed for one that could not go on here."""
    told = msgspec.msgpack.decode(described, type=Described)
    if told.processor != (processor() if settings.host.kvm else ""):
        raise HypervisorFailed(what="receive the guest", detail="its processor is not this host's")
    for name, size in told.disks.items():
        await _make_disk(name, size, folder, settings)
    if told.config_drive is not None:
        folder.config_drive.write_bytes(zlib.decompress(told.config_drive))
    spec = _as_it_is(told.record.spec, spec)
    return Record(spec=spec, slots=told.record.slots, machine=told.record.machine, firmware=make_firmware(spec, folder), incoming=True)


async def wait_for(guest: Guest) -> Arrival:
    """Start the machine that the guest is to go on in. It serves its disks itself."""
    machine = await guest.wait()
    with process.listen(guest.folder.path, guest.folder.disks) as listening:
        await machine.ask("getfd", {"fdname": "disks"}, fd=listening.fileno())
    await machine.ask("nbd-server-start", {"addr": {"type": "fd", "data": {"str": "disks"}}})
    for name, file in (("root", guest.folder.disk), ("ephemeral", guest.folder.ephemeral), ("swap", guest.folder.swap)):
        if file.exists():
            await machine.ask("block-export-add", {"type": "nbd", "id": name, "node-name": name, "name": name, "writable": True})
    return Arrival(machine, process.listen(guest.folder.path, guest.folder.incoming))


async def arrive(guest: Guest, power: Power) -> None:
    machine = guest.machine
    if guest.record.incoming:
        if machine is None or await sending.end_of_memory(machine, LAST_TIMEOUT_S) != "completed":
            raise HypervisorFailed(what="go on with the guest", detail="not all of it is here")
        await machine.ask("nbd-server-stop")
        guest.note(replace(guest.record, incoming=False))
    if power is Power.RUNNING and machine is not None and machine.paused:
        await machine.resume()
        await machine.ask("announce-self", ANNOUNCE)


def _as_it_is(was: GuestSpec, wanted: GuestSpec) -> GuestSpec:
    """The guest as its machine is, on the devices and with the files of this host."""
    here = {nic.port_id: nic for nic in wanted.nics}
    if here.keys() != {nic.port_id for nic in was.nics} or bool(was.root.kernel) != bool(wanted.root.kernel):
        raise HypervisorFailed(what="receive the guest", detail="its interfaces or its kernel are not those that were ordered")
    root = replace(was.root, base="", format="qcow2", kernel=wanted.root.kernel, ramdisk=wanted.root.ramdisk)
    return replace(was, root=root, nics=tuple(replace(nic, device=here[nic.port_id].device) for nic in was.nics))


async def _make_disk(name: str, size: int, folder: Folder, settings: Settings) -> None:
    if name == "root":
        await run_tool("make the root disk", settings.image_tool, "create", "-q", "-f", "qcow2", str(folder.disk), str(size))
        return
    with open({"ephemeral": folder.ephemeral, "swap": folder.swap}[name], "wb") as file:
        file.truncate(size)
