"""Booting a guest from another disk, and from its own again."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from msgspec.structs import replace

from pileus.compute.hypervisor.base import Power, RescueSpec
from pileus.compute.hypervisor.qemu.disks import make_layer
from pileus.compute.hypervisor.qemu.guest import Guest, failing


async def rescue(guest: Guest, rescue: RescueSpec) -> None:
    """See `Rescues`. The record says `rescued` once the disk is there, and before the guest boots from it."""
    if guest.record.rescue and guest.power in (Power.RUNNING, Power.PAUSED):
        return
    await guest.shut_down()
    try:
        if not guest.record.rescue:
            with failing("make the rescue disk"):
                await make_layer(rescue.root, guest.folder.rescue, guest.settings.image_tool)
            await guest.keep(replace(guest.record, rescue=rescue))
        await guest.run()
    except BaseException:
        await guest.shut_down()
        await _forget(guest)
        raise


async def unrescue(guest: Guest) -> None:
    if guest.record.rescue:
        await guest.shut_down()
        await _forget(guest)
        await guest.run()


async def _forget(guest: Guest) -> None:
    """The record first: a rescue disk that nobody knows of does no harm."""
    await guest.keep(replace(guest.record, rescue=None))
    guest.folder.rescue.unlink(missing_ok=True)
