"""The devices that are asked for a partition, in the order in which they are asked."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator

from pileus.core.ids import Ids
from pileus.object_store.proxy.health import Health
from pileus.object_store.ring.device import Node
from pileus.object_store.ring.ring import Ring


class Nodes:
    """Those that hold it, then handoffs, without those that failed lately; at most `factor` times the replicas."""

    def __init__(self, ring: Ring, part: int, health: Health, ids: Ids, *, factor: int, shuffle: bool = False):
        self.ring, self.part, self.health = ring, part, health
        self.primaries = ring.primaries(part)
        if shuffle and len(self.primaries) > 1:
            ids.random.shuffle(self.primaries)
        self.most = factor * len(self.primaries)

    def __iter__(self) -> Iterator[Node]:
        asked = 0
        for node in self._all():
            if asked >= self.most:
                return
            if self.health.good(node.device):
                asked += 1
                yield node

    def _all(self) -> Iterator[Node]:
        yield from self.primaries
        yield from self.ring.handoffs(self.part)
