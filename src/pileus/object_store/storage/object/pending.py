"""Rows that containers have not heard of, kept on the device of the object until the updater has told them. On a disk, or in memory."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

FOLDER = "async_pending"


class Pending(msgspec.Struct, kw_only=True):
    """A row that a container has not heard of."""

    method: str
    account: str
    container: str
    object: str
    headers: dict[str, str]
    told: list[str] = []                    # the devices that have heard it meanwhile


def name(hash: str, at: str) -> str:
    """One name for each object and moment: of two things said at once about one object the later is the one to tell."""
    return f"{hash}-{at}"


class Pendings(Protocol):
    """Those of one device. Everything here blocks."""

    def keep(self, name: str, pending: Pending) -> None:
        """Complete or not at all."""

    def names(self) -> list[str]: ...

    def read(self, name: str) -> Pending | None:
        """None when it is told meanwhile. Raises msgspec.DecodeError for what is damaged."""

    def forget(self, name: str) -> None: ...

    def put_away(self, name: str) -> None:
        """Keep what is damaged where nobody tries to tell it."""


class DiskPendings:
    def __init__(self, device: Path):
        self.folder, self.temporary, self.away = device / FOLDER, device / "tmp", device / "quarantined" / FOLDER

    def path(self, name: str) -> Path:
        return self.folder / name[29:32] / name

    def keep(self, name: str, pending: Pending) -> None:
        path, beside = self.path(name), self.temporary / f"{name}.pending"
        for each in (path, beside):
            each.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb") as out:
            out.write(msgspec.json.encode(pending))
        os.replace(beside, path)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*/*"))

    def read(self, name: str) -> Pending | None:
        try:
            return msgspec.json.decode(self.path(name).read_bytes(), type=Pending)
        except FileNotFoundError:
            return None

    def forget(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    def put_away(self, name: str) -> None:
        self.away.mkdir(parents=True, exist_ok=True)
        os.replace(self.path(name), self.away / name)


class MemoryPendings:
    """`before`: called before each change, and may have it fail. `held`: what is there already."""

    def __init__(self, before: Callable[[], None] = lambda: None, held: dict[str, bytes] | None = None):
        self.before, self.held = before, {} if held is None else held

    def keep(self, name: str, pending: Pending) -> None:
        self.before()
        self.held[name] = msgspec.json.encode(pending)

    def names(self) -> list[str]:
        return sorted(self.held)

    def read(self, name: str) -> Pending | None:
        found = self.held.get(name)
        return None if found is None else msgspec.json.decode(found, type=Pending)

    def forget(self, name: str) -> None:
        self.before()
        self.held.pop(name, None)

    def put_away(self, name: str) -> None:
        self.forget(name)
