"""A small HTTP/1.1 client for storage servers: connections are kept, bodies are streamed both ways.

A request with a body waits for "100 Continue" before it reads a byte of that body: a server that cannot take it says so first.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import h11

from pileus.object_store.wire import footers
from pileus.object_store.wire.message import Request, Response

if TYPE_CHECKING:
    import ssl

READ = 256 * 1024
KEPT = 32                                   # idle connections to one server


class Client:
    """`connect_s`: a server has to take a connection within this; `step_s`: and to go on within this, at each step.

    `tls`: how servers prove who they are; None: they do not, and nothing is encrypted.
    """

    def __init__(self, *, connect_s: float = 0.5, step_s: float = 10.0, tls: ssl.SSLContext | None = None):
        self.connect_s, self.step_s, self.tls = connect_s, step_s, tls
        self.idle: dict[tuple[str, int], list[Connection]] = defaultdict(list)

    async def send(self, to: tuple[str, int], req: Request) -> Response:
        """Raises OSError when the server cannot be reached or does not keep to HTTP."""
        while True:
            known = self.idle[to].pop() if self.idle[to] else None
            if known is not None and known.stale:
                known.drop()
                continue
            connection = known or await self._connect(to)
            try:
                return await connection.exchange(self, req)
            except (h11.ProtocolError, ConnectionError) as problem:
                connection.drop()
                # A kept connection may have been closed meanwhile; nothing was said on it then.
                if known is None or req.body is not None or not isinstance(problem, Unheard):
                    raise ConnectionError(f"{to[0]}:{to[1]}: {problem}") from problem
            except BaseException:
                connection.drop()
                raise

    async def _connect(self, to: tuple[str, int]) -> Connection:
        async with asyncio.timeout(self.connect_s):
            reader, writer = await asyncio.open_connection(*to, limit=READ, ssl=self.tls)
        return Connection(to, reader, writer)

    def keep(self, connection: Connection) -> None:
        idle = self.idle[connection.to]
        if len(idle) < KEPT:
            idle.append(connection)
        else:
            connection.drop()

    async def close(self) -> None:
        for connections in self.idle.values():
            while connections:
                connections.pop().drop()


class Unheard(ConnectionError):
    """The connection ended before anything of an answer came."""


class Connection:
    def __init__(self, to: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.to, self.reader, self.writer = to, reader, writer
        self.http = h11.Connection(h11.CLIENT)

    @property
    def stale(self) -> bool:
        return self.reader.at_eof() or self.writer.is_closing()

    def drop(self) -> None:
        self.writer.transport.abort()

    async def exchange(self, client: Client, req: Request) -> Response:
        body, length = req.body, req.length
        headers: list[tuple[str, Any]] = [("host", f"{self.to[0]}:{self.to[1]}")]
        headers += [(n, v.encode("utf-8", "surrogateescape")) for n, v in req.headers.items()
                    if n not in ("host", "connection", "transfer-encoding", "expect", "content-length")]
        if body is not None and req.footers is not None:
            body, length = footers.appended(body, req.footers), None if length is None else length + footers.SIZE
            headers.append((footers.HEADER, "yes"))
        if body is not None:
            headers.append(("content-length", str(length)) if length is not None else ("transfer-encoding", "chunked"))
            headers.append(("expect", "100-continue"))
        elif req.method in ("PUT", "POST"):
            headers.append(("content-length", "0"))
        self._write(h11.Request(method=req.method, target=req.url(), headers=headers))
        if body is None:
            self._write(h11.EndOfMessage())
        head = await self._head(client)
        if head.status_code == 100 and body is not None:
            head = await self._upload(client, body)
        answer = Response(head.status_code, {n.decode(): v.decode("utf-8", "surrogateescape") for n, v in head.headers})
        stream = self._body(client)
        if req.method == "HEAD" or head.status_code in (204, 304) or answer.headers.get("content-length") == "0":
            async for _ in stream:
                pass
        else:
            answer.body = stream
        return answer

    async def _upload(self, client: Client, body: AsyncIterator[bytes]) -> Any:
        """Send the body; the answer may come before its end, which ends it."""
        early = asyncio.ensure_future(self._head(client, None))
        try:
            async for chunk in body:
                if early.done():
                    return await early
                self._write(h11.Data(data=chunk))
                async with asyncio.timeout(client.step_s):
                    await self.writer.drain()
            self._write(h11.EndOfMessage())
            async with asyncio.timeout(client.step_s):
                return await early
        finally:
            early.cancel()

    def _write(self, event: Any) -> None:
        if data := self.http.send(event):
            self.writer.write(data)

    async def _head(self, client: Client, limit: float | None = -1) -> Any:
        """The next head of an answer; "100 Continue" is one."""
        async with asyncio.timeout(client.step_s if limit == -1 else limit):
            while True:
                event = self.http.next_event()
                if event is h11.NEED_DATA:
                    data = await self.reader.read(READ)
                    if not data and self.http.their_state is h11.SEND_RESPONSE:
                        raise Unheard("the connection was closed")
                    self.http.receive_data(data)
                elif isinstance(event, (h11.Response, h11.InformationalResponse)):
                    return event
                else:
                    raise Unheard("the connection was closed")

    async def _body(self, client: Client) -> AsyncIterator[bytes]:
        """The rest of the answer; the connection is kept when it was read to its end."""
        done = False
        try:
            while True:
                event = self.http.next_event()
                if event is h11.NEED_DATA:
                    async with asyncio.timeout(client.step_s):
                        self.http.receive_data(await self.reader.read(READ))
                elif isinstance(event, h11.Data):
                    yield bytes(event.data)
                else:
                    done = isinstance(event, h11.EndOfMessage)
                    if not done:
                        raise ConnectionError("the connection was closed within an answer")
                    break
        except h11.ProtocolError as problem:
            raise ConnectionError(str(problem)) from problem
        finally:
            if done and self.http.our_state is h11.DONE and self.http.their_state is h11.DONE:
                self.http.start_next_cycle()
                client.keep(self)
            else:
                self.drop()
