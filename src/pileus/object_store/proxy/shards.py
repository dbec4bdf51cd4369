"""Which shard of a container lists an object: object servers tell it at once, instead of the container that would pass it on."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import msgspec

from pileus.core.clock import Clock
from pileus.object_store.model.shards import WHOLE, ShardRange
from pileus.object_store.proxy.ask import anyone
from pileus.object_store.storage.container.shards import RECORDS
from pileus.object_store.wire.message import Request

if TYPE_CHECKING:
    from pileus.object_store.proxy.proxy import Proxy

MOST = 1000


class RangesCache:
    """The ranges of containers. One that is out of date does no harm: a shard that was replaced passes on what it is told."""

    def __init__(self, clock: Clock, keep_s: float):
        self.clock, self.keep_s = clock, keep_s
        self.known: OrderedDict[str, tuple[float, list[ShardRange]]] = OrderedDict()

    def get(self, path: str) -> list[ShardRange] | None:
        found = self.known.get(path)
        return found[1] if found is not None and self.clock.monotonic() - found[0] < self.keep_s else None

    def put(self, path: str, ranges: list[ShardRange]) -> None:
        self.known[path] = self.clock.monotonic(), ranges
        self.known.move_to_end(path)
        while len(self.known) > MOST:
            self.known.popitem(last=False)


async def shard_of(proxy: Proxy, account: str, container: str, obj: str) -> ShardRange | None:
    """The shard that lists an object; None when that cannot be said: then the container is told."""
    path = f"/{account}/{container}"
    ranges = proxy.ranges.get(path)
    if ranges is None:
        ring = proxy.rings["container"]
        nodes = proxy.nodes(ring, ring.partition(account, container), shuffle=True)
        answer = await anyone(proxy, "container", nodes, Request("GET", path), path, {RECORDS: "shard"})
        ranges = msgspec.json.decode(await answer.read(), type=list[ShardRange]) if answer.ok else []
        proxy.ranges.put(path, ranges)
    return next((r for r in ranges if r.state in WHOLE and r.has(obj)), None)
