"""The HTTP server with real sockets."""

import asyncio
import socket

import pytest

from pileus.core.http.server import Server


@pytest.mark.realtime
async def test_an_answer_waits_for_a_client_that_is_slow_to_read_it():
    """What is not read yet is not all in memory: a thousand stalled downloads of large images would fill it."""
    sent, piece, pieces = 0, b"x" * 65536, 2000

    async def app(scope, receive, send):
        nonlocal sent
        if scope["type"] != "http" or scope["path"] != "/large":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(pieces):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent += 1
        await send({"type": "http.response.body", "body": b""})

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(app, "127.0.0.1", port)
    await server.start()
    await server.listening()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1000)
    writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    await reader.read(10)
    before = -1
    while sent != before:
        before = sent
        await asyncio.sleep(0.5)
    assert 0 < sent < pieces / 4
    while await reader.read(1 << 20):
        pass
    assert sent == pieces
    writer.close()
    await server.stop()
