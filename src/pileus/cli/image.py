"""`pileus image build`: the small guest image, from Debian packages."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

from pileus.cli.options import STATE, State


def build(out: Path | None = None, *, state: State = STATE) -> int:
    """Build the small guest image: kernel, ramdisk, root file system, and a bootable qcow2. A second run finds it done.

    Parameters
    ----------
    out
        Folder for the files (default: guest-image in the state folder).
    """
    from pileus.image.guest import build_guest_image

    folder = out or state / "guest-image"
    folder.mkdir(parents=True, exist_ok=True)
    made = build_guest_image(folder, progress=print)
    print(made.disk)
    return 0
