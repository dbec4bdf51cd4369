"""The `compute_usage_audits` table: for which hosts and periods usage was audited."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from pileus.compute.model.audit import Audit
from pileus.compute.store.tables import servers, usage_audits
from pileus.core.db import Database, Duplicate

A, S = usage_audits.c, servers.c


class Audits:
    def __init__(self, db: Database):
        self.db = db

    async def of(self, beginning: datetime, ending: datetime) -> list[Audit]:
        stmt = sa.select(usage_audits).where(A.beginning == beginning, A.ending == ending)
        return await self.db.all(Audit, stmt.order_by(A.host))

    async def add(self, audit: Audit) -> bool:
        """False when somebody else audited this host and period before."""
        try:
            await self.db.insert(usage_audits, audit)
        except Duplicate:
            return False
        return True

    async def ran(self, beginning: datetime, ending: datetime) -> dict[str, int]:
        """host → how many servers ran there within the period."""
        there = sa.and_(S.host.is_not(None), S.launched_at < ending, sa.or_(S.terminated_at.is_(None), S.terminated_at >= beginning))
        return {host: count for host, count in await self.db.rows(sa.select(S.host, sa.func.count()).where(there).group_by(S.host))}
