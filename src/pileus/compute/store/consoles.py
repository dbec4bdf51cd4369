"""The `compute_console_tokens` table."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from pileus.compute.model.console import ConsoleToken
from pileus.compute.store.tables import console_tokens
from pileus.core.db import Database


class ConsoleTokens:
    def __init__(self, db: Database):
        self.db = db

    async def insert(self, token: ConsoleToken) -> None:
        await self.db.insert(console_tokens, token)

    async def find(self, hash: str, now: datetime) -> ConsoleToken | None:
        """One that is still good."""
        wanted = sa.select(console_tokens).where(console_tokens.c.hash == hash, console_tokens.c.expires_at > now)
        return await self.db.one(ConsoleToken, wanted)

    async def delete_expired(self, now: datetime) -> int:
        return await self.db.execute(console_tokens.delete().where(console_tokens.c.expires_at <= now))
