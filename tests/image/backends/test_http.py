"""The store of web servers: what can be read from them, and from which ones never anything."""

import asyncio
import re
from contextlib import asynccontextmanager

import pytest
from tests.image.backends.contract import read
from tests.image.service import glance

from pileus.image.backends.base import StoreFailed
from pileus.image.backends.http import HttpBlobs
from pileus.image.config import ImageConfig

DATA = bytes(range(256))
pytestmark = pytest.mark.realtime


@asynccontextmanager
async def site(parts=True):
    """A server of DATA at every path, which knows parts or does not; gives its port and what it was asked for."""
    asked = []

    async def answer(reader, writer):
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        wanted = re.search(r"Range: bytes=(\d+)-(\d*)", asked[-1])
        if wanted and parts:
            body = DATA[int(wanted[1]):int(wanted[2]) + 1 if wanted[2] else None]
            writer.write(b"HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 256\r\n\r\n" + DATA)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], asked
    server.close()


async def test_it_reads_all_and_parts():
    async with site() as (port, _):
        store, key = HttpBlobs(ImageConfig(web_hosts=("127.0.0.1",), web_ports=())), f"http://127.0.0.1:{port}/disk"
        assert await read(store, key) == DATA
        for start, length in ((0, 1), (10, 20), (255, 1), (0, 256), (0, 0)):
            assert await read(store, key, start, length) == DATA[start:start + length]
        assert await read(store, key, 250) == DATA[250:]
        with pytest.raises(StoreFailed):
            await read(store, key, 255, 2)


async def test_parts_of_a_server_that_gives_all_or_nothing():
    async with site(parts=False) as (port, _):
        store, key = HttpBlobs(ImageConfig(web_hosts=("127.0.0.1",), web_ports=())), f"http://127.0.0.1:{port}/disk"
        assert await read(store, key) == DATA
        for start, length in ((0, 256), (0, 3), (1, 2), (255, 1), (0, 0)):
            assert await read(store, key, start, length) == DATA[start:start + length]
        assert await read(store, key, 250) == DATA[250:]
        for start, length in ((255, 2), (256, 1), (500, 3)):
            with pytest.raises(StoreFailed):
                await read(store, key, start, length)


async def test_ossa_2026_004_nothing_inside_is_asked():
    async with site() as (port, asked):
        with pytest.raises(StoreFailed):
            await read(HttpBlobs(ImageConfig(web_ports=())), f"http://127.0.0.1:{port}/disk")
        for key in ("file:///etc/passwd", "x", ""):
            with pytest.raises(StoreFailed):
                await read(HttpBlobs(ImageConfig()), key)
        assert asked == []


async def test_it_is_never_written_to():
    from pileus.image.backends.config import FileConfig, HttpConfig

    async with glance(stores={"web": HttpConfig(), "file": FileConfig()}) as g:
        stores = (await g.reader().get("/image/v2/info/stores")).json["stores"]
        assert stores == [{"id": "web", "read-only": "true"}, {"id": "file", "default": "true"}]
        assert (await g.filled(b"x"))["stores"] == "file"
        image = await g.make()
        headers = {"Content-Type": "application/octet-stream", "X-Image-Meta-Store": "web"}
        assert (await g.member().put(f"/image/v2/images/{image['id']}/file", body=b"x", headers=headers)).status == 400
