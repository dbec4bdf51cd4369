"""A handler as an ASGI application: what an HTTP server calls."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote_to_bytes

from pileus.core.log import Log
from pileus.object_store.wire.body import FileBody, close
from pileus.object_store.wire.message import Handler, Request, Response
from pileus.object_store.wire.status import plain

log = Log("pileus.object_store.http")


class ClientGone(Exception):
    """The client went away before its whole body had come."""


#: The server's offer to send a file by itself.
PATHSEND = "http.response.pathsend"
#: What comes of a body without waiting for a turn, and how long a turn is at most.
SMALL, PATIENCE_S = 256 * 1024, 0.1
#: Below this a file is read as quickly as it is handed over.
SENT_AS_FILE = 1 << 20
#: How long a file is lent to the server, which has to open it within this, and how many are at most: then files are streamed.
LENT_S, MOST_LENT = 10.0, 200


class Application:
    """Serves a handler. The handler never sees ASGI, and a body it does not read is not asked for."""

    def __init__(self, handler: Handler):
        self.handler = handler
        self.lent: set[FileBody] = set()
        self.turns = Turns()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = Incoming(receive, self.turns)
        request = _request(scope, body)
        try:
            response = await self.handler(request)
        except ClientGone:
            response = plain(499)
        except Exception:
            log.exception("unexpected error", method=request.method, path=request.path, request=request.id)
            response = plain(500)
        if self._may_hand_over(scope, request, response):
            await _start(response, request.method, send)
            await _hand_over(response.body, send, self.lent)  # type: ignore[arg-type]
        else:
            await _send(response, request.method, body, send)

    def _may_hand_over(self, scope: Any, request: Request, response: Response) -> bool:
        body = response.body
        return (isinstance(body, FileBody) and body.length >= SENT_AS_FILE and body.whole and request.method == "GET"
                and len(self.lent) < MOST_LENT and PATHSEND in (scope.get("extensions") or {}))


class Incoming:
    """The body of an ASGI request, as a stream. Raises ClientGone when it ends before its end."""

    def __init__(self, receive: Any, turns: Turns):
        self.receive, self.turns = receive, turns
        self.size, self.slow, self.more, self.gone = 0, False, True, False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while self.more:
            event = await (self.receive() if self.size < SMALL else self.turns.ask(self))
            if event["type"] == "http.disconnect":
                self.gone = True
                raise ClientGone()
            self.more = event.get("more_body", False)
            if data := event.get("body", b""):
                self.size += len(data)
                return data
        raise StopAsyncIteration

    async def disconnected(self) -> None:
        """Return when the client went away, which is only worth asking when the body has been read."""
        while not self.gone:
            event = await self.receive()
            self.gone = event["type"] == "http.disconnect"


class Turns:
    """So many bodies are asked for more at a time. The server has a buffer full of each one that was asked for, until that is taken:
    they would be as many as there are clients.

    Whoever is slow to send loses his turn and is asked besides: he fills no buffer, and must not keep others waiting."""

    def __init__(self, count: int = 4):
        self.free = asyncio.Semaphore(count)

    async def ask(self, body: Incoming) -> Any:
        loop = asyncio.get_running_loop()
        if body.slow:
            since = loop.time()
            event = await body.receive()
            body.slow = loop.time() - since >= PATIENCE_S
            return event

        def lose() -> None:
            body.slow = True
            self.free.release()

        await self.free.acquire()
        losing = loop.call_later(PATIENCE_S, lose)
        try:
            return await body.receive()
        finally:
            if not body.slow:
                losing.cancel()
                self.free.release()


def _request(scope: Any, body: Incoming) -> Request:
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1").lower(), value.decode("utf-8", "surrogateescape")
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    raw_path = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape")
    path = unquote_to_bytes(raw_path.partition(b"?")[0]).decode("utf-8", "surrogateescape")
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    query = scope["query_string"].decode("latin-1")
    request = Request(scope["method"].upper(), path, headers, query=query, body=body if has_body else None)
    request.facts["client"] = (scope.get("client") or ("", 0))[0]
    request.facts["scheme"] = scope.get("scheme", "http")
    return request


def _headers(response: Response, method: str) -> list[tuple[bytes, bytes]]:
    headers, body = response.headers, response.body
    if isinstance(body, bytes) and (not _bodiless(response, method) or headers.get("content-length") is None):
        headers["content-length"] = str(len(body))
    if response.status in (204, 304):
        headers.pop("content-length", None)
    return [(name.encode("latin-1", "replace"), value.encode("utf-8", "surrogateescape"))
            for name, value in headers.items() if value is not None]


def _bodiless(response: Response, method: str) -> bool:
    return method == "HEAD" or response.status in (204, 304)


async def _start(response: Response, method: str, send: Any) -> None:
    await send({"type": "http.response.start", "status": response.status, "headers": _headers(response, method)})


async def _send(response: Response, method: str, incoming: Incoming, send: Any) -> None:
    body, bodiless = response.body, _bodiless(response, method)
    await _start(response, method, send)
    if bodiless or isinstance(body, bytes):
        await close(body)
        await send({"type": "http.response.body", "body": b"" if bodiless else body})
        return
    # A stream is cut off when nobody hears it: what feeds it (files, connections to storage servers) is let go of at once.
    gone = asyncio.ensure_future(incoming.disconnected())
    try:
        async for chunk in body:
            if gone.done():
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        await close(body)


async def _hand_over(body: FileBody, send: Any, lent: set[FileBody]) -> None:
    """Let the server send a file: by its descriptor, which stays the same file when that is replaced meanwhile.

    The server opens it some time after this has returned, and does not say when: the descriptor is lent to it for a while."""
    lent.add(body)
    try:
        await send({"type": PATHSEND, "path": f"/proc/self/fd/{body.fd}"})
    finally:
        asyncio.get_running_loop().call_later(LENT_S, _take_back, body, lent)


def _take_back(body: FileBody, lent: set[FileBody]) -> None:
    lent.discard(body)
    body.release()
