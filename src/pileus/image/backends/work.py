"""Blocking work beside the event loop: in threads, or (for virtual time, where nobody waits for threads) in the loop."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class Workers:
    """Runs functions in `threads` threads; with 0 at once and here."""

    def __init__(self, threads: int):
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="image") if threads else None

    def start(self, fn: Callable[..., T], *args: Any) -> Awaitable[T]:
        """Begin now; the result is awaited later. Work that was begun is always finished."""
        loop = asyncio.get_running_loop()
        if self.pool is not None:
            return loop.run_in_executor(self.pool, fn, *args)
        done: asyncio.Future[T] = loop.create_future()
        try:
            done.set_result(fn(*args))
        except Exception as failure:
            done.set_exception(failure)
        return done

    async def run(self, fn: Callable[..., T], *args: Any) -> T:
        return await self.start(fn, *args)
