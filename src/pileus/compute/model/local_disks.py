"""The local disks that a server has beside its root disk: those of its flavor, or smaller ones that its order names.

What was ordered is kept in the server's system metadata, through rebuilds and resizes. Pure.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pileus.compute.errors import BlockDevicesInvalid
from pileus.compute.model.flavor import Flavor

_EPHEMERAL, _SWAP = "disk_ephemeral_gib", "disk_swap_mb"


class LocalDisks(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes; None: as the flavor says."""

    ephemeral_gib: int | None = None
    swap_mb: int | None = None

    def check(self, flavor: Flavor) -> None:
        """Raises BlockDevicesInvalid for more than the flavor has."""
        if (self.ephemeral_gib or 0) > flavor.ephemeral_gib:
            raise BlockDevicesInvalid(why="Ephemeral disks requested are larger than the flavor allows.")
        if (self.swap_mb or 0) > flavor.swap_mb:
            raise BlockDevicesInvalid(why="Swap drive requested is larger than the flavor allows.")

    def remembered(self) -> dict[str, str]:
        """The part of a server's system metadata that `sizes` reads."""
        return {name: str(size) for name, size in ((_EPHEMERAL, self.ephemeral_gib), (_SWAP, self.swap_mb)) if size is not None}


def sizes(flavor: Flavor, system_metadata: Mapping[str, str]) -> tuple[int, int]:
    """GiB of the ephemeral disk and MiB of the swap disk; after a resize no more than the new flavor has."""
    return (min(flavor.ephemeral_gib, int(system_metadata.get(_EPHEMERAL, flavor.ephemeral_gib))),
            min(flavor.swap_mb, int(system_metadata.get(_SWAP, flavor.swap_mb))))
