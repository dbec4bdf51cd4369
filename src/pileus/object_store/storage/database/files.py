"""The open databases of a server: the most recently used stay open."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

from pileus.object_store.model.names import folder
from pileus.object_store.storage.database.broker import Absent, Broker
from pileus.object_store.storage.database.home import Home

B = TypeVar("B", bound=Broker)


class Databases(Generic[B]):
    """Databases of one kind below folders of devices. Blocking; may be called from any thread."""

    def __init__(self, kind: type[B], place: str, home: Home, most_open: int = 256):
        self.kind, self.place, self.home, self.most_open = kind, place, home, most_open
        self.lock = Lock()
        self.open: OrderedDict[str, tuple[int, B]] = OrderedDict()

    def path(self, device: Path, partition: int, hash: str) -> str:
        return f"{device}/{self.place}/{folder(partition, hash)}/{hash}.db"

    def listed(self, device: Path) -> list[tuple[int, str]]:
        """Partition and hash of every database on a device."""
        return self.home.listed(f"{device}/{self.place}")

    def identity(self, device: Path, partition: int, hash: str) -> int | None:
        """What tells it from another that took its place; None when there is none."""
        return self.home.identity(self.path(device, partition, hash))

    def get(self, device: Path, partition: int, hash: str) -> B:
        """The database. Raises Absent when there is none."""
        path, identity = self.path(device, partition, hash), self.identity(device, partition, hash)
        if identity is None:
            self.forget(path)
            raise Absent(path)
        with self.lock:
            known = self.open.get(path)
            if known is not None and known[0] == identity and not known[1].closed:
                self.open.move_to_end(path)
                return known[1]
        try:
            broker = self.kind(path, self.home)
        except FileNotFoundError:
            raise Absent(path) from None        # taken away meanwhile
        dropped: list[B] = [known[1]] if known else []
        with self.lock:
            self.open[path] = identity, broker
            while len(self.open) > self.most_open:
                dropped.append(self.open.popitem(last=False)[1][1])
        # Who is using one of these holds it still: it is closed when the last of them lets go of it.
        del dropped
        return broker

    def create(self, device: Path, partition: int, hash: str, *, account: str, container: str = "", timestamp: str, id: str,
               policy: int = 0) -> B:
        """The database, made when it is missing."""
        path, build = self.path(device, partition, hash), partial(self.kind.build, account=account, container=container,
                                                                  timestamp=timestamp, id=id, policy=policy)
        try:
            self.home.make(path, f"{device}/tmp/{hash}.{id}", build)
        except FileExistsError:
            pass
        return self.get(device, partition, hash)

    def adopt(self, device: Path, partition: int, hash: str, theirs: B, id: str) -> bool:
        """Have another device's database for the own one, under an id of its own; False when there is one already."""
        try:
            self.home.make(self.path(device, partition, hash), f"{device}/tmp/{hash}.{id}", lambda db: theirs.copy(db, id))
        except FileExistsError:
            return False
        return True

    def packed(self, device: Path, broker: B, id: str, run: Callable[..., Any]) -> tuple[int, AsyncIterator[bytes]]:
        """The length and bytes of a copy of a database."""
        return self.home.packed(f"{device}/tmp/{Path(broker.path).stem}.{id}", lambda db: broker.copy(db, broker.info()["id"]), run)

    def quarantine(self, device: Path, partition: int, hash: str, mark: str) -> None:
        """Put a damaged database away: replication brings a good copy."""
        path = self.path(device, partition, hash)
        self.forget(path)
        self.home.put_away(path, f"{device}/quarantined/{self.place}/{hash}-{mark}")

    def forget(self, path: str) -> None:
        with self.lock:
            self.open.pop(path, None)

    def close(self) -> None:
        with self.lock:
            for _, broker in self.open.values():
                broker.close()
            self.open.clear()
