"""Where blocking work on a device is done: in threads of that device, so that a slow one holds up nobody else.

With no threads it is done at once, in the event loop: for tests in virtual time, and for devices that are memory.

Each small object is one hop to such a thread and back. What the standard library's pool does besides, a second kind of future with
locks of its own and their states copied, would be a tenth of what a small GET costs.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
#: Bytes from which on a piece of a body is worth a hop to a thread.
APART = 64 * 1024
#: The loop and the future that wait and how they are told, if anybody does, and the work; None ends a thread.
Job = tuple[asyncio.AbstractEventLoop | None, asyncio.Future | None, Callable[..., None] | None, Callable[..., Any], tuple]


class Threads:
    def __init__(self, name: str, count: int):
        self.name, self.count, self.started, self.closed = name, count, 0, False
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        self.begun = 0                      # what was given to the threads and is not known to be done

    def run(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """The result of a blocking function, begun at once, whenever it is awaited. Raises RuntimeError after `close`."""
        if self.closed:
            raise RuntimeError(f"{self.name} is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self.count:
            _settle(future, *_done(function, args))
            return future
        self.begun += 1
        self.jobs.put((loop, future, self._ended, function, args))
        if self.started < self.count:
            self.started += 1
            # A process that ends without `close` is not held up by them: what they were about is not acknowledged.
            Thread(target=_work, args=(self.jobs,), name=f"{self.name}-{self.started}", daemon=True).start()
        return future

    def later(self, function: Callable[..., Any], *args: Any) -> None:
        """Have something done that nobody waits for, and that does not fail. May be called in any thread."""
        if self.closed or not self.started:
            function(*args)
        else:
            self.jobs.put((None, None, None, function, args))

    @property
    def wanted(self) -> bool:
        """Whether there is work that waits for a thread."""
        return self.begun > self.count

    def _ended(self, future: asyncio.Future[Any], result: Any, problem: BaseException | None) -> None:
        self.begun -= 1
        _settle(future, result, problem)

    def close(self) -> None:
        """Begin nothing more that somebody waits for."""
        self.closed = True
        try:
            while (job := self.jobs.get_nowait()) is not None:
                if job[1] is not None:
                    job[1].cancel()
                else:
                    job[3](*job[4])
        except Empty:
            pass
        for _ in range(self.started):
            self.jobs.put(None)


class Lane:
    """Work that is done in its order, one after another, by whichever thread is free.

    A thread goes on with it as long as there is more and nothing else waits for a thread; whoever has much to do holds up nobody."""

    def __init__(self, threads: Threads):
        self.threads = threads
        self.waiting: deque[Job] = deque()
        self.turn: asyncio.Future[None] | None = None

    def run(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """The result of a blocking function. Raises RuntimeError after the threads' `close`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self.waiting.append((loop, future, _settle, function, args))
        if self.turn is None:
            self._begin()
        return future

    def _begin(self) -> None:
        self.turn = self.threads.run(self._work)
        self.turn.add_done_callback(self._ended)

    def _ended(self, turn: asyncio.Future[None]) -> None:
        self.turn = None
        if turn.cancelled() or self.threads.closed:
            while self.waiting:
                self.waiting.popleft()[1].cancel()  # type: ignore[union-attr]
        elif self.waiting:                  # it came when the thread had just seen that there is no more, or others want the thread
            self._begin()

    def _work(self) -> None:
        while self.waiting:
            _do(*self.waiting.popleft())
            if self.threads.wanted or self.threads.closed:
                break


class Beside:
    """What is reckoned of a body while it goes by: in a thread, beside all else that is done with it, and one piece behind at most."""

    def __init__(self, threads: Threads, *reckon: Callable[[bytes], Any]):
        self.lane, self.reckon = Lane(threads), reckon
        self.behind: asyncio.Future[None] | None = None

    async def take(self, piece: bytes) -> None:
        if not self.reckon or (len(piece) < APART and self.behind is None):
            self._take(piece)
            return
        before, self.behind = self.behind, self.lane.run(self._take, piece)
        if before is not None:
            await before

    async def settle(self) -> None:
        """Return when all that was taken is reckoned."""
        if self.behind is not None:
            await self.behind
            self.behind = None

    def _take(self, piece: bytes) -> None:
        for reckon in self.reckon:
            reckon(piece)


def _work(jobs: SimpleQueue[Job | None]) -> None:
    while (job := jobs.get()) is not None:
        _do(*job)
        del job                             # whoever waits for the next job holds nothing of the last: it may be files


def _do(loop: asyncio.AbstractEventLoop | None, future: asyncio.Future | None, tell: Callable[..., None] | None,
        function: Callable[..., Any], args: tuple) -> None:
    if loop is None or future is None or tell is None:
        function(*args)
        return
    try:
        loop.call_soon_threadsafe(tell, future, *((None, None) if future.cancelled() else _done(function, args)))
    except RuntimeError:
        pass                                # the loop is closed: nobody waits any more


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
