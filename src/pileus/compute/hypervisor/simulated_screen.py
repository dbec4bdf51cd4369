"""Screens of simulated guests: just enough of RFB 3.8 (RFC 6143) for a viewer to connect and see an empty screen."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import struct
from contextlib import suppress

WIDTH, HEIGHT = 320, 200

#: Bits per pixel, depth, big endian, true colour; maxima and shifts of red, green and blue; padding.
PIXELS = struct.pack(">BBBBHHHBBB3x", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)

#: A client's message → the octets after its first.
SET_PIXELS, SET_ENCODINGS, UPDATE, KEY, POINTER, CUT_TEXT = 0, 2, 3, 4, 5, 6
LENGTHS = {SET_PIXELS: 19, SET_ENCODINGS: 3, UPDATE: 9, KEY: 7, POINTER: 5, CUT_TEXT: 7}


class Screens:
    """A server on a port of its own for each guest whose screen was asked for."""

    def __init__(self) -> None:
        self._servers: dict[str, tuple[asyncio.Server, set[asyncio.StreamWriter]]] = {}

    async def of(self, guest_id: str, name: str) -> tuple[str, int]:
        if guest_id not in self._servers:
            viewers: set[asyncio.StreamWriter] = set()

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                viewers.add(writer)
                with suppress(asyncio.IncompleteReadError, OSError, ValueError):
                    await _serve(reader, writer, name)
                viewers.discard(writer)
                writer.close()

            self._servers[guest_id] = await asyncio.start_server(serve, "127.0.0.1", 0), viewers
        host, port = self._servers[guest_id][0].sockets[0].getsockname()
        return host, port

    def end(self, guest_id: str) -> None:
        if found := self._servers.pop(guest_id, None):
            server, viewers = found
            server.close()
            for writer in viewers:
                writer.close()

    def end_all(self) -> None:
        for guest_id in list(self._servers):
            self.end(guest_id)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str) -> None:
    """Greet, ask for no password, and show the screen whenever all of it is asked for. Raises ValueError for nonsense."""
    writer.write(b"RFB 003.008\n")
    await reader.readexactly(12)
    writer.write(b"\x01\x01")
    await reader.readexactly(1)
    writer.write(bytes(4))
    await reader.readexactly(1)
    title = name.encode()
    writer.write(struct.pack(">HH", WIDTH, HEIGHT) + PIXELS + struct.pack(">I", len(title)) + title)
    octets = 4
    while True:
        await writer.drain()
        kind = (await reader.readexactly(1))[0]
        if kind not in LENGTHS:
            raise ValueError(kind)
        body = await reader.readexactly(LENGTHS[kind])
        if kind == SET_PIXELS:
            octets = body[3] // 8
        elif kind == SET_ENCODINGS:
            await reader.readexactly(4 * struct.unpack(">H", body[1:])[0])
        elif kind == CUT_TEXT:
            await reader.readexactly(min(1 << 16, struct.unpack(">I", body[3:])[0]))
        elif kind == UPDATE and not body[0]:
            writer.write(struct.pack(">BxHHHHHi", 0, 1, 0, 0, WIDTH, HEIGHT, 0) + bytes(WIDTH * HEIGHT * octets))
