"""The source's side of a live migration: what is told of the guest, and sending it.

The record says that it is leaving before anything is sent, and until somebody decides: who starts again after a crash in the
middle must not let a guest go on that may be going on elsewhere.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import socket
import zlib
from pathlib import Path

import msgspec
from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestInWrongState, HypervisorFailed
from pileus.compute.hypervisor.qemu import process, sending
from pileus.compute.hypervisor.qemu.diagnoses import running
from pileus.compute.hypervisor.qemu.disks import layer_size
from pileus.compute.hypervisor.qemu.guest import Guest, failing
from pileus.compute.hypervisor.qemu.host import processor
from pileus.compute.hypervisor.qemu.layout import Folder, Record

#: How long sending may take, for each GiB of memory and disks.
TIMEOUT_S_PER_GIB = 800


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What the destination must know to make a machine that this guest can go on in."""

    record: Record
    processor: str                          # that the guest knows of; none when it is an emulated one
    disks: dict[str, int]                   # name of what is copied → bytes
    config_drive: bytes | None = None       # packed: a guest must not find another one under its hands


async def describe(guest: Guest) -> bytes:
    machine = running(guest, "be migrated")
    if guest.record.rescue:
        raise GuestInWrongState(id=guest.record.spec.id, what="be migrated", state="rescued")
    if machine.leaving:
        raise HypervisorFailed(what="migrate the guest", detail="it has not let go of an interface yet")
    name = await machine.ask("qom-get", {"path": "/machine", "property": "type"})
    drive = None
    with failing("describe the guest"):
        if guest.record.config_drive is not None:
            drive = await asyncio.to_thread(_pack, guest.folder.config_drive)
        described = Described(record=replace(guest.record, machine=name.removesuffix("-machine")), config_drive=drive,
                              processor=processor() if guest.settings.host.kvm else "", disks=disks(guest.folder))
    return msgspec.msgpack.encode(described)


def disks(folder: Folder) -> dict[str, int]:
    """The disks that a guest writes to, by the names of their nodes, and how large they are."""
    plain = {"ephemeral": folder.ephemeral, "swap": folder.swap}
    return {"root": layer_size(folder.disk)} | {name: file.stat().st_size for name, file in plain.items() if file.exists()}


async def migrate(guest: Guest, address: str) -> None:
    machine, was = running(guest, "be migrated"), guest.power
    destination, size = Folder(Path(address)), sum(disks(guest.folder).values()) + (guest.record.spec.memory_mb << 20)
    nodes = list(disks(guest.folder))
    guest.note(replace(guest.record, leaving=was))
    try:
        async with asyncio.timeout(TIMEOUT_S_PER_GIB * max(2, size >> 30)):
            for node in nodes:
                await sending.mirror(machine, node, lambda: _connect(destination, destination.disks))
            await sending.memory(machine, nodes, lambda: _connect(destination, destination.incoming))
    except TimeoutError:
        await guest.stay()
        raise HypervisorFailed(what="send the guest", detail="it took too long") from None
    except BaseException:
        await guest.stay()
        raise


def _connect(destination: Folder, name: str) -> socket.socket:
    """Only agents may: the destination's sockets are theirs alone. Raises HypervisorFailed."""
    with failing("reach the destination"):
        if (sock := process.connect(destination.path, name)) is not None:
            return sock
    raise HypervisorFailed(what="reach the destination", detail="nobody waits for the guest there")


def _pack(file: Path) -> bytes:
    return zlib.compress(file.read_bytes(), 1)
