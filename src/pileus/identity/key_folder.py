"""A folder of numbered key files, so that several copies of the control plane can share keys that change with time.

File `0` is *staged*: known to everybody, used by nobody yet. The highest number is the *primary*, which makes what is new;
those between were primaries once and still prove what they made. Rotation renames the staged key to be the new primary, so
no copy ever meets something made with a key it could not have read before, and makes a new staged one. A crash at any point
leaves a usable folder. Files are readable by their owner only.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.core.log import Log

log = Log("pileus.identity.keys")

#: Seconds between two looks at the folder because of something that no key proves.
RELOAD_S = 1.0


class KeyFolder:
    """`path` None: keys live in memory, and end with the process. `make` gives the content of a new file."""

    def __init__(self, path: Path | None, make: Callable[[], bytes], *, keep: int, clock: Clock, ids: Ids):
        self.path, self.make, self.keep, self.clock, self.ids = path, make, keep, clock, ids
        self._in_memory = {0: make(), 1: make()} if path is None else {}

    def open(self) -> None:
        """Make the first two keys when there are none. Raises OSError when the folder is not ours to use."""
        if self.path is not None:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(0)
            if max(self.numbers()) == 0:
                self.promote()

    def read(self) -> list[bytes]:
        """All keys: the primary, former ones from new to old, the staged one."""
        keys = self._all()
        return [keys[n] for n in [*sorted((n for n in keys if n), reverse=True), 0] if n in keys]

    def rotate(self) -> None:
        """Make the staged key the primary one, stage a new one, and forget the oldest beyond `keep`."""
        if self.path is None:
            self._in_memory[max(self._in_memory) + 1] = self._in_memory[0]
            self._in_memory[0] = self.make()
        else:
            self.promote()
        for number in sorted(n for n in self.numbers() if n)[: -(self.keep - 1)]:
            self._remove(number)
        log.info("keys rotated", primary=max(self.numbers()))

    def age_s(self) -> float:
        """For how long the primary key has been that. Keys in memory do not age: they end with the process."""
        if self.path is None:
            return 0.0
        return self.clock.now().timestamp() - (self.path / str(max(self.numbers()))).stat().st_mtime

    def numbers(self) -> list[int]:
        if self.path is None:
            return list(self._in_memory)
        return [int(p.name) for p in self.path.iterdir() if p.name.isdecimal()]

    def promote(self) -> None:
        """The staged key becomes the primary. When somebody else was quicker, theirs is the rotation."""
        assert self.path is not None
        try:
            (self.path / "0").rename(self.path / str(max(self.numbers()) + 1))
        except FileNotFoundError:
            return
        primary = self.path / str(max(self.numbers()))
        now = self.clock.now().timestamp()
        os.utime(primary, (now, now))  # its age as a primary begins now
        self._write(0)

    def _all(self) -> dict[int, bytes]:
        if self.path is None:
            return dict(self._in_memory)
        found = {}
        for number in self.numbers():
            try:
                found[number] = (self.path / str(number)).read_bytes()
            except FileNotFoundError:  # rotated away between the look and the reading
                continue
        return found

    def _remove(self, number: int) -> None:
        if self.path is None:
            del self._in_memory[number]
        else:
            (self.path / str(number)).unlink(missing_ok=True)

    def _write(self, number: int) -> None:
        assert self.path is not None
        write_new(self.path / str(number), self.make, self.ids)


class RotatingKeys:
    """The keys of a folder in the form in which they are used, which subclasses give them."""

    def __init__(self, folder: KeyFolder, clock: Clock):
        self.folder, self.clock = folder, clock
        self._looked_at = float("-inf")

    def open(self) -> None:
        """Read the keys, making the first two when there are none. Raises OSError when the folder is not ours to use."""
        self.folder.open()
        self.reload()

    def rotate(self) -> None:
        self.folder.rotate()
        self.reload()

    def reload(self) -> None:
        """Take up keys that another copy of the control plane made."""
        self._looked_at = self.clock.monotonic()
        self.take(self.folder.read())

    def look_again(self) -> bool:
        """Read the keys again, in case another copy has rotated them; False when that was done a moment ago, or cannot be."""
        if self.folder.path is None or self.clock.monotonic() - self._looked_at < RELOAD_S:
            return False
        self.reload()
        return True

    def take(self, keys: list[bytes]) -> None:
        """Use these from now on: the primary first."""
        raise AssertionError("each kind of key is used in another way")


def write_new(path: Path, make: Callable[[], bytes], ids: Ids) -> None:
    """A file that only its owner can read, whole or not at all. One that is there stays, whoever was quicker."""
    if path.exists():
        return
    draft = path.parent / f".{ids.hex()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(make())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
