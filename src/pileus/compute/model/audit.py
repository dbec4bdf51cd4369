"""Audits of usage: once a month (or hour, day, year) each host's servers of the period before are counted."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

Length = Literal["hour", "day", "month", "year"]


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """One host's servers in one period."""

    host: str
    beginning: datetime
    ending: datetime
    servers: int
    errors: int = 0
    message: str
    audited_at: datetime


def period_before(moment: datetime, length: Length) -> tuple[datetime, datetime]:
    """The last whole period that had ended by then."""
    start = moment.replace(minute=0, second=0, microsecond=0)
    if length == "hour":
        return start - timedelta(hours=1), start
    start = start.replace(hour=0)
    if length == "day":
        return start - timedelta(days=1), start
    start = start.replace(day=1)
    if length == "month":
        return (start - timedelta(days=1)).replace(day=1), start
    start = start.replace(month=1)
    return start.replace(year=start.year - 1), start
