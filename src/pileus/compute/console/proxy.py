"""The WebSocket that carries the bytes of a console, for who has a token.

Browsers say which page opened a WebSocket: one from elsewhere is refused, whatever its token (CVE-2015-0259).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import socket as sockets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

from pileus.compute.hypervisor.base import ConsoleAddress
from pileus.core.errors import CloudError
from pileus.core.http.sockets import Socket
from pileus.core.log import Log

log = Log("pileus.compute.console")
CONNECT_TIMEOUT_S = 10
CHUNK = 1 << 16


class Proxy:
    """`resolve` leads from a token to a console, and raises CloudError for one that is not to be had."""

    def __init__(self, resolve: Callable[[str], Awaitable[ConsoleAddress]], origins: tuple[str, ...] = ()):
        self.resolve, self.origins = resolve, origins

    async def __call__(self, socket: Socket) -> None:
        if not same_origin(socket, self.origins):
            log.warning("console refused: a page of another origin", origin=socket.headers.get("origin", ""))
            return await socket.refuse()
        try:
            address = await self.resolve(socket.query.get("token") or "")
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await connect(address)
        except (CloudError, OSError, TimeoutError) as error:
            log.warning("console refused", error=str(error))
            return await socket.refuse()
        await socket.accept("binary" if "binary" in socket.protocols else None)
        try:
            await _carry(socket, reader, writer)
        finally:
            writer.close()


def same_origin(socket: Socket, origins: tuple[str, ...]) -> bool:
    """Whether the page that opened the socket is ours; a program sends no origin."""
    origin = socket.headers.get("origin")
    if origin is None:
        return True
    try:
        page = urlsplit(origin)
        host = page.netloc.lower()
    except ValueError:
        return False
    if origin in origins:
        return True
    return page.scheme in ("http", "https") and bool(host) and host == socket.headers.get("host", "").lower()


async def connect(address: ConsoleAddress) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if not address.path:
        return await asyncio.open_connection(address.host, address.port)
    folder, name = os.path.split(address.path)
    fd = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    sock = sockets.socket(sockets.AF_UNIX)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, f"/proc/self/fd/{fd}/{name}")     # a socket's path has 107 bytes at most
        return await asyncio.open_unix_connection(sock=sock)
    except BaseException:
        sock.close()
        raise
    finally:
        os.close(fd)


async def _carry(socket: Socket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until either side ends. Whoever is slow slows the other down: nothing is gathered in between."""
    ways = [asyncio.create_task(_to_client(socket, reader)), asyncio.create_task(_to_guest(socket, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    with suppress(Exception):                          # the client may be gone, in as many ways as servers have words for it
        await socket.close()


async def _to_client(socket: Socket, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(CHUNK):
        await socket.send(data)


async def _to_guest(socket: Socket, writer: asyncio.StreamWriter) -> None:
    while (data := await socket.receive()) is not None:
        writer.write(data)
        await writer.drain()
