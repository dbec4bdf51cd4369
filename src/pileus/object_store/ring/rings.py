"""The rings of a cluster, read from their folder, and read again when their files change."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pileus.core.clock import Clock
from pileus.core.log import Log
from pileus.object_store.model.names import Hashing
from pileus.object_store.ring.ring import Ring

log = Log("pileus.object_store.ring")

#: How often it is looked whether a file has changed.
LOOK_S = 1.0


class Rings(Mapping[str, Ring]):
    """By name: `account`, `container`, `object`, `object-1` … A file that cannot be read leaves the ring as it was."""

    def __init__(self, folder: Path, hashing: Hashing, clock: Clock):
        self.folder, self.hashing, self.clock = folder, hashing, clock
        self.known: dict[str, tuple[Ring, tuple[int, int], float]] = {}

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.ring"

    def __getitem__(self, name: str) -> Ring:
        known, now = self.known.get(name), self.clock.monotonic()
        if known is not None and now - known[2] < LOOK_S:
            return known[0]
        ring, seen = known[:2] if known else (None, None)
        try:
            stat = os.stat(self.path(name))
            if (stat.st_mtime_ns, stat.st_ino) != seen:
                ring, seen = Ring.load(self.path(name), self.hashing), (stat.st_mtime_ns, stat.st_ino)
        except (OSError, ValueError) as problem:
            if ring is None:
                raise KeyError(name) from problem
            log.error("ring cannot be read", ring=name, error=str(problem))
        assert ring is not None and seen is not None
        self.known[name] = ring, seen, now
        return ring

    def __iter__(self) -> Iterator[str]:
        return (p.stem for p in sorted(self.folder.glob("*.ring")))

    def __len__(self) -> int:
        return sum(1 for _ in self)
