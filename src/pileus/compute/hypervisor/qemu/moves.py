"""A guest's files on their way from one host to another: flattened, so that no image has to be at the other end."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestInWrongState, GuestSpec, HypervisorFailed, Power
from pileus.compute.hypervisor.qemu.copies import duplicate, flatten, grow
from pileus.compute.hypervisor.qemu.disks import make_config_drive, make_ephemeral, make_firmware, make_swap, virtual_size
from pileus.compute.hypervisor.qemu.guest import Guest, Settings, failing
from pileus.compute.hypervisor.qemu.layout import Folder, Record


async def export(guest: Guest, to: Path) -> None:
    """See `Moves`."""
    if guest.power not in (Power.SHUTDOWN, Power.CRASHED) or guest.machine:
        raise GuestInWrongState(id=guest.record.spec.id, what="be moved", state=guest.power.name.lower())
    root, out = guest.record.spec.root, Folder(to)
    with failing("write the guest's disks"):
        await flatten(root, guest.folder.disk, out.disk, "qcow2", guest.settings.image_tool)
        for old, new in (
            (guest.folder.ephemeral, out.ephemeral),
            (guest.folder.swap, out.swap),
            (guest.folder.nvram, out.nvram),
            (guest.folder.console, out.console),
            (root.kernel and Path(root.kernel), out.kernel),
            (root.ramdisk and Path(root.ramdisk), out.ramdisk),
        ):
            if old and old.exists():
                await duplicate(old, new)


async def take_in(spec: GuestSpec, came: Path, folder: Folder, settings: Settings) -> Record:
    """The record of a guest whose files came in a folder; they are moved into its own. What was not sent is made."""
    arrived = Folder(came)
    virtual_size(arrived.disk, "qcow2")               # refuses one that refers to another file
    for file in (arrived.disk, arrived.ephemeral, arrived.swap, arrived.nvram, arrived.console, arrived.kernel, arrived.ramdisk):
        if file.is_symlink():
            raise HypervisorFailed(what="take the guest in", detail=f"{file.name} is not a plain file")
        if file.exists():
            await asyncio.to_thread(shutil.move, file, folder.path / file.name)
    await grow(folder.disk, spec.root.size_gib, settings.image_tool)
    if _size_of(folder.ephemeral) != spec.ephemeral_gib << 30:
        await make_ephemeral(spec, folder)
    if _size_of(folder.swap) != spec.swap_mb << 20:
        await make_swap(spec, folder)
    await make_config_drive(spec.config_drive, folder, settings.drive_format)
    kernel, ramdisk = (str(file) if file.exists() else None for file in (folder.kernel, folder.ramdisk))
    spec = replace(spec, root=replace(spec.root, base="", format="qcow2", kernel=kernel, ramdisk=ramdisk))
    return replace(Record(spec=spec).with_spec(spec), firmware=make_firmware(spec, folder))


def _size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
