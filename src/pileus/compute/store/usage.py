"""Servers as usage reports see them: those that ran within a period, deleted ones too."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from pileus.compute.model.flavor import Flavor
from pileus.compute.store.tables import servers
from pileus.core.db import Database


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """A server that was launched."""

    id: str
    name: str
    project_id: str
    flavor: Flavor
    vm_state: str
    launched_at: datetime
    terminated_at: datetime | None = None


class Usage:
    def __init__(self, db: Database):
        self.db = db

    async def ran(
        self, start: datetime, stop: datetime, *, project_id: str | None, limit: int, marker: str | None
    ) -> list[Ran] | None:
        """Servers that ran between two moments, by launch; None when the marker is no server."""
        ended = sa.or_(servers.c.terminated_at.is_(None), servers.c.terminated_at >= start)
        within = [servers.c.launched_at <= stop, ended]
        if project_id is not None:
            within.append(servers.c.project_id == project_id)
        if marker is not None:
            launched = await self.db.scalar(sa.select(servers.c.launched_at).where(servers.c.id == marker))
            if launched is None:
                return None
            within.append(sa.tuple_(servers.c.launched_at, servers.c.id) > sa.tuple_(sa.literal(launched), sa.literal(marker)))
        stmt = sa.select(servers).where(*within).order_by(servers.c.launched_at, servers.c.id).limit(limit)
        return await self.db.all(Ran, stmt)
