"""The HTTP server with real sockets."""

import asyncio

import pytest

from pileus.core.http import Api, Reply, Route
from pileus.core.http.app import Edge, build
from pileus.core.http.server import Server
from pileus.core.ids import Ids
from pileus.core.metrics import Metrics
from pileus.core.policy import Policy
from tests.ports import free_port


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

    port = free_port()
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


@pytest.mark.realtime
@pytest.mark.parametrize("path, there", [("/thing/file", True), ("/thing/gone", False)])
async def test_a_file_is_sent_by_the_server_itself(tmp_path, path, there):
    (tmp_path / "file").write_bytes(b"0123456789" * 100_000)
    async def send_file(req):
        assert req.sends_files
        return Reply(200, None, {"x-more": "1"}, content_type="application/octet-stream", length=1_000_000,
                     file=tmp_path / req.path.rpartition("/")[2])

    api = Api(name="thing", root="/thing", render=lambda error, req: ({}, {}),
              routes=[Route("GET", "/file", send_file), Route("GET", "/gone", send_file)])
    app = build([api], Edge(services=None, authenticate=None, policy=Policy({}), ids=Ids(1), metrics=Metrics()))
    port = free_port()
    server = Server(app, "127.0.0.1", port)
    await server.start()
    await server.listening()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    if there:
        assert head.startswith(b"HTTP/1.1 200") and b"x-more: 1" in head and b"content-length: 1000000" in head
        assert body == b"0123456789" * 100_000
    else:
        assert head.startswith(b"HTTP/1.1 404")                      # it was deleted at the last moment
    writer.close()
    await server.stop()
