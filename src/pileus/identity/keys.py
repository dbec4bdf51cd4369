"""The keys tokens are made with: a folder of files, so that several copies of the control plane can share them.

File `0` is *staged*: known to everybody, used by nobody yet. The highest number is the *primary*, which makes tokens; those
between were primaries once and still prove the tokens they made. Rotation renames the staged key to be the new primary, so
no copy ever meets a token made with a key it could not have read before, and makes a new staged one. A crash at any point
leaves a usable folder. Files are readable by their owner only.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.core.log import Log
from pileus.identity.config import IdentityConfig

log = Log("pileus.identity.keys")

#: Seconds between two looks at the folder because of a token that no key proves.
RELOAD_S = 1.0


class Keys:
    """`folder` None: keys live in memory, and tokens end with the process."""

    def __init__(self, folder: Path | None, config: IdentityConfig, clock: Clock, ids: Ids):
        self.folder = folder
        self.keep, self.rotate_after_s = config.max_active_keys, config.key_rotation_s
        self.clock, self.ids = clock, ids
        self._in_memory = {0: self._new(), 1: self._new()} if self.folder is None else {}
        self._fernet: MultiFernet | None = None
        self._looked_at = float("-inf")

    def open(self) -> None:
        """Read the keys, making the first two when there are none. Raises OSError when the folder is not ours to use."""
        if self.folder is not None:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(0)
            if max(self._numbers()) == 0:
                self._promote()
        self.reload()

    def reload(self) -> None:
        """Take up keys that another copy of the control plane made."""
        keys = self._read()
        self._looked_at = self.clock.monotonic()
        self._fernet = MultiFernet([Fernet(keys[n]) for n in [*sorted((n for n in keys if n), reverse=True), 0] if n in keys])

    def rotate(self) -> None:
        """Make the staged key the primary one, stage a new one, and forget the oldest beyond `max_active_keys`."""
        if self.folder is None:
            self._in_memory[max(self._in_memory) + 1] = self._in_memory[0]
            self._in_memory[0] = self._new()
            for number in sorted(n for n in self._in_memory if n)[: -(self.keep - 1)]:
                del self._in_memory[number]
        else:
            self._promote()
            for number in sorted(n for n in self._numbers() if n)[: -(self.keep - 1)]:
                (self.folder / str(number)).unlink(missing_ok=True)
        self.reload()
        log.info("keys rotated", primary=max(self._read()))

    def due(self) -> bool:
        """Whether the primary key is old enough to be replaced."""
        if self.folder is None or not self.rotate_after_s:
            return False
        age = self.clock.now().timestamp() - (self.folder / str(max(self._numbers()))).stat().st_mtime
        return age >= self.rotate_after_s

    def seal(self, data: bytes) -> str:
        """A token around `data`. The padding that says nothing is left out."""
        return self._fernet.encrypt_at_time(data, int(self.clock.now().timestamp())).decode().rstrip("=")  # type: ignore[union-attr]

    def open_token(self, token: str) -> bytes | None:
        """What is in a token, or None for one that no key proves."""
        found = self._open(token)
        if found is None and self.folder is not None and self.clock.monotonic() - self._looked_at >= RELOAD_S:
            self.reload()
            found = self._open(token)
        return found

    def _open(self, token: str) -> bytes | None:
        try:
            return self._fernet.decrypt(token + "=" * (-len(token) % 4))  # type: ignore[union-attr]
        except (InvalidToken, ValueError):
            return None

    def _new(self) -> bytes:
        return base64.urlsafe_b64encode(self.ids.secret(32))

    def _numbers(self) -> list[int]:
        return [int(p.name) for p in self.folder.iterdir() if p.name.isdecimal()]  # type: ignore[union-attr]

    def _read(self) -> dict[int, bytes]:
        if self.folder is None:
            return dict(self._in_memory)
        found = {}
        for number in self._numbers():
            try:
                found[number] = (self.folder / str(number)).read_bytes()
            except FileNotFoundError:  # rotated away between the look and the reading
                continue
        return found

    def _promote(self) -> None:
        """The staged key becomes the primary. When somebody else was quicker, theirs is the rotation."""
        assert self.folder is not None
        try:
            (self.folder / "0").rename(self.folder / str(max(self._numbers()) + 1))
        except FileNotFoundError:
            return
        primary = self.folder / str(max(self._numbers()))
        now = self.clock.now().timestamp()
        os.utime(primary, (now, now))  # its age as a primary begins now
        self._write(0)

    def _write(self, number: int) -> None:
        """A new key under this number, whole or not at all; one that is there stays."""
        assert self.folder is not None
        path, draft = self.folder / str(number), self.folder / f".{self.ids.hex()}"
        if path.exists():
            return
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(self._new())
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
