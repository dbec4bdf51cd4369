"""The places where guests ask, each with a socket of its own."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import socket

from pileus.network.datapath.base import Listen
from pileus.network.metadata.connection import serve
from pileus.network.metadata.model import Answer, Limits


class Metadata:
    """Serves every place that was opened, until it is closed. A `Listener` of datapaths."""

    def __init__(self, answer: Answer, *, limits: Limits | None = None):
        self._answer, self._limits = answer, limits or Limits()
        self._places: dict[str, _Place] = {}

    async def open(self, where: str, listen: Listen, listening: socket.socket) -> None:
        await self.close(where)
        place = self._places[where] = _Place(listen, self._answer, self._limits)
        place.server = await asyncio.start_server(place.connected, sock=listening, limit=self._limits.head_bytes)

    async def close(self, where: str) -> None:
        """Stop listening there, and end the conversations. An absent place is closed."""
        if place := self._places.pop(where, None):
            await place.close()

    def listening(self) -> dict[str, Listen]:
        return {where: place.listen for where, place in self._places.items()}


class _Place:
    """One listening socket and the connections that came through it."""

    def __init__(self, listen: Listen, answer: Answer, limits: Limits):
        self.listen, self.answer, self.limits = listen, answer, limits
        self.server: asyncio.Server | None = None
        self._conversations: set[asyncio.Task] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._conversations) >= self.limits.connections:
            writer.transport.abort()
            return
        self._conversations.add(task)
        try:
            await serve(reader, writer, self.listen, self.answer, self.limits)
        except asyncio.CancelledError:
            writer.transport.abort()        # the place was closed: nobody waits for this task's result
        finally:
            self._conversations.discard(task)

    async def close(self) -> None:
        if self.server:
            self.server.close()
        for task in tuple(self._conversations):
            task.cancel()
        if self._conversations:
            await asyncio.wait(self._conversations)
