"""What locks a version, and for how long. Pure."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from pileus.object_store.s3 import metadata

GOVERNANCE, COMPLIANCE = "GOVERNANCE", "COMPLIANCE"
RETENTION, HOLD = metadata.CHANGEABLE + "retention", metadata.CHANGEABLE + "legal-hold"
#: On the container: that it locks. It never stops.
LOCKS = "s3api-lock-enabled"


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    mode: str
    until: datetime

    @property
    def text(self) -> str:
        return f"{self.mode}/{self.shown}"

    @property
    def shown(self) -> str:
        return self.until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Default(msgspec.Struct, frozen=True, kw_only=True):
    """What every new version is locked by."""

    mode: str
    days: int = 0
    years: int = 0

    def since(self, now: datetime) -> Retention:
        return Retention(mode=self.mode, until=now + timedelta(days=self.days or 365 * self.years))


def retention_of(headers: Mapping[str, str]) -> Retention | None:
    mode, slash, until = headers.get(RETENTION, "").partition("/")
    return Retention(mode=mode, until=datetime.fromisoformat(until)) if slash else None


def is_held(headers: Mapping[str, str]) -> bool:
    return headers.get(HOLD) == "ON"


def is_locked(headers: Mapping[str, str], now: datetime, *, bypass: bool) -> bool:
    """Whether a version must stay. `bypass`: the caller may and wants to overrule governance."""
    retention = retention_of(headers)
    kept = retention is not None and retention.until > now and not (bypass and retention.mode == GOVERNANCE)
    return is_held(headers) or kept


def may_change(old: Retention | None, new: Retention | None, now: datetime, *, bypass: bool) -> bool:
    """A lock may always be made longer, and shorter only by who may bypass governance; compliance is for good."""
    if old is None or old.until <= now or (bypass and old.mode == GOVERNANCE):
        return True
    stays = new is not None and new.until >= old.until
    return stays and (new is not None and (new.mode == old.mode or new.mode == COMPLIANCE))


def until_of(text: str) -> datetime:
    """Raises ValueError."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
