"""A rule, and when it holds for something. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

NAME = "lifecycle"


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`days`, `date`, `markers`: of current versions. What is None is not in the rule."""

    id: str
    enabled: bool
    old_form: bool = False                  # written with a prefix beside, not in, a filter
    prefix: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    larger: int | None = None
    smaller: int | None = None
    days: int | None = None
    date: str | None = None
    markers: bool = False                   # markers of deletions that nothing is left behind of
    noncurrent_days: int | None = None
    newer_noncurrent: int = 0               # so many versions behind the current one stay
    abort_days: int | None = None

    def fits(self, key: str, size: int) -> bool:
        """Whether it is about such an object, tags aside."""
        return (key.startswith(self.prefix) and (self.larger is None or size > self.larger)
                and (self.smaller is None or size < self.smaller))

    def fits_tags(self, tags: Mapping[str, str]) -> bool:
        return all(tags.get(key) == value for key, value in self.tags)

    def expires(self, written: datetime, now: datetime) -> bool:
        """Whether a current version's time has come."""
        if self.date is not None:
            return datetime.fromisoformat(self.date) <= now
        return self.days is not None and due(written, self.days, now)


def due(since: datetime, days: int, now: datetime) -> bool:
    """Whether so many days are over: at the first midnight (UTC) behind them, as everywhere in S3."""
    end = since + timedelta(days=days)
    midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
    return now >= (midnight if midnight == end else midnight + timedelta(days=1))


def stored(rules: list[Rule]) -> bytes:
    return msgspec.json.encode(rules)


def load(document: bytes) -> list[Rule]:
    return msgspec.json.decode(document, type=list[Rule])


def moment(text: str) -> datetime:
    """A date of a rule, which is midnight in UTC. Raises ValueError."""
    found = datetime.fromisoformat(text)
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    if (found.hour, found.minute, found.second, found.microsecond) != (0, 0, 0, 0):
        raise ValueError("'Date' must be at midnight GMT")
    return found
