"""The few file operations that drivers share. Nothing here knows what a guest is."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, readable by the owner only; a crash leaves the old content or the new, never a mixture.

    Not flushed to the disk: it outlasts the death of this process, which is what drivers promise, not that of the machine.
    """
    new = path.with_name(path.name + ".new")
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        os.replace(new, path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def read_tail(path: Path, max_bytes: int) -> bytes:
    """The last bytes of a file; nothing when there is no such file."""
    try:
        with open(path, "rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - max_bytes))
            return file.read(max_bytes)
    except FileNotFoundError:
        return b""
