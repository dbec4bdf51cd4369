"""How users stand: their failed logins, and when they were last seen. Users without a row have none of it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from pileus.core.db import Database, Duplicate
from pileus.identity.model import Standing
from pileus.identity.store.tables import standings

_OF = sa.select(standings).where(standings.c.user_id == sa.bindparam("user"))


class Standings:
    def __init__(self, db: Database):
        self.db = db

    async def of(self, user_id: str) -> Standing:
        return await self.db.one(Standing, _OF, {"user": user_id}) or Standing(user_id=user_id)

    async def failed(self, user_id: str, now: datetime, *, forget: bool) -> None:
        """One failure more, in one statement so that none of many at once is lost; `forget` those of a lock that has ended."""
        failures = 1 if forget else standings.c.failed + 1
        if not await self._change(user_id, failed=failures, failed_at=now):
            await self._add(Standing(user_id=user_id, failed=1, failed_at=now))

    async def succeeded(self, user_id: str, today: datetime) -> None:
        if not await self._change(user_id, failed=0, failed_at=None, active_at=today):
            await self._add(Standing(user_id=user_id, active_at=today))

    async def clear(self, user_id: str) -> None:
        """An administrator opens the account again."""
        await self.db.execute(standings.delete().where(standings.c.user_id == user_id))

    async def seen_until(self, moment: datetime) -> list[Standing]:
        """Those who were last seen then or before."""
        return await self.db.all(Standing, sa.select(standings).where(standings.c.active_at <= moment))

    async def _change(self, user_id: str, **values) -> int:
        return await self.db.execute(standings.update().where(standings.c.user_id == user_id).values(**values))

    async def _add(self, standing: Standing) -> None:
        try:
            await self.db.insert(standings, standing)
        except Duplicate:  # another login was quicker: its row says nearly the same
            pass
