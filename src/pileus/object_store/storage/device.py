"""A device of this server: a folder, its threads, and what is open on it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pileus.object_store.storage.threads import Threads


class DeviceUnavailable(Exception):
    """The device is not there: answered as 507, and somebody else is asked."""


class Devices:
    """The devices below one folder, by name."""

    def __init__(self, root: Path, *, threads: int = 4, mount_check: bool = False):
        self.root, self.threads, self.mount_check = root, threads, mount_check
        self.open: dict[str, Threads] = {}
        self.paths: dict[str, Path] = {}

    def path(self, name: str) -> Path:
        """The device's folder. Raises DeviceUnavailable when there is none."""
        path = self.paths.get(name) or self.root / name
        if "/" in name or name in ("", ".", "..") or not (os.path.ismount(path) if self.mount_check else os.path.isdir(path)):
            raise DeviceUnavailable(name)
        self.paths[name] = path
        return path

    def has(self, name: str) -> bool:
        try:
            self.path(name)
        except DeviceUnavailable:
            return False
        return True

    def threads_of(self, name: str) -> Threads:
        if name not in self.open:
            self.open[name] = Threads(f"device-{name}", self.threads)
        return self.open[name]

    def names(self) -> list[str]:
        return sorted(e.name for e in os.scandir(self.root) if e.is_dir()) if self.root.is_dir() else []

    def close(self) -> None:
        for threads in self.open.values():
            threads.close()
        self.open.clear()


class MemoryDevices(Devices):
    """Devices that are memory. One in `gone` is not there, for as long as it is in it."""

    def __init__(self, names: Iterable[str]):
        super().__init__(Path("memory"), threads=0)
        self.paths = {name: self.root / name for name in names}
        self.gone: set[str] = set()

    def path(self, name: str) -> Path:
        if name in self.gone or name not in self.paths:
            raise DeviceUnavailable(name)
        return self.paths[name]

    def names(self) -> list[str]:
        return sorted(self.paths.keys() - self.gone)
