"""A datapath without a network: it keeps what it was told and says so. Needs no root, no kernel features and no time.

It is a driver like any other, held to the same contract. It is not a mock: it has no expectations and records no calls.
Faults and delays are named by method, so that a test can make a host fail in one way: `fails = {"apply"}` fails before the
effect, `{"apply:after"}` after it, like an answer that was lost, and `{"port:<id>"}` leaves that one port unwired.

What a packet would do in the state that it keeps is asked in `reach`, which is pure and knows no driver.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from pileus.core.clock import Clock
from pileus.network.datapath.base import DatapathFailed, HostNetworks, wireable


class Simulated:
    """One host's network. `fails` and `delays` (method → seconds) may be changed at any time."""

    def __init__(
        self,
        *,
        fails: Iterable[str] = (),
        delays: Mapping[str, float] | None = None,
        sleep: Callable[[float], Awaitable[None]] = Clock().sleep,
    ):
        self.fails = set(fails)
        self.delays = dict(delays or {})
        self.wanted = HostNetworks()
        self._sleep = sleep

    async def start(self) -> None:
        await self._before("start")

    async def stop(self) -> None:
        await self._before("stop")

    async def apply(self, wanted: HostNetworks) -> frozenset[str]:
        await self._before("apply")
        self.wanted = wanted
        self._fail_if("apply:after")
        wired = frozenset(port.id for port in wireable(wanted))
        broken = frozenset(fault.removeprefix("port:") for fault in self.fails if fault.startswith("port:")) & wired
        if broken:
            raise DatapathFailed(what=f"wire up port {min(broken)}", wired=wired - broken)
        return wired

    async def clear(self) -> None:
        await self._before("clear")
        self.wanted = HostNetworks()

    async def _before(self, method: str) -> None:
        if delay := self.delays.get(method):
            await self._sleep(delay)
        self._fail_if(method)

    def _fail_if(self, fault: str) -> None:
        if fault in self.fails:
            raise DatapathFailed(what=f"do this: the fault {fault} is set", wired=())
