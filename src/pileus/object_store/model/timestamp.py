"""Timestamps: what orders everything that happens in the store.

A timestamp is text of fixed width, `1700000000.00000`, so that text order is time order. An offset may follow,
`1700000000.00000_0000000000000001`: it orders what the store itself does between two moments of its clients.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from pileus.core.clock import Clock

FORM = re.compile(r"[0-9]{10}\.[0-9]{5}(_[0-9a-f]{16})?")
EPOCH = datetime(1970, 1, 1)
#: How the minutes of a day and the seconds of a minute are written: a listing has ten thousand times.
MINUTES = tuple(f"T{minute // 60:02}:{minute % 60:02}:" for minute in range(1440))
SECONDS = tuple(f"{second:02}." for second in range(60))


def stamp(moment: float, offset: int = 0) -> str:
    """The timestamp of a moment (seconds since 1970)."""
    text = f"{moment:016.5f}"
    return f"{text}_{offset:016x}" if offset else text


def parse(text: str) -> str:
    """A timestamp in its normal form, from that or any decimal number. Raises ValueError."""
    if FORM.fullmatch(text):
        return text
    number, _, offset = text.partition("_")
    moment = float(number)
    if not 0 <= moment < 1e10:
        raise ValueError(f"{text} is not a timestamp")
    return stamp(moment, int(offset, 16) if offset else 0)


def seconds(timestamp: str) -> float:
    return float(timestamp[:16])


def normal(timestamp: str) -> str:
    """As clients see it: without the offset."""
    return timestamp[:16]


def after(timestamp: str, offset: int = 1) -> str:
    """The same moment, a little later than everything a client said."""
    return f"{timestamp[:16]}_{(int(timestamp[17:], 16) if len(timestamp) > 16 else 0) + offset:016x}"


def inverted(timestamp: str) -> str:
    """What is the smaller the later the moment is: in names, the newest comes first. Turns itself back."""
    left = 10**15 - 1 - int(timestamp[:10] + timestamp[11:16])
    return f"{left // 10**5:010d}.{left % 10**5:05d}"


def iso(timestamp: str) -> str:
    """As listings show it: 2026-01-01T00:00:00.000000."""
    minutes, second = divmod(int(timestamp[:10]), 60)
    day, minute = divmod(minutes, 1440)
    return f"{_day(day)}{MINUTES[minute]}{SECONDS[second]}{timestamp[11:16]}0"


@lru_cache(1024)
def _day(number: int) -> str:
    return (EPOCH + timedelta(days=number)).date().isoformat()


def moment_of(listed: str) -> float:
    """The seconds since 1970 of a time as listings show it."""
    return (datetime.fromisoformat(listed).replace(tzinfo=UTC) - EPOCH.replace(tzinfo=UTC)).total_seconds()


def http_date(timestamp: str) -> str:
    """As Last-Modified shows it: whole seconds, rounded up, so that nothing seems older than it is."""
    return _date(int(timestamp[:10]) + (timestamp[11:16] != "00000"))


@lru_cache(4096)
def _date(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


class Stamper:
    """Gives timestamps, each later than the one before."""

    def __init__(self, clock: Clock):
        self.clock = clock
        self.last = 0

    def __call__(self) -> str:
        self.last = max(int(self.clock.now().timestamp() * 100_000), self.last + 1)
        return stamp(self.last / 100_000)
