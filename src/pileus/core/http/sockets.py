"""WebSockets beside an HTTP application: path → handler, each with a `Socket`.

A handler admits or refuses before a byte is exchanged; who is refused sees 403 and nothing else.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pileus.core.http.request import Query


class Socket:
    """One connection that a client wants to have."""

    def __init__(self, scope: Any, receive: Any, send: Any):
        self.path: str = scope["path"]
        self.scheme: str = scope.get("scheme", "ws")
        self.query = Query(bytes(scope.get("query_string") or b"").decode("latin-1"))
        self.headers = {_text(name).lower(): _text(value) for name, value in scope["headers"]}
        self.protocols: list[str] = [p.strip() for p in self.headers.get("sec-websocket-protocol", "").split(",") if p.strip()]
        self._receive, self._send, self._over = receive, send, False

    async def accept(self, protocol: str | None = None) -> None:
        await self._receive()
        await self._send({"type": "websocket.accept", "subprotocol": protocol, "headers": []})

    async def refuse(self) -> None:
        await self._receive()
        await self._send({"type": "websocket.close", "code": 1008})
        self._over = True

    async def receive(self) -> bytes | None:
        """The next message, text or not, as bytes; None when there are no more."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self._over = True
            return None
        data = message.get("bytes")
        return bytes(data) if data is not None else (message.get("text") or "").encode()

    async def send(self, data: bytes) -> None:
        await self._send({"type": "websocket.send", "bytes": data})

    async def close(self) -> None:
        if not self._over:
            self._over = True
            await self._send({"type": "websocket.close", "code": 1000})


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


Handler = Callable[[Socket], Awaitable[None]]


def with_sockets(app: Any, sockets: Mapping[str, Handler]) -> Any:
    """An ASGI application that gives WebSockets to their handlers, and all else to `app`."""

    def application(scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        if scope["type"] != "websocket":
            return app(scope, receive, send)
        return serve(Socket(scope, receive, send))

    async def serve(socket: Socket) -> None:
        if handler := sockets.get(socket.path):
            await handler(socket)
        else:
            await socket.refuse()

    return application
