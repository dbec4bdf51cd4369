"""What a node keeps things on: disks, or memory, for tests and for stores that need not last.

Nothing above knows which. Both have devices by name, databases, files of objects, and rows that wait to be told.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from pileus.object_store.model.policy import StoragePolicy
from pileus.object_store.storage.database.home import DiskHome, Home, MemoryHome
from pileus.object_store.storage.device import Devices, MemoryDevices
from pileus.object_store.storage.object.diskfile import DiskFiles
from pileus.object_store.storage.object.files import Files
from pileus.object_store.storage.object.memory import MemoryFiles
from pileus.object_store.storage.object.pending import DiskPendings, MemoryPendings, Pendings


class Media(Protocol):
    @property
    def devices(self) -> Devices: ...

    @property
    def home(self) -> Home: ...

    def files(self, device: str, policy: StoragePolicy, reclaim_before: Callable[[], str], next_power: Callable[[], int | None]) -> Files:
        """Raises DeviceUnavailable."""

    def pendings(self, device: str) -> Pendings:
        """Raises DeviceUnavailable."""

    def report(self, daemon: str, figures: Mapping[str, Any]) -> None:
        """Leave the figures of a daemon's run where `recon` finds them."""

    def reported(self) -> dict[str, Any]:
        """The figures of every daemon's last run."""


class Disks:
    def __init__(self, root: Path, reports: Path, *, threads: int = 4, fsync: bool = True, mount_check: bool = False):
        self.devices, self.reports, self.fsync = Devices(root, threads=threads, mount_check=mount_check), reports, fsync
        self.home = DiskHome()

    def files(self, device: str, policy: StoragePolicy, reclaim_before: Callable[[], str], next_power: Callable[[], int | None]) -> Files:
        threads = self.devices.threads_of(device)
        return DiskFiles(self.devices.path(device), policy.folder, run=threads.run, later=threads.later, fsync=self.fsync,
                         reclaim_before=reclaim_before, next_power=next_power)

    def pendings(self, device: str) -> Pendings:
        return DiskPendings(self.devices.path(device))

    def report(self, daemon: str, figures: Mapping[str, Any]) -> None:
        self.reports.mkdir(parents=True, exist_ok=True)
        beside = self.reports / f"{daemon}.new"
        beside.write_bytes(msgspec.json.encode({"daemon": daemon, **figures}))
        os.replace(beside, self.reports / f"{daemon}.json")

    def reported(self) -> dict[str, Any]:
        return {path.stem: msgspec.json.decode(path.read_bytes()) for path in sorted(self.reports.glob("*.json"))}


class Memory:
    """`before`: called before each change of what is kept, and may have it fail. The partitions of its rings are never doubled."""

    def __init__(self, devices: Iterable[str], before: Callable[[], None] = lambda: None):
        self.devices, self.before = MemoryDevices(devices), before
        self.home = MemoryHome(before)
        self.kept: dict[tuple[str, int], MemoryFiles] = {}
        self.waiting: dict[str, MemoryPendings] = {}
        self.reports: dict[str, Any] = {}

    def reopened(self, before: Callable[[], None]) -> Memory:
        """The same devices as another process finds them: what is changed in one is changed in both."""
        other = Memory((), before)
        other.devices, other.home = self.devices, MemoryHome(before, self.home.held)
        other.kept = {key: MemoryFiles(files.reclaim_before, before, files.parts) for key, files in self.kept.items()}
        other.waiting = {device: MemoryPendings(before, pendings.held) for device, pendings in self.waiting.items()}
        return other

    def files(self, device: str, policy: StoragePolicy, reclaim_before: Callable[[], str],
              next_power: Callable[[], int | None]) -> MemoryFiles:
        self.devices.path(device)
        files = self.kept.setdefault((device, policy.index), MemoryFiles(before=self.before))
        files.reclaim_before = reclaim_before
        return files

    def pendings(self, device: str) -> MemoryPendings:
        self.devices.path(device)
        return self.waiting.setdefault(device, MemoryPendings(self.before))

    def report(self, daemon: str, figures: Mapping[str, Any]) -> None:
        self.reports[daemon] = {"daemon": daemon, **figures}

    def reported(self) -> dict[str, Any]:
        return self.reports

    def empty(self, device: str) -> None:
        """Have a new device in the place of this one."""
        if device in self.waiting:
            self.waiting[device].held.clear()
        for files in (files for (name, _), files in self.kept.items() if name == device):
            files.parts.clear()
        for path in [path for path in self.home.held if path.startswith(f"{self.devices.root}/{device}/")]:
            self.home.discard(path)
