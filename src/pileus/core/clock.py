"""Time. Nothing else in the project reads a clock or sleeps.

All durations follow the event loop's clock, so a test that runs on `VirtualTimeLoop` lives through a day in milliseconds.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import math
import selectors
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")


class Clock:
    """The wall clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment; only differences mean something."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def wait_until(holds: Callable[[], T], *, limit_s: float = math.inf, every_s: float = 0.05) -> T:
    """For commands, which have no event loop: what `holds` says as soon as that is true, or when the time is over."""
    end = time.monotonic() + limit_s
    while not (said := holds()) and time.monotonic() < end:
        time.sleep(every_s)
    return said


class VirtualClock(Clock):
    """The clock of a `VirtualTimeLoop`: its seconds, counted from a fixed day."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)):
        self.start = start

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything can run, and jumps to the next timer when nothing can.

    It fits tests without real sockets and threads: nobody outside is waited for.
    """

    def __init__(self) -> None:
        super().__init__(_Jump(self))
        self.virtual_now = 0.0

    def time(self) -> float:
        return self.virtual_now


class _Jump(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop):
        super().__init__()
        self.loop = loop

    def select(self, timeout: float | None = None):
        if timeout is not None and timeout > 0:
            ready = super().select(0)
            if ready:
                return ready
            self.loop.virtual_now += timeout
        return super().select(0 if timeout is not None else None)


def parse_iso(text: str) -> datetime:
    """A moment in UTC, from ISO 8601; without a zone it is UTC already. Raises ValueError, also for what no calendar has in UTC.

    In a query string a `+` is a blank, and many clients leave it unescaped."""
    moment = datetime.fromisoformat(text.strip().replace(" ", "+"))
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as beyond:
        raise ValueError(f"{text} is out of range") from beyond


def iso(moment: datetime | None, *, micro: bool = False) -> str | None:
    """ISO 8601 in UTC as the APIs show it: 2026-01-01T00:00:00Z, with six decimals where asked."""
    if moment is None:
        return None
    # Moments are in UTC everywhere; cutting the rest off is a quarter of the time of a format string.
    return moment.isoformat(timespec="microseconds")[:26] + "Z" if micro else moment.isoformat()[:19] + "Z"
