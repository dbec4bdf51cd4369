"""The event loop of processes that serve: uvloop, which takes a sixth less of the processor for each request than asyncio's own.

Tests in virtual time have a loop of their own (`clock.VirtualTimeLoop`).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, as `asyncio.run` does."""
    import uvloop  # most commands of `pileus` serve nothing

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
