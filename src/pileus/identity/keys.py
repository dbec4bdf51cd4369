"""The symmetric keys (Fernet) of tokens, receipts and stored secrets, over a folder of files that rotates (`key_folder`)."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.identity.config import IdentityConfig
from pileus.identity.key_folder import KeyFolder, RotatingKeys


class Keys(RotatingKeys):
    """`path` None: keys live in memory, and what they made ends with the process."""

    def __init__(self, path: Path | None, config: IdentityConfig, clock: Clock, ids: Ids):
        folder = KeyFolder(path, lambda: base64.urlsafe_b64encode(ids.secret(32)), keep=config.max_active_keys, clock=clock, ids=ids)
        super().__init__(folder, clock)
        self._fernet: MultiFernet | None = None
        self._primary: Fernet | None = None

    def take(self, keys: list[bytes]) -> None:
        fernets = [Fernet(key) for key in keys]
        self._primary, self._fernet = fernets[0], MultiFernet(fernets)

    def seal(self, data: bytes) -> str:
        """A token around `data`. The padding that says nothing is left out."""
        return self._fernet.encrypt_at_time(data, int(self.clock.now().timestamp())).decode().rstrip("=")  # type: ignore[union-attr]

    def open_token(self, token: str) -> bytes | None:
        """What is in a token, or None for one that no key proves."""
        found = self._open(token)
        if found is None and self.look_again():
            found = self._open(token)
        return found

    def is_newest(self, token: str) -> bool:
        """Whether the primary key made it."""
        return _opened(self._primary, token) is not None

    def _open(self, token: str) -> bytes | None:
        return _opened(self._fernet, token)


def _opened(fernet: Fernet | MultiFernet | None, token: str) -> bytes | None:
    assert fernet is not None
    try:
        return fernet.decrypt(token + "=" * (-len(token) % 4))
    except (InvalidToken, ValueError):
        return None
