"""Where blocking work on a device is done: in threads of that device, so that a slow one holds up nobody else.

With no threads it is done at once, in the event loop: for tests in virtual time, and for devices that are memory.

Each small object is one hop to such a thread and back. What the standard library's pool does besides, a second kind of future with
locks of its own and their states copied, would be a tenth of what a small GET costs.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
#: The loop and the future that wait, and the work; None ends a thread.
Job = tuple[asyncio.AbstractEventLoop, asyncio.Future, Callable[..., Any], tuple] | None


class Threads:
    def __init__(self, name: str, count: int):
        self.name, self.count, self.started, self.closed = name, count, 0, False
        self.jobs: SimpleQueue[Job] = SimpleQueue()

    def run(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """The result of a blocking function, begun at once, whenever it is awaited. Raises RuntimeError after `close`."""
        if self.closed:
            raise RuntimeError(f"{self.name} is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self.count:
            _settle(future, *_done(function, args))
            return future
        self.jobs.put((loop, future, function, args))
        if self.started < self.count:
            self.started += 1
            # A process that ends without `close` is not held up by them: what they were about is not acknowledged.
            Thread(target=_work, args=(self.jobs,), name=f"{self.name}-{self.started}", daemon=True).start()
        return future

    def close(self) -> None:
        """Begin nothing more."""
        self.closed = True
        try:
            while (job := self.jobs.get_nowait()) is not None:
                job[1].cancel()
        except Empty:
            pass
        for _ in range(self.started):
            self.jobs.put(None)


def _work(jobs: SimpleQueue[Job]) -> None:
    while (job := jobs.get()) is not None:
        loop, future, function, args = job
        if not future.cancelled():
            try:
                loop.call_soon_threadsafe(_settle, future, *_done(function, args))
            except RuntimeError:
                pass                        # the loop is closed: nobody waits any more
        # Whoever waits for the next job holds nothing of the last: it may be files.
        del job, loop, future, function, args


def _done(function: Callable[..., T], args: tuple) -> tuple[T | None, BaseException | None]:
    try:
        return function(*args), None
    except BaseException as problem:
        return None, problem


def _settle(future: asyncio.Future[Any], result: Any, problem: BaseException | None) -> None:
    if future.cancelled():
        return
    if problem is not None:
        future.set_exception(problem)
    else:
        future.set_result(result)
