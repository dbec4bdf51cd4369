"""Making a guest larger, and taking that back: what it was is kept beside it, disks first and its record last.

So `before/spec.json` says that all of it is there; and while it is taken back, that it must still be.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil

from msgspec.structs import replace

from pileus.compute.hypervisor.base import GuestSpec
from pileus.compute.hypervisor.qemu.copies import duplicate, grow
from pileus.compute.hypervisor.qemu.disks import make_ephemeral, make_swap
from pileus.compute.hypervisor.qemu.guest import Guest, failing
from pileus.compute.hypervisor.qemu.layout import Folder


async def resize(guest: Guest, spec: GuestSpec) -> None:
    """See `Resizes`."""
    await guest.shut_down()
    with failing("resize the guest"):
        await _keep_what_it_was(guest)
        was, now = guest.record.spec, replace(spec, root=replace(guest.record.spec.root, size_gib=spec.root.size_gib))
        try:
            await grow(guest.folder.disk, now.root.size_gib, guest.settings.image_tool)
            if now.ephemeral_gib != was.ephemeral_gib:
                await make_ephemeral(now, guest.folder)
            if now.swap_mb != was.swap_mb:
                await make_swap(now, guest.folder)
            await guest.keep(guest.record.with_spec(now))
        except BaseException:
            await revert(guest)
            raise


async def confirm(guest: Guest) -> None:
    """Its record goes first: what is left of the rest is no longer something to go back to."""
    with failing("forget what the guest was"):
        _before(guest).record.unlink(missing_ok=True)
        shutil.rmtree(guest.folder.before, ignore_errors=True)


async def revert(guest: Guest) -> None:
    """A disk that is missing in `before` was put back by an earlier attempt."""
    before, now = _before(guest), guest.folder
    if (record := before.read()) is None:
        return
    await guest.shut_down()
    with failing("make the guest what it was"):
        for old, new in ((before.disk, now.disk), (before.ephemeral, now.ephemeral), (before.swap, now.swap)):
            if old.exists():
                old.replace(new)
        if not record.spec.ephemeral_gib:
            now.ephemeral.unlink(missing_ok=True)
        if not record.spec.swap_mb:
            now.swap.unlink(missing_ok=True)
        await guest.keep(record)
        await confirm(guest)


async def _keep_what_it_was(guest: Guest) -> None:
    before, now = _before(guest), guest.folder
    if before.record.exists():
        return
    shutil.rmtree(before.path, ignore_errors=True)
    before.path.mkdir(mode=0o700)
    for old, new in ((now.disk, before.disk), (now.ephemeral, before.ephemeral), (now.swap, before.swap)):
        if old.exists():
            await duplicate(old, new)
    before.write(guest.record)


def _before(guest: Guest) -> Folder:
    return Folder(guest.folder.before)
