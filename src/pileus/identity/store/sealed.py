"""What is stored encrypted, whatever it is of: for moving it to another key."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec
import sqlalchemy as sa

from pileus.core.db import Database
from pileus.identity.store.consumers import consumers
from pileus.identity.store.domain_configs import domain_configs
from pileus.identity.store.oauth1 import access_tokens, request_tokens
from pileus.identity.store.tables import credentials

#: Every table with a column `sealed`, and what its rows are known by.
SEALED = (
    (credentials, credentials.c.id),
    (consumers, consumers.c.id),
    (domain_configs, domain_configs.c.domain_id),
    (request_tokens, request_tokens.c.id),
    (access_tokens, access_tokens.c.id),
)


class Kept(msgspec.Struct, frozen=True):
    """Something encrypted: in which of `SEALED`, of what."""

    at: int
    id: str
    sealed: str


class Sealed:
    def __init__(self, db: Database):
        self.db = db

    async def all(self) -> list[Kept]:
        found = []
        for at, (table, key) in enumerate(SEALED):
            rows = await self.db.rows(sa.select(key.label("id"), table.c.sealed).order_by(key))
            found += [Kept(at, row.id, row.sealed) for row in rows if row.sealed]
        return found

    async def replace(self, kept: Kept, sealed: str) -> bool:
        """Store it anew, unless somebody has changed it meanwhile. One statement: a crash leaves the one or the other."""
        table, key = SEALED[kept.at]
        unchanged = (key == kept.id, table.c.sealed == kept.sealed)
        return bool(await self.db.execute(table.update().where(*unchanged).values(sealed=sealed)))
