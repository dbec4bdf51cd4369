"""Where databases are: files of SQLite's own on a disk, or, its twin, databases in memory.

A database is known by its path, in memory as well. Everything here blocks.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from pileus.object_store.wire.body import FileBody, stream

#: Fills a new database.
Build = Callable[[sqlite3.Connection], None]
ENDINGS = ("", "-wal", "-shm")


class Home(Protocol):
    def connect(self, path: str) -> sqlite3.Connection:
        """Raises FileNotFoundError, and sqlite3.DatabaseError."""

    def disconnect(self, db: sqlite3.Connection) -> None: ...

    def identity(self, path: str) -> int | None:
        """What tells a database from another that took its place; None when there is none."""

    def in_place(self, path: str, identity: int) -> bool:
        """Whether it is still the one at its path: asked before each change, for what is changed in one that was taken away is lost."""

    def make(self, path: str, beside: str, build: Build) -> None:
        """Have a database built beside its place, and moved there when it is whole. Raises FileExistsError."""

    def remove(self, path: str) -> None:
        """Take a database away, and folders that are empty then. Repeatable."""

    def discard(self, path: str) -> None:
        """Take one away that was unpacked beside its place. Repeatable."""

    def listed(self, place: str) -> list[tuple[int, str]]:
        """Partition and hash of every database below a folder."""

    def put_away(self, path: str, away: str) -> None:
        """Move a damaged database to where nothing looks but a person."""

    def packed(self, beside: str, build: Build, run: Callable[..., Any]) -> tuple[int, AsyncIterator[bytes]]:
        """The length and bytes of a database that is built for the way to another device."""

    async def unpack(self, beside: str, body: AsyncIterator[bytes] | None, run: Callable[..., Any]) -> None:
        """Keep such bytes as a database with this path."""


class DiskHome:
    def connect(self, path: str) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10, cached_statements=64)

    def disconnect(self, db: sqlite3.Connection) -> None:
        db.close()

    def identity(self, path: str) -> int | None:
        try:
            return os.stat(path).st_ino
        except FileNotFoundError:
            return None

    def in_place(self, path: str, identity: int) -> bool:
        return self.identity(path) == identity

    def make(self, path: str, beside: str, build: Build) -> None:
        for each in (path, beside):
            os.makedirs(os.path.dirname(each), exist_ok=True)
        try:
            self._build(beside, build)
            os.link(beside, path)
        finally:
            _unlink(beside)

    def _build(self, path: str, build: Build) -> None:
        db = sqlite3.connect(path, isolation_level=None)
        try:
            build(db)
        finally:
            db.close()

    def discard(self, path: str) -> None:
        _unlink(path)

    def remove(self, path: str) -> None:
        _unlink(path)
        for folder in list(Path(path).parents)[:3]:
            try:
                folder.rmdir()
            except OSError:
                break

    def listed(self, place: str) -> list[tuple[int, str]]:
        return [(int(part), hash) for part in sorted(_names(place)) if part.isdigit() for suffix in _names(f"{place}/{part}")
                for hash in _names(f"{place}/{part}/{suffix}")]

    def put_away(self, path: str, away: str) -> None:
        os.makedirs(os.path.dirname(away), exist_ok=True)
        os.rename(os.path.dirname(path), away)

    def packed(self, beside: str, build: Build, run: Callable[..., Any]) -> tuple[int, AsyncIterator[bytes]]:
        os.makedirs(os.path.dirname(beside), exist_ok=True)
        try:
            self._build(beside, build)
            fd = os.open(beside, os.O_RDONLY)
        finally:
            _unlink(beside)
        size = os.fstat(fd).st_size
        return size, FileBody(fd, 0, size, run)

    async def unpack(self, beside: str, body: AsyncIterator[bytes] | None, run: Callable[..., Any]) -> None:
        os.makedirs(os.path.dirname(beside), exist_ok=True)
        with open(beside, "wb") as out:
            async for chunk in body or stream():
                await run(out.write, chunk)


class MemoryHome:
    """`before`: called before each change, and may have it fail. `held`: what is there already."""

    def __init__(self, before: Callable[[], None] = lambda: None, held: dict[str, tuple[int, sqlite3.Connection]] | None = None):
        self.before, self.held = before, {} if held is None else held
        self.numbers: Iterator[int] = count(max((number for number, _ in self.held.values()), default=0) + 1)

    def connect(self, path: str) -> sqlite3.Connection:
        try:
            return self.held[path][1]
        except KeyError:
            raise FileNotFoundError(path) from None

    def disconnect(self, db: sqlite3.Connection) -> None:
        """It is what is kept: whoever is done with it leaves it open."""

    def identity(self, path: str) -> int | None:
        found = self.held.get(path)
        return found[0] if found else None

    def in_place(self, path: str, identity: int) -> bool:
        self.before()
        return self.identity(path) == identity

    def make(self, path: str, beside: str, build: Build) -> None:
        self.before()
        if path in self.held:
            raise FileExistsError(path)
        self.held[path] = next(self.numbers), self._built(build)

    def _built(self, build: Build) -> sqlite3.Connection:
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        build(db)
        return db

    def discard(self, path: str) -> None:
        self.held.pop(path, None)

    def remove(self, path: str) -> None:
        self.held.pop(path, None)

    def listed(self, place: str) -> list[tuple[int, str]]:
        below = [path.removeprefix(place + "/").split("/") for path in self.held if path.startswith(place + "/")]
        return sorted((int(part), hash) for part, _, hash, _ in below)

    def put_away(self, path: str, away: str) -> None:
        self.held.pop(path)

    def packed(self, beside: str, build: Build, run: Callable[..., Any]) -> tuple[int, AsyncIterator[bytes]]:
        data = self._built(build).serialize()
        return len(data), stream(data)

    async def unpack(self, beside: str, body: AsyncIterator[bytes] | None, run: Callable[..., Any]) -> None:
        data = b"".join([chunk async for chunk in body or stream()])
        self.before()
        self.held[beside] = next(self.numbers), self._built(lambda db: db.deserialize(data))


def _unlink(path: str) -> None:
    for ending in ENDINGS:
        with suppress(FileNotFoundError):
            os.unlink(path + ending)


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []
