"""Rows on their way into containers' databases: what comes while others are being written goes in with the next transaction."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pileus.object_store.storage.server import Target
from pileus.object_store.wire.message import Response

Row = dict[str, Any]


class Rows:
    """`write` puts rows into a target's database: its answer goes to everybody whose row was among them."""

    def __init__(self, write: Callable[[Target, list[Row]], Awaitable[Response]]):
        self.write = write
        self.next: dict[tuple[str, str], list[Row]] = {}
        self.last: dict[tuple[str, str], asyncio.Task[Response]] = {}

    async def add(self, target: Target, row: Row) -> Response:
        """The answer, once the row is written. Raises what `write` raises."""
        key = target.device, target.hash
        if key not in self.next:
            self.next[key] = []
            self.last[key] = asyncio.ensure_future(self._write(key, target, self.last.get(key)))
        self.next[key].append(row)
        answer = await asyncio.shield(self.last[key])           # others wait for it as well
        return Response(answer.status, answer.headers, answer.body)

    async def _write(self, key: tuple[str, str], target: Target, before: asyncio.Task[Response] | None) -> Response:
        if before is not None:
            await asyncio.wait({before})
        try:
            return await self.write(target, self.next.pop(key))
        finally:
            if self.last.get(key) is asyncio.current_task():
                del self.last[key]
