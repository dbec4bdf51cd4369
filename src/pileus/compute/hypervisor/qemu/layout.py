"""Which files a guest has, and its record. The only module that knows their names."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import fcntl
import os
import re
import shutil
from pathlib import Path

import msgspec
from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestSpec, HypervisorFailed, Nic, Power, RescueSpec
from pileus.compute.hypervisor.files import write_atomically

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

#: Interfaces that a guest can have at one time: what the PCI bus of the `pc` machine leaves free.
NICS_MAX = 19


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What the driver stores of a guest. An interface keeps its slot, so that a saved memory finds its devices again."""

    spec: GuestSpec
    slots: dict[str, int] = {}                        # port id → slot of its device
    rescue: RescueSpec | None = None                  # it boots from `Folder.rescue` until it is unrescued
    user: int = 0                                     # whose process it is; 0: the agent's own
    limited: bool = False                             # its interfaces have limits on this host
    page_kib: int = 0                                 # of its memory; 0: small pages
    nodes: tuple[int, ...] = ()                       # the host's NUMA cell of each of its own; none on a host with one
    firmware: str = ""                                # file of the UEFI that it was made with; none: BIOS
    machine: str = ""                                 # of one that came while it ran: the machine that it was begun on
    incoming: bool = False                            # it is on its way here, and nothing of it counts yet
    frozen: bool = False                              # its file systems hold still while a copy of its disk is begun
    leaving: Power | None = None                      # it is being sent elsewhere, and was in this state before

    @property
    def config_drive(self) -> dict[str, bytes] | None:
        """The files of its config drive: while it is rescued, those of the rescue if that has any."""
        if self.rescue and self.rescue.config_drive is not None:
            return self.rescue.config_drive
        return self.spec.config_drive

    def with_spec(self, spec: GuestSpec) -> Record:
        """The record for another spec: known ports keep their slots, new ones get the first that is free."""
        slots = {nic.port_id: self.slots[nic.port_id] for nic in spec.nics if nic.port_id in self.slots}
        for nic in spec.nics:
            slots.setdefault(nic.port_id, _free(slots.values(), spec))
        same = self.spec.properties == spec.properties and self.spec.memory_mb == spec.memory_mb
        machine = self.machine if self.spec.properties.get("hw_machine_type") == spec.properties.get("hw_machine_type") else ""
        return replace(self, spec=spec, slots=slots, machine=machine, page_kib=self.page_kib if same else 0,
                       nodes=self.nodes if same else ())

    def with_nic(self, nic: Nic, busy: set[int]) -> Record:
        """The record with one interface more, in a slot that no interface has and that is not in `busy`."""
        slot = _free({*self.slots.values(), *busy}, self.spec)
        spec = replace(self.spec, nics=(*self.spec.nics, nic))
        return replace(self, spec=spec, slots={**self.slots, nic.port_id: slot})

    def without_nic(self, port_id: str) -> Record:
        spec = replace(self.spec, nics=tuple(nic for nic in self.spec.nics if nic.port_id != port_id))
        return replace(self, spec=spec, slots={port: slot for port, slot in self.slots.items() if port != port_id})


def _free(taken, spec: GuestSpec) -> int:
    for slot in range(NICS_MAX):
        if slot not in taken:
            return slot
    raise HypervisorFailed(what="plug an interface", detail=f"{spec.id} has {NICS_MAX} interfaces already")


class Folder:
    """The files of one guest."""

    def __init__(self, path: Path):
        self.path = path
        self.record = path / "spec.json"
        self.disk = path / "disk.qcow2"
        self.ephemeral = path / "ephemeral.raw"
        self.swap = path / "swap.raw"
        self.config_drive = path / "config.iso"
        self.rescue = path / "rescue.qcow2"
        self.kernel = path / "kernel"                 # of a guest that came from another host, without its image
        self.ramdisk = path / "ramdisk"
        self.nvram = path / "nvram.fd"                # UEFI's variables
        self.before = path / "before"                 # what the guest was before it was resized: disks, and its record last
        self.console = path / "console.log"           # QEMU appends to it and may be cut short under QEMU
        self.console_before = path / "console.log.1"  # the part that was cut off last
        self.log = path / "qemu.log"                  # QEMU's own standard error
        self.pid = path / "qemu.pid"
        self.copy = path / "copy"                     # of its disk, while that is copied
        self.qmp = "qmp.sock"
        self.serial = "serial.sock"
        self.incoming = "incoming.sock"               # where the memory of a guest that is on its way here is taken
        self.disks = "disks.sock"                     # and its disks
        self.agent = "agent.sock"                     # of the agent inside the guest
        self.memory = path / "memory"                 # a complete saved memory: the guest is suspended
        self.memory_new = path / "memory.new"         # one that is being written
        self.crash = path / "crash.txt"               # why the process ended without being asked

    def read(self) -> Record | None:
        """The guest's record; None when it is half made."""
        try:
            return msgspec.json.decode(self.record.read_bytes(), type=Record)
        except FileNotFoundError:
            return None

    def write(self, record: Record) -> None:
        write_atomically(self.record, msgspec.json.encode(record))


class Home:
    """The folder of the driver on this host: `guests/<uuid>/`, `trash/` and the result of the probe."""

    def __init__(self, state: Path):
        self.path = state.absolute()
        self.guests = self.path / "guests"
        self.trash = self.path / "trash"
        self.probe = self.path / "probe.json"

    def make(self) -> None:
        for folder in (self.guests, self.trash):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def lock(self) -> int:
        """Keep other agents out for as long as the returned file is open: two would undo each other's work."""
        fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise HypervisorFailed(what="start", detail=f"another agent looks after the guests in {self.path}") from None
        return fd

    def folder(self, guest_id: str) -> Folder:
        return Folder(self.guests / guest_id)

    def known(self) -> list[str]:
        """The ids of all guests that have a folder, half-made ones too."""
        return sorted(entry.name for entry in os.scandir(self.guests) if UUID.fullmatch(entry.name))

    def discard(self, guest_id: str) -> None:
        """Remove a guest's folder. It is gone at once, whatever happens while its files are removed."""
        gone = self.trash / guest_id
        shutil.rmtree(gone, ignore_errors=True)
        try:
            os.rename(self.guests / guest_id, gone)
        except FileNotFoundError:
            return
        shutil.rmtree(gone, ignore_errors=True)

    def empty_trash(self) -> None:
        for entry in os.scandir(self.trash):
            shutil.rmtree(entry.path, ignore_errors=True)
