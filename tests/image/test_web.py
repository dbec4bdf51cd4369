"""Downloads: which addresses are asked, and which never are (OSSA-2026-004)."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from pileus.image.config import ImageConfig
from pileus.image.errors import AddressRefused, DownloadFailed
from pileus.image.web import check, fetch, public


@pytest.mark.parametrize("uri", [
    "", "x", "file:///etc/passwd", "ftp://example.org/", "http://", "http:///x", "http://user:secret@example.org/", "http://u@example.org/",
    "http://example.org:22/", "http://example.org:99999/", "http://127.0.0.1/", "http://10.1.2.3/", "http://169.254.169.254/",
    "http://0.0.0.0/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/", "http://[fe80::1]/", "http://[fd00::1]/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/",
    "http://017700000001/", "http://127.1/", "http://127.0.0.0x1/", "http://1.2.3.4.5/", "http://224.0.0.1/", "http://example.org/a b",
    "http://example.org\\@10.0.0.1/", "http://ex\u00e4mple.org/", "http://example.org/\r\nX: y",
])
def test_ossa_2026_004_addresses_that_are_refused(uri):
    with pytest.raises(AddressRefused):
        check(uri, ImageConfig())


@pytest.mark.parametrize("uri", ["http://example.org/", "https://example.org:443/a?b=c", "http://8.8.8.8/", "http://[2606:4700::1]/"])
def test_addresses_that_may_be_asked(uri):
    assert check(uri, ImageConfig()).geturl() == uri


def test_hosts_that_the_operator_names():
    named = ImageConfig(web_hosts=("10.0.0.5", "mirror"), web_ports=())
    assert check("http://10.0.0.5:8080/", named) and check("http://mirror/", named)
    for uri in ("http://10.0.0.6/", "http://example.org/"):
        with pytest.raises(AddressRefused):
            check(uri, named)
    with pytest.raises(AddressRefused):
        check("http://example.org/", ImageConfig(web_denied_hosts=("example.org",)))


def test_what_is_public():
    assert public("8.8.8.8") and not public("100.64.0.1") and not public("fe80::1%eth0") and not public("198.18.0.1")


@asynccontextmanager
async def site(answers):
    """A server that gives each path its raw answer; what it was asked for is kept."""
    asked = []

    async def answer(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head.split()[1])
        writer.write(answers[asked[-1]])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield port, asked
    finally:
        server.close()


def moved(to):
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


async def got(uri, config):
    return b"".join([block async for block in fetch(uri, config)])


@pytest.mark.realtime
async def test_bytes_come_however_they_are_sent():
    answers = {"/long": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "/open": b"HTTP/1.1 200 OK\r\n\r\nabc",
               "/chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
               "/moved": moved("/long"), "/empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}
    async with site(answers) as (port, _):
        config = ImageConfig(web_hosts=("127.0.0.1",), web_ports=(port,))
        for path in ("/long", "/open", "/chunked", "/moved"):
            assert await got(f"http://127.0.0.1:{port}{path}", config) == b"abc", path
        assert await got(f"http://127.0.0.1:{port}/empty", config) == b""


@pytest.mark.realtime
async def test_what_is_broken_is_an_error():
    answers = {"/cut": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "/none": b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
               "/odd": b"hello\r\n\r\n", "/loop": moved("/loop")}
    async with site(answers) as (port, asked):
        config = ImageConfig(web_hosts=("127.0.0.1",), web_ports=())
        for path in answers:
            with pytest.raises(DownloadFailed):
                await got(f"http://127.0.0.1:{port}{path}", config)
        assert asked.count("/loop") == 6
    with pytest.raises(DownloadFailed):
        await got(f"http://127.0.0.1:{port}/", config)


@pytest.mark.realtime
async def test_ossa_2026_004_redirects_and_names_are_held_to_the_rules(monkeypatch):
    async with site({"/secret": b"HTTP/1.1 200 OK\r\n\r\nx"}) as (inner, asked):
        async with site({"/go": moved(f"http://127.0.0.2:{inner}/secret"), "/file": moved("file:///etc/passwd")}) as (port, _):
            config = ImageConfig(web_hosts=("127.0.0.1",), web_ports=())
            for path in ("/go", "/file"):
                with pytest.raises(AddressRefused):
                    await got(f"http://127.0.0.1:{port}{path}", config)
        # A name that has a public and a private address, or whose address changes after it was checked.
        loop = asyncio.get_running_loop()
        answers = [["93.184.216.34", "127.0.0.1"], ["127.0.0.1"]]

        async def getaddrinfo(host, port, **_):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in answers.pop(0)]

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
        for _ in range(2):
            with pytest.raises(AddressRefused):
                await got(f"http://rebind.example.org:{inner}/secret", ImageConfig(web_ports=()))
        assert asked == []
