"""How many requests a second one device takes: what is beyond that is refused at once (529), and another device is asked."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.clock import Clock
from pileus.object_store.config import BackendRateLimitConfig
from pileus.object_store.model.names import KINDS
from pileus.object_store.wire.message import Handler, Request, Response
from pileus.object_store.wire.status import plain

REFUSED = 529


class BackendRateLimit:
    """A handler around a node. Daemons of the cluster (REPLICATE, SYNC) are only held back where their method is named."""

    def __init__(self, app: Handler, config: BackendRateLimitConfig, clock: Clock):
        self.app, self.config, self.clock = app, config, clock
        self.next: dict[tuple[str, str], float] = {}           # device and method → when the next one may come

    async def __call__(self, req: Request) -> Response:
        parts = req.path.split("/", 3)
        if len(parts) > 2 and parts[1] in KINDS:
            rates = [("", self.config.requests_per_device_per_second if req.method not in ("REPLICATE", "SYNC") else 0.0),
                     (req.method, self.config.by_method.get(req.method, 0.0))]
            if not all([self._passes(parts[2], method, rate) for method, rate in rates if rate]):
                return plain(REFUSED, "Too Many Backend Requests")
        return await self.app(req)

    def _passes(self, device: str, method: str, rate: float) -> bool:
        now = self.clock.monotonic()
        turn = max(self.next.get((device, method), 0.0), now - self.config.burst_s)
        if turn > now:
            return False
        self.next[device, method] = turn + 1 / rate
        return True
