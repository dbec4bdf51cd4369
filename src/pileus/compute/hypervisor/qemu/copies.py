"""Copies of a guest's disks that need no other file: made of a disk at rest by qemu-img, of a disk in use by QEMU itself.

Formats are stated for every file of a chain, so nothing that a guest wrote is ever taken for a header.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from pileus.compute.hypervisor.base import HypervisorFailed, RootDisk
from pileus.compute.hypervisor.qemu import confine
from pileus.compute.hypervisor.qemu.disks import layer_size, run_tool
from pileus.compute.hypervisor.qemu.drives import layer
from pileus.compute.hypervisor.qemu.guest import Guest, failing
from pileus.compute.hypervisor.qemu.guest_agent import quiesced
from pileus.compute.hypervisor.qemu.options import as_json

COPY_LIMITS = ("prlimit", "--as=2147483648", "--cpu=7200", "--core=0", "nice")
COPY_TIMEOUT_S = 7200

FORMATS = ("raw", "qcow2")


async def snapshot(guest: Guest, file: Path, format: str) -> None:
    """See `TakesSnapshots`."""
    if format not in FORMATS:
        raise HypervisorFailed(what="write the snapshot", detail=f"unknown format {format!r}")
    copy, new = guest.folder.copy, file.with_name(f"{file.name}.new")
    with failing("write the snapshot"):
        try:
            if machine := guest.machine:
                await machine.drop_copy()
                copy.unlink(missing_ok=True)
                size = layer_size(guest.folder.disk)
                await run_tool("write the snapshot", guest.settings.image_tool, "create", "-q", "-f", format, str(copy), str(size))
                if guest.record.user:
                    confine.give(copy, guest.record.user)
                await machine.copy_disk("root", copy, format, quiesced(guest))
            else:
                await flatten(guest.record.spec.root, guest.folder.disk, copy, format, guest.settings.image_tool)
            await asyncio.to_thread(shutil.move, copy, new)
            os.chown(new, os.geteuid(), os.getegid())
            new.replace(file)
        finally:
            for left in (copy, new):
                left.unlink(missing_ok=True)


async def flatten(root: RootDisk, disk: Path, file: Path, format: str, image_tool: str) -> None:
    """A layer and its base as one file."""
    source = f"json:{as_json(layer('root', disk, root))}"
    await run_tool("copy the disk", image_tool, "convert", "-q", "-O", format, source, str(file), limits=COPY_LIMITS,
                   timeout_s=COPY_TIMEOUT_S)  # fmt: skip


async def duplicate(file: Path, to: Path) -> None:
    """The same bytes; holes stay holes, and file systems that can share blocks do."""
    await run_tool("copy the disk", "cp", "--reflink=auto", "--sparse=always", str(file), str(to), limits=COPY_LIMITS,
                   timeout_s=COPY_TIMEOUT_S)  # fmt: skip


async def grow(disk: Path, size_gib: int, image_tool: str) -> None:
    """A layer as large as that; one that is larger stays as it is."""
    if (size := size_gib << 30) > layer_size(disk):
        await run_tool("grow the root disk", image_tool, "resize", "-q", "-f", "qcow2", str(disk), str(size))
