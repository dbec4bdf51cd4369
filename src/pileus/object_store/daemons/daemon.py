"""What a daemon is: it goes over everything on the devices of its server, once or again and again.

A run reads all and assumes nothing; the next run is the retry. After each piece of work a daemon rests for as long as that
took, times its patience: it is slow where the device is slow, and where clients need it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pileus.core.log import Log
from pileus.object_store.ring.device import Device
from pileus.object_store.ring.ring import Ring

if TYPE_CHECKING:
    from pileus.object_store.service import ObjectStore

log = Log("pileus.object_store.daemon")


class Daemon:
    name: ClassVar[str]
    every_s: ClassVar[float] = 30.0
    patience: ClassVar[float] = 1.0         # rest after each piece of work, as a multiple of what it took

    def __init__(self, store: ObjectStore, *, polite: bool = False):
        self.store, self.polite = store, polite
        self.did: Counter[str] = Counter()

    async def work(self) -> None:
        """One pass; what was done is counted in `self.did`."""

    async def run_once(self) -> dict[str, int]:
        """One pass, as fast as it goes; returns what was done, in numbers."""
        self.did = Counter()
        began = self.store.clock.monotonic()
        await self.work()
        self._report(self.store.clock.monotonic() - began)
        return dict(self.did)

    async def run_forever(self) -> None:
        """Pass after pass, politely, until cancelled. A pass that fails is followed by the next."""
        self.polite = True
        while True:
            began = self.store.clock.monotonic()
            try:
                await self.run_once()
            except Exception:
                log.exception("daemon failed", daemon=self.name)
            spent = self.store.clock.monotonic() - began
            rest = max(0.1 * self.every_s, self.every_s - spent) * self.store.ids.random.uniform(0.9, 1.1)
            await self.store.clock.sleep(rest)

    @asynccontextmanager
    async def piece(self) -> AsyncIterator[None]:
        """A piece of work. One that fails is counted and logged, and does not hold up the others."""
        began = self.store.clock.monotonic()
        try:
            yield
        except Exception as problem:
            self.did["failures"] += 1
            log.warning("a piece of work failed", daemon=self.name, error=f"{type(problem).__name__}: {problem}")
        if self.polite:
            await self.store.clock.sleep((self.store.clock.monotonic() - began) * self.patience)

    def own_devices(self, ring: Ring) -> Iterator[tuple[Device, Path]]:
        """The devices of this server that are there."""
        devices = self.store.node.devices
        for device in ring.devices:
            if device is not None and (device.ip, device.port) in self.store.addresses and devices.has(device.device):
                yield device, devices.path(device.device)

    def _report(self, seconds: float) -> None:
        self.store.node.media.report(self.name, {"seconds": round(seconds, 3), "ended": self.store.clock.now().timestamp(), **self.did})
