"""What is remembered of devices that failed: they are left alone for a while, so that nobody waits for them again and again."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.core.clock import Clock
from pileus.object_store.ring.device import Device


class Errors(msgspec.Struct):
    count: int = 0
    last: float = 0.0


class Health:
    def __init__(self, clock: Clock, *, limit: int, interval_s: float):
        self.clock, self.limit, self.interval_s = clock, limit, interval_s
        self.errors: dict[str, Errors] = {}

    def failed(self, device: Device, *, badly: bool = False) -> None:
        """One more error; `badly`: the device is not there, once is enough."""
        seen = self.errors.setdefault(device.name, Errors())
        seen.last = self.clock.monotonic()
        seen.count = self.limit + 1 if badly else seen.count + 1

    def good(self, device: Device) -> bool:
        """Whether it is worth asking."""
        seen = self.errors.get(device.name)
        if seen is None:
            return True
        if self.clock.monotonic() - seen.last > self.interval_s:
            del self.errors[device.name]
            return True
        return seen.count <= self.limit
