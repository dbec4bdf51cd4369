"""Block device mappings of new servers: local disks beside the root disk."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence

from pileus.compute.api.servers.bodies import BlockDevice
from pileus.compute.errors import BlockDevicesInvalid
from pileus.compute.model.local_disks import LocalDisks

SWAP = "swap"
#: What ephemeral disks are formatted as.
FORMAT = "ext4"


def is_blank(device: BlockDevice) -> bool:
    return device.source_type == "blank" and device.destination_type == "local"


def local_disks(devices: Sequence[BlockDevice]) -> LocalDisks:
    """The ephemeral and the swap disk that are asked for. Raises BlockDevicesInvalid for what no driver makes."""
    if any(device.disk_bus for device in devices):
        raise BlockDevicesInvalid(why="local disks are on the bus that the image names (hw_disk_bus).")
    blank = [device for device in devices if is_blank(device)]
    swap = [device for device in blank if device.guest_format == SWAP]
    ephemeral = [device for device in blank if device.guest_format != SWAP]
    if len(swap) > 1:
        raise BlockDevicesInvalid(why="More than one swap drive requested.")
    if len(ephemeral) > 1:
        raise BlockDevicesInvalid(why="More than one ephemeral disk requested, and a server of this cloud has one.")
    for device in ephemeral:
        if device.guest_format not in (None, FORMAT):
            raise BlockDevicesInvalid(why=f"Ephemeral disks are formatted as {FORMAT} here, not as {device.guest_format}.")
    return LocalDisks(ephemeral_gib=_size(ephemeral), swap_mb=_size(swap))


def _size(devices: Sequence[BlockDevice]) -> int | None:
    """Of the one device there may be; None where it has no size of its own."""
    for device in devices:
        if device.volume_size in (None, ""):
            return None
        try:
            if (size := int(device.volume_size or 0)) > 0:
                return size
        except ValueError:
            pass
        raise BlockDevicesInvalid(why=f"a disk cannot have the size {device.volume_size!r}.")
    return None
