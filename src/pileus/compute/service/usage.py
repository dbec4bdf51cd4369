"""Usage: what the servers of projects took over a period, for accounting."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from pileus.compute.config import ComputeConfig
from pileus.compute.store.usage import Ran
from pileus.compute.store.usage import Usage as Store
from pileus.core.errors import Invalid
from pileus.core.kit import Kit

#: How Nova takes moments. They are UTC.
FORMATS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f")


class ServerUsage(msgspec.Struct, frozen=True, kw_only=True):
    server: Ran
    hours: float  # within the period
    uptime_s: int  # altogether


class ProjectUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The sums are hours times amounts."""

    project_id: str
    start: datetime
    stop: datetime
    servers: tuple[ServerUsage, ...]

    def total(self, amounts: Sequence[float]) -> float:
        return sum(usage.hours * amount for usage, amount in zip(self.servers, amounts, strict=True))


class Usage:
    def __init__(self, kit: Kit, config: ComputeConfig):
        self.kit = kit
        self.store = Store(kit.db)

    def period(self, start: str | None, stop: str | None) -> tuple[datetime, datetime]:
        """The period between two moments as text; what is missing is now. Raises Invalid when it begins after its end."""
        now = self.kit.clock.now()
        begin, end = _moment(start) or now, _moment(stop) or now
        if begin > end or (start and stop and begin == end):
            raise Invalid("Invalid start time. The start time cannot occur after the end time.")
        return begin, end

    async def of(
        self, start: datetime, stop: datetime, *, project_id: str | None, limit: int, marker: str | None
    ) -> tuple[list[ProjectUsage], str | None]:
        """The usage of one project or of all, and the marker of the next page when this one is full. Raises Invalid."""
        now = self.kit.clock.now()
        stop = min(stop, now)
        ran = await self.store.ran(start, stop, project_id=project_id, limit=limit, marker=marker)
        if ran is None:
            raise Invalid(f"marker [{marker}] not found")
        by_project: dict[str, list[ServerUsage]] = {}
        for server in ran:
            within = (min(stop, server.terminated_at or stop) - max(start, server.launched_at)).total_seconds()
            uptime = ((server.terminated_at or now) - server.launched_at).total_seconds()
            by_project.setdefault(server.project_id, []).append(
                ServerUsage(server=server, hours=max(within, 0.0) / 3600, uptime_s=int(uptime))
            )
        found = [ProjectUsage(project_id=id, start=start, stop=stop, servers=tuple(usages)) for id, usages in by_project.items()]
        return found, ran[-1].id if ran and len(ran) == limit else None


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    for form in FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise Invalid("Datetime is in invalid format")
