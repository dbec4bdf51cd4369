"""Trusts."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

from pileus.identity.errors import TrustNotFound
from pileus.identity.model import Trust
from pileus.identity.store.base import Table
from pileus.identity.store.tables import trusts


class Trusts(Table[Trust]):
    table, kind, noun, not_found = trusts, Trust, "trust", TrustNotFound

    async def use(self, id: str) -> bool:
        """Take one of the uses that are left; False when there is none. One statement, so the last one is not had twice."""
        left = trusts.c.remaining_uses
        return bool(await self.db.execute(trusts.update().where(trusts.c.id == id, left > 0).values(remaining_uses=left - 1)))

    async def chain(self, id: str) -> list[Trust]:
        """The trust, the one it was handed on from, and so on to the first. Raises TrustNotFound."""
        found = [await self.get(id)]
        while (before := found[-1].redelegated_trust_id) is not None:
            found.append(await self.get(before))
        return found

    async def remove_expired(self, now: datetime) -> int:
        return await self.db.execute(trusts.delete().where(trusts.c.expires_at <= now))
