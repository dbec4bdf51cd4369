"""Where blocking work on a device is done: in threads of that device, so that a slow one holds up nobody else.

With no threads it is done at once, in the event loop: for tests in virtual time, and for devices that are memory.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    def __init__(self, name: str, count: int):
        self.pool = ThreadPoolExecutor(count, thread_name_prefix=name) if count else None

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """The result of a blocking function."""
        if self.pool is None:
            return function(*args)
        return await self.begun(function, *args)

    def begun(self, function: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """The same, begun at once, whenever it is awaited."""
        loop = asyncio.get_running_loop()
        if self.pool is None:
            done: asyncio.Future[T] = loop.create_future()
            done.set_result(function(*args))
            return done
        return loop.run_in_executor(self.pool, function, *args)

    def close(self) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)
