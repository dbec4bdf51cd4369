"""Periodic work: a list of repeatable functions. The next run is the retry.

Whatever a message or a saga would have done, some periodic task would notice: convergence backs up every transaction.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.core.log import Log

log = Log("pileus.periodic")


class Periodic(msgspec.Struct, frozen=True):
    """A task: what to run with its owner as the only argument, and how often. The result is a short sentence or None."""

    run: Callable[[Any], Awaitable[str | None]]
    every_s: float
    at_start: bool = False

    @property
    def name(self) -> str:
        return self.run.__name__


class Last(msgspec.Struct):
    """How the last run of a task went; shown by `pileus status`."""

    name: str
    owner: str
    every_s: float
    runs: int = 0
    started_at: datetime | None = None
    seconds: float = 0.0
    result: str = ""
    error: str = ""


class Ticker:
    """Runs the periodic tasks of any number of owners, each one at a time, jittered so that they do not meet."""

    def __init__(self, clock: Clock, ids: Ids):
        self.clock, self.ids = clock, ids
        self.last: list[Last] = []
        self._tasks: list[asyncio.Task] = []
        self._wake: dict[tuple[str, str], asyncio.Event] = {}

    def add(self, owner_name: str, owner: Any, tasks: list[Periodic]) -> None:
        """Begin to run `tasks`; needs a running event loop."""
        for task in tasks:
            last = Last(task.name, owner_name, task.every_s)
            wake = self._wake[owner_name, task.name] = asyncio.Event()
            self.last.append(last)
            self._tasks.append(asyncio.create_task(self._loop(task, owner, last, wake), name=f"{owner_name}.{task.name}"))

    def wake(self, owner_name: str, task_name: str) -> None:
        """Run a task now rather than at its time."""
        if event := self._wake.get((owner_name, task_name)):
            event.set()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _loop(self, task: Periodic, owner: Any, last: Last, wake: asyncio.Event) -> None:
        if not task.at_start:
            await self._rest(task, wake)
        while True:
            wake.clear()
            await self.once(task, owner, last)
            await self._rest(task, wake)

    async def _rest(self, task: Periodic, wake: asyncio.Event) -> None:
        try:
            await asyncio.wait_for(wake.wait(), task.every_s * self.ids.random.uniform(0.9, 1.1))
        except TimeoutError:
            pass

    async def once(self, task: Periodic, owner: Any, last: Last) -> None:
        """One run, with its result or its error kept."""
        last.started_at, began = self.clock.now(), self.clock.monotonic()
        try:
            last.result, last.error = await task.run(owner) or "", ""
        except Exception as failure:
            last.error = f"{type(failure).__name__}: {failure}"
            log.exception("periodic task failed", task=task.name, owner=last.owner)
        last.runs += 1
        last.seconds = self.clock.monotonic() - began
