"""How often containers of an account, and objects of a container, may be written: who is faster waits, who is far ahead gets 498.

The larger a container, the fewer writes a second its database takes; between two sizes that are configured the rate is between
their rates. Each proxy counts by itself. (Swift, "Rate limiting".)
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from pileus.object_store.pipeline.feature import Feature
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain

MOST = 10_000


class RateLimit(Feature):
    def __init__(self, *args: Any):
        super().__init__(*args)
        self.config = self.store.config.rate_limit
        self.next: OrderedDict[str, float] = OrderedDict()     # what → when the next request for it may go

    def info(self) -> dict[str, Any]:
        config = self.config
        if not config.enabled:
            return {}
        return {"ratelimit": {"account_ratelimit": config.account_ratelimit, "max_sleep_time_seconds": config.max_sleep_time_s,
                              "container_ratelimits": [[int(size), rate] for size, rate in sorted(config.container_ratelimits.items())],
                              "container_listing_ratelimits": [[int(size), rate] for size, rate in
                                                               sorted(config.container_listing_ratelimits.items())]}}

    def wanted(self) -> bool:
        return self.config.enabled

    async def __call__(self, req: Request) -> Response:
        try:
            _, account, container, obj = req.split(2, 4)
        except ValueError:
            return await self.app(req)
        if account in self.config.account_blacklist:
            return plain(497, "Your account has been blacklisted.\n")
        limits = [] if account in self.config.account_whitelist else await self._limits(req, str(account), container, obj)
        for what, rate in limits:
            if not await self._passed(what, rate):
                return plain(498, "Slow down", {"retry-after": "1"})
        return await self.app(req)

    async def _limits(self, req: Request, account: str, container: str | None, obj: str | None) -> list[tuple[str, float]]:
        """What is counted for this request, and how many a second there may be."""
        config = self.config
        if container is None:
            return []
        if obj is None and req.method in ("PUT", "DELETE") and config.account_ratelimit:
            return [(f"/{account}", config.account_ratelimit)]
        rates = config.container_listing_ratelimits if obj is None and req.method == "GET" else \
            config.container_ratelimits if obj is not None and req.method in ("PUT", "DELETE", "POST", "COPY") else {}
        if not rates:
            return []
        size = (await self.store.container_info(account, container)).number("x-container-object-count")
        rate = rate_of(rates, size)
        return [(f"/{account}/{container}{'' if obj else '?'}", rate)] if rate else []

    async def _passed(self, what: str, rate: float) -> bool:
        """Wait for this request's turn; False when that would be too long. Who was slow may hurry for a moment."""
        now = self.store.clock.monotonic()
        turn = max(self.next.get(what, 0.0), now - self.config.rate_buffer_s)
        if turn - now > self.config.max_sleep_time_s:
            return False
        self.next[what] = turn + 1 / rate
        self.next.move_to_end(what)
        while len(self.next) > MOST:
            self.next.popitem(last=False)
        if turn > now:
            await self.store.clock.sleep(turn - now)
        return True


def rate_of(rates: Mapping[str, float], size: int) -> float:
    """Writes a second for a container of that size; 0: as many as there are. Pure."""
    points = sorted((int(at), rate) for at, rate in rates.items())
    below = [point for point in points if point[0] <= size]
    if not below:
        return 0.0
    (start, rate), above = below[-1], points[len(below):]
    if not above:
        return rate
    end, after = above[0]
    return rate + (after - rate) * (size - start) / (end - start)
