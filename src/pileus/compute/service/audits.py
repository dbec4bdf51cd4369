"""Audits of usage: made once per host and period, whoever comes first; and what there is of them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime
from typing import Any

from pileus.compute.config import ComputeConfig
from pileus.compute.model.audit import Audit, period_before
from pileus.compute.store.audits import Audits as Store
from pileus.core.kit import Kit


class Audits:
    def __init__(self, kit: Kit, config: ComputeConfig, *, hosts: Any):
        self.kit, self.config, self.hosts, self.store = kit, config, hosts, Store(kit.db)

    async def run(self) -> int:
        """Audit the hosts that were not yet, for the last period that ended; how many those were."""
        now = self.kit.clock.now()
        beginning, ending = period_before(now, self.config.usage_audit_period)
        done = {audit.host for audit in await self.store.of(beginning, ending)}
        left = [host.host for host in await self.hosts.all() if host.host not in done]
        ran = await self.store.ran(beginning, ending) if left else {}
        made = 0
        for host in left:
            count = ran.get(host, 0)
            made += await self.store.add(Audit(host=host, beginning=beginning, ending=ending, servers=count, audited_at=now,
                                               message=f"Instance usage audit ran for host {host}, {count} instances"))
        return made

    async def before(self, moment: datetime | None) -> tuple[datetime, datetime, list[Audit], list[str]]:
        """The last period before a moment (now): its begin and end, its audits, and the hosts that have none."""
        beginning, ending = period_before(moment or self.kit.clock.now(), self.config.usage_audit_period)
        found = await self.store.of(beginning, ending)
        done = {audit.host for audit in found}
        return beginning, ending, found, [host.host for host in await self.hosts.all() if host.host not in done]
