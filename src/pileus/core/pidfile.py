"""A file that says which process is the one: its number, and a lock that it holds for as long as it lives and keeps the object.

A lock cannot be left behind, so a number that another process has meanwhile is never taken for ours.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import fcntl
import os
from pathlib import Path


class PidFile:
    def __init__(self, path: Path):
        self.path = path

    def take(self, *, wait: bool = False) -> bool:
        """Become the one. False when another process is; with `wait`, as soon as that has ended."""
        file = open(self.path, "a+")                # noqa: SIM115 held until the process ends
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            file.close()
            return False
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self.file = file
        return True

    def pid(self) -> int | None:
        """The process that is the one, if one is."""
        try:
            with open(self.path) as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    return int(file.read())
        except (OSError, ValueError):
            pass
        return None
