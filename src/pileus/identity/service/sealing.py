"""The keys that stored secrets are encrypted with, and the move from one to the next.

A rotation makes a new primary key; what is stored stays readable by the former one, and `migrate` encrypts it anew, piece by
piece. Nothing is ever without a key: there is no further rotation before everything has been moved, so the keys that a
rotation forgets encrypt nothing any more. A crash at any moment leaves each piece readable, and both can be repeated.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.identity.errors import Refused
from pileus.identity.keys import Keys
from pileus.identity.store.sealed import Kept, Sealed


class Migrated(msgspec.Struct, frozen=True):
    """`lost`: encrypted with a key that is not there any more."""

    moved: int
    lost: int


class Sealing:
    def __init__(self, store: Sealed, keys: Keys):
        self.store, self.keys = store, keys

    async def rotate(self) -> None:
        """Make new secrets with a new key. Raises Refused while there are any of a former one."""
        self.keys.reload()
        behind = sum(self.keys.open_token(kept.sealed) is not None for kept in await self._behind())
        if behind:
            raise Refused(why=f"{behind} secrets are still encrypted with a former key: migrate them first.")
        self.keys.rotate()

    async def migrate(self) -> Migrated:
        """Encrypt with the primary key what was encrypted with another. What changes meanwhile is left to who changes it."""
        self.keys.reload()
        moved = lost = 0
        for kept in await self._behind():
            opened = self.keys.open_token(kept.sealed)
            if opened is None:
                lost += 1
            else:
                moved += await self.store.replace(kept, self.keys.seal(opened))
        return Migrated(moved, lost)

    async def _behind(self) -> list[Kept]:
        return [kept for kept in await self.store.all() if not self.keys.is_newest(kept.sealed)]
