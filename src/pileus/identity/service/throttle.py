"""Failed logins, slowed down: of one account from one address, and of one address altogether.

Each failure fills a bucket that empties with time; while it is full, logins are refused before any password is looked at. So
nobody guesses quickly, and nobody locks others out of their accounts from elsewhere. Whether an account exists makes no
difference. Attempts on one account from one address are looked at one after another, so that a thousand at once count like
a thousand in a row; and one address has no more of them under way than it may fail. Kept in this process only: each copy of
the control plane counts what it sees.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from pileus.core.clock import Clock
from pileus.core.errors import Unauthenticated
from pileus.identity.errors import MoreProofs, PasswordExpired, TooManyFailures

#: Buckets of each kind; the one that was filled longest ago is forgotten first.
MOST = 10_000
#: How many accounts' worth of failures an address may have: there may be an office behind it.
ACCOUNTS_PER_SOURCE = 20


class Buckets:
    """Each holds `size` and empties in a minute."""

    def __init__(self, size: int):
        self.size, self.levels = size, dict[Hashable, tuple[float, float]]()

    def level(self, key: Hashable, now: float) -> float:
        if (found := self.levels.get(key)) is None:
            return 0.0
        level, at = found
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
        self.turns: dict[Hashable, asyncio.Lock] = {}          # of accounts somebody is trying right now
        self.trying: Counter[Hashable] = Counter()             # attempts under way, by account and by address

    @asynccontextmanager
    async def attempt(self, source: str, account: Hashable) -> AsyncIterator[None]:
        """One attempt to log in; an Unauthenticated that leaves it is a failure. Raises TooManyFailures for who must wait."""
        if not self.per_minute:
            yield
            return
        key = (source, account)
        self._check(self.sources, source, self.trying[source])
        self.trying.update((key, source))
        try:
            async with self.turns.setdefault(key, asyncio.Lock()):
                self._check(self.accounts, key)
                self._check(self.sources, source)
                yield
        except (PasswordExpired, MoreProofs):
            raise
        except Unauthenticated:
            now = self.clock.monotonic()
            self.accounts.fill(key, now)
            self.sources.fill(source, now)
            raise
        finally:
            self._leave(source, key)

    def _check(self, buckets: Buckets, key: Hashable, under_way: int = 0) -> None:
        over = buckets.level(key, self.clock.monotonic()) + under_way + 1 - buckets.size
        if over > 0:
            raise TooManyFailures(headers={"retry-after": str(int(over * 60 / buckets.size) + 1)})

    def _leave(self, source: str, key: Hashable) -> None:
        for counted in (source, key):
            self.trying[counted] -= 1
            if not self.trying[counted]:
                del self.trying[counted]
        if key not in self.trying:
            del self.turns[key]
