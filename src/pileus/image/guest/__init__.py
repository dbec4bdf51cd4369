"""A small guest image, made on the spot from the Debian or Ubuntu packages of the host that makes it.

A cloud needs a guest to show that it works, and package archives are what every host can reach. The result is a disk that
boots (`guest.qcow2`), and the same system as kernel, ramdisk and root file system for a direct kernel boot, which is faster.
It is a guest for trying and testing: busybox, dropbear, the distribution's kernel, and scripts (`files/`) that do what an
OpenStack guest does with a config drive or the metadata service.

Making it needs no root, mounts nothing and leaves the host's packages alone. It is not a general image builder.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.image.guest.build import KERNEL_ARGS, GuestImage, build_guest_image
from pileus.image.guest.packages import PACKAGES
from pileus.image.guest.tools import GuestBuildFailed, GuestToolsMissing

__all__ = ["KERNEL_ARGS", "PACKAGES", "GuestBuildFailed", "GuestImage", "GuestToolsMissing", "build_guest_image"]
