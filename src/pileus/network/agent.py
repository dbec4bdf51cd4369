"""The network agent of one host: tells a datapath what the control plane wants, and that it is alive. It has no database.

It reports itself every `report_interval_s`. States come with a generation. One is applied at a time, and always the
newest: of those that arrive meanwhile only the last is applied. A restarted agent knows nothing and says so; the control
plane sends it everything again.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pileus.core.bus import Bus
from pileus.core.clock import Clock
from pileus.core.errors import CloudError
from pileus.core.log import Log
from pileus.network.config import NetworkConfig
from pileus.network.datapath.base import Datapath, DatapathFailed, HostNetworks
from pileus.network.interface import CONTROL, Applied, NetworkAgent, NetworkReports
from pileus.network.model import Heartbeat

log = Log("pileus.network.agent")


class Agent:
    def __init__(self, host: str, datapath: Datapath, bus: Bus, config: NetworkConfig, *, clock: Clock | None = None):
        self.host, self.datapath, self.bus, self.config, self.clock = host, datapath, bus, config, clock or Clock()
        self.wanted: HostNetworks | None = None
        self.generation = 0                            # of `wanted`
        self._applied = (0, Applied())                 # what became of which generation
        self._turn = asyncio.Lock()
        self._introduced = False
        self._tasks: list[asyncio.Task] = []

    async def start(self) -> None:
        """Take up the work and introduce itself."""
        await self.datapath.start()
        self.bus.serve(NetworkAgent, self.host, self)
        await self._try_report()
        for what in (self._try_report, self.mend):
            self._tasks.append(asyncio.create_task(self._keep(what), name=f"network.{what.__name__}.{self.host}"))

    async def stop(self) -> None:
        """Let go. What was made stays."""
        self.bus.withdraw(NetworkAgent, self.host)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self.datapath.stop()

    async def apply(self, generation: int, wanted: HostNetworks) -> Applied:
        if generation > self.generation:
            self.generation, self.wanted = generation, wanted
        async with self._turn:
            if self._applied[0] < generation or self._applied[1].problem:
                await self._apply_newest()
            return self._applied[1]

    async def clear(self) -> None:
        async with self._turn:
            self.wanted, self._applied = None, (0, Applied())
            await self.datapath.clear()

    async def report(self) -> None:
        """Say that this host's agent is alive. Raises HostUnreachable when no control plane answers."""
        heartbeat = Heartbeat(
            host=self.host,
            underlay=self.config.underlay,
            datapath=self.config.datapath,
            bridges=self.config.bridges,
            started=not self._introduced,
        )
        await NetworkReports.at(CONTROL, self.bus).report(heartbeat)
        self._introduced = True

    async def mend(self) -> None:
        """Apply again what was applied: what somebody else broke in the meantime (rules flushed, a DHCP server killed) is made
        good; where nothing is broken, nothing is written."""
        async with self._turn:
            await self._apply_newest()

    async def _keep(self, what: Callable[[], Awaitable[None]]) -> None:
        """Do something every now and then. However long one thing takes or however it fails, the other is done in time."""
        while True:
            await self.clock.sleep(self.config.report_interval_s)
            try:
                await what()
            except Exception:
                log.exception("the network agent had an unexpected error", host=self.host, task=what.__name__)

    async def _try_report(self) -> None:
        """A control plane that is not there hears of it from the next report."""
        try:
            await self.report()
        except CloudError as problem:
            log.warning("the control plane does not answer", host=self.host, error=str(problem))

    async def _apply_newest(self) -> None:
        generation, wanted = self.generation, self.wanted
        if wanted is None:
            return
        try:
            self._applied = (generation, Applied(wired=tuple(sorted(await self.datapath.apply(wanted)))))
        except DatapathFailed as failure:
            log.error("the wanted state could not be made", host=self.host, error=str(failure), detail=failure.detail)
            self._applied = (generation, Applied(wired=tuple(sorted(failure.wired)), problem=str(failure)))

