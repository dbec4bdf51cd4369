"""Credentials that users keep here."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.identity.errors import CredentialNotFound
from pileus.identity.model import Credential
from pileus.identity.store.base import Table
from pileus.identity.store.tables import credentials


class Credentials(Table[Credential]):
    table, kind, noun, not_found = credentials, Credential, "credential", CredentialNotFound

    async def use_step(self, id: str, step: int) -> bool:
        """Take a one-time password of this half minute; False when it, or a later one, was taken. One statement: it works once."""
        used = credentials.c.used_step
        fresh = (credentials.c.id == id, sa.or_(used.is_(None), used < step))
        return bool(await self.db.execute(credentials.update().where(*fresh).values(used_step=step)))

    def taken(self, record: Credential) -> str:
        return f"Duplicate ID, {record.id}"
