"""Failed logins, slowed down: of one account from one address, and of one address altogether.

Each failure fills a bucket that empties with time; while it is full, logins are refused before any password is looked at. So
nobody guesses quickly, and nobody locks others out of their accounts from elsewhere. Whether an account exists makes no
difference. Kept in this process only: each copy of the control plane counts what it sees.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Hashable

from pileus.core.clock import Clock
from pileus.identity.errors import TooManyFailures

#: Buckets of each kind; the one that was filled longest ago is forgotten first.
MOST = 10_000
#: How many accounts' worth of failures an address may have: there may be an office behind it.
ACCOUNTS_PER_SOURCE = 20


class Buckets:
    """Each holds `size` and empties in a minute."""

    def __init__(self, size: int):
        self.size, self.levels = size, dict[Hashable, tuple[float, float]]()

    def level(self, key: Hashable, now: float) -> float:
        level, at = self.levels.get(key, (0.0, now))
        return max(0.0, level - (now - at) * self.size / 60)

    def fill(self, key: Hashable, now: float) -> None:
        level = self.level(key, now) + 1
        self.levels.pop(key, None)
        if len(self.levels) >= MOST:
            del self.levels[next(iter(self.levels))]
        self.levels[key] = (level, now)


class Throttle:
    """`per_minute` 0: everybody may guess as fast as passwords are hashed."""

    def __init__(self, clock: Clock, per_minute: int):
        self.clock, self.per_minute = clock, per_minute
        self.accounts, self.sources = Buckets(per_minute), Buckets(per_minute * ACCOUNTS_PER_SOURCE)

    def check(self, source: str, account: Hashable) -> None:
        """Raise TooManyFailures for who must wait."""
        if not self.per_minute or not self.sources.levels:
            return
        now = self.clock.monotonic()
        for buckets, key in ((self.accounts, (source, account)), (self.sources, source)):
            over = buckets.level(key, now) + 1 - buckets.size
            if over > 0:
                wait = int(over * 60 / buckets.size) + 1
                raise TooManyFailures(headers={"retry-after": str(wait)})

    def failed(self, source: str, account: Hashable) -> None:
        if self.per_minute:
            now = self.clock.monotonic()
            self.accounts.fill((source, account), now)
            self.sources.fill(source, now)
