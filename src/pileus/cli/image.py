"""`pileus image build`: the small guest image, from Debian packages. `pileus image convert`: an image in another format.
`pileus image restore`: an image that was deleted."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import cyclopts

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


def convert(source: Path, target: Path, *, from_: Annotated[str, cyclopts.Parameter(name="--from")],
            to: str = "raw", most_gib: int = 1024) -> int:
    """Convert an image, if it is what it is said to be and nothing in it is dangerous to open.

    Parameters
    ----------
    source
        The image.
    target
        The file to write.
    from_
        Its disk format: never guessed.
    to
        The disk format to convert to: raw, qcow2, vmdk, vhd, vhdx or vdi.
    most_gib
        The largest file to write, in GiB.
    """
    from pileus.core.errors import CloudError
    from pileus.image.plugins import conversion

    if to not in conversion.TARGETS:
        print(f"pileus: {to} is not one of {', '.join(conversion.TARGETS)}", file=sys.stderr)
        return 1
    if target.exists():
        print(f"pileus: {target} exists", file=sys.stderr)
        return 1
    try:
        asyncio.run(conversion.convert(source, from_, target, to, most_bytes=most_gib << 30, progress=_show))
    except (CloudError, OSError) as problem:
        print(f"pileus: {problem}", file=sys.stderr)
        return 1
    print(f"\r{target}: {target.stat().st_size} bytes", flush=True)
    return 0


def restore(image: str, *, state: State = STATE) -> int:
    """Take back an image that was deleted, as long as its bytes are kept (`delayed_delete_s`).

    Parameters
    ----------
    image
        Its id.
    """
    import urllib.error

    from pileus.cli.api import Client, NotRunning

    try:
        Client(state, "pileus-admin").send("POST", f"/image/v2/images/{image}/actions/restore")
    except (NotRunning, urllib.error.HTTPError) as problem:
        print(f"pileus: {problem}", file=sys.stderr)
        return 1
    print(f"restored {image}")
    return 0


def _show(percent: int) -> None:
    print(f"\r{percent} %", end="", flush=True)
