"""The HTTP server: Granian inside this process and event loop."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import socket
from typing import Any


class Server:
    """Serves an ASGI application until `stop`. `listener`: a socket that listens already; its owner closes it."""

    def __init__(self, app: Any, host: str, port: int, listener: socket.socket | None = None):
        from granian.constants import HTTPModes, Interfaces
        from granian.http import HTTP1Settings
        from granian.server.embed import Server as Granian

        # Not `pipeline_flush`: with it the server takes all of an answer into memory for a client that is slow to read it.
        self.granian = Granian(app, address=host, port=port, interface=Interfaces.ASGINL, http=HTTPModes.http1, log_enabled=False,
                               backlog=2048, http1_settings=HTTP1Settings(keep_alive=True), websockets=True)
        if listener is not None:
            self._take(listener)
        self.host, self.port = host, port
        self.task: asyncio.Task | None = None

    def _take(self, listener: socket.socket) -> None:
        """Have Granian listen on a socket of ours instead of one that it makes."""
        from granian._granian import SocketHolder

        # Its stubs do not tell: a descriptor, whether it is a Unix socket, how many may wait.
        holder: Any = SocketHolder(os.dup(listener.fileno()), False, 2048)  # type: ignore[call-arg]

        def shared() -> None:
            self.granian._ssp, self.granian._shd = None, holder

        self.granian._init_shared_socket = shared  # type: ignore[method-assign]

    async def start(self) -> None:
        self.task = asyncio.create_task(self.granian.serve(), name="http")

    async def listening(self) -> None:
        """Return when connections are taken. Raises OSError when the server ended instead: the port is in use."""
        while True:
            if self.task is not None and self.task.done():
                raise OSError(f"cannot listen on {self.host}:{self.port}") from self.task.exception()
            try:
                _, writer = await asyncio.open_connection(self.host, self.port)
            except OSError:
                await asyncio.sleep(0.005)
                continue
            writer.close()
            return

    async def stop(self) -> None:
        self.granian.stop()
        if self.task is not None:
            await asyncio.wait([self.task], timeout=5)
