"""The open databases of a server: the most recently used stay open."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from pileus.object_store.model.names import folder
from pileus.object_store.storage.database.broker import Absent, Broker

B = TypeVar("B", bound=Broker)


class Databases(Generic[B]):
    """Databases of one kind below folders of devices. Blocking; may be called from any thread."""

    def __init__(self, kind: type[B], place: str, most_open: int = 256):
        self.kind, self.place, self.most_open = kind, place, most_open
        self.lock = Lock()
        self.open: OrderedDict[str, tuple[int, B]] = OrderedDict()

    def path(self, device: Path, partition: int, hash: str) -> Path:
        return Path(self._path(device, partition, hash))

    def _path(self, device: Path, partition: int, hash: str) -> str:
        return f"{device}/{self.place}/{folder(partition, hash)}/{hash}.db"

    def get(self, device: Path, partition: int, hash: str) -> B:
        """The database. Raises Absent when there is none."""
        path = self._path(device, partition, hash)
        try:
            inode = os.stat(path).st_ino
        except FileNotFoundError:
            self.forget(path)
            raise Absent(path) from None
        with self.lock:
            known = self.open.get(path)
            if known is not None and known[0] == inode and not known[1].closed:
                self.open.move_to_end(path)
                return known[1]
        broker = self.kind(path)
        dropped: list[B] = [known[1]] if known else []
        with self.lock:
            self.open[path] = inode, broker
            while len(self.open) > self.most_open:
                dropped.append(self.open.popitem(last=False)[1][1])
        # Who is using one of these holds it still: it is closed when the last of them lets go of it.
        del dropped
        return broker

    def create(self, device: Path, partition: int, hash: str, *, account: str, container: str = "", timestamp: str, id: str,
               policy: int = 0) -> B:
        """The database, made when it is missing."""
        try:
            self.kind.create(self.path(device, partition, hash), device / "tmp", account=account, container=container,
                             timestamp=timestamp, id=id, policy=policy)
        except FileExistsError:
            pass
        return self.get(device, partition, hash)

    def forget(self, path: str) -> None:
        with self.lock:
            self.open.pop(path, None)

    def close(self) -> None:
        with self.lock:
            for _, broker in self.open.values():
                broker.close()
            self.open.clear()
