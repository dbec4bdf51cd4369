"""The metadata service's ear, over real sockets on loopback."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import re
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.core.errors import NotFound
from pileus.network.datapath.base import Listen
from pileus.network.metadata import Limits, MetadataRequest, MetadataResponse
from pileus.network.metadata.server import Metadata

HERE = Listen(address="127.0.0.1", port=0, network_id="net-1")


class Ear:
    """A listening service that remembers what it was asked."""

    def __init__(self, answer=None, limits: Limits | None = None):
        self.asked: list[MetadataRequest] = []
        self.answer = answer or self.echo
        self.metadata = Metadata(self.remember, limits=limits)

    async def echo(self, request: MetadataRequest) -> MetadataResponse:
        return MetadataResponse(body=request.path.encode())

    async def remember(self, request: MetadataRequest) -> MetadataResponse:
        self.asked.append(request)
        return await self.answer(request)

    async def __aenter__(self) -> Ear:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        self.address = listening.getsockname()
        await self.metadata.open("here", HERE, listening)
        return self

    async def __aexit__(self, *_):
        await self.metadata.close("here")

    async def say(self, data: bytes, *, end: bool = True) -> bytes:
        """Everything that comes back until the server hangs up."""
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(data)
        if end:
            writer.write_eof()
        async with asyncio.timeout(5):
            try:
                return await reader.read()
            except ConnectionResetError:
                return b""
            finally:
                writer.close()


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: 169.254.169.254", *headers, "", ""]).encode()


def said(*data: bytes, answer=None, limits=None, end=True) -> tuple[bytes, list[MetadataRequest]]:
    async def go():
        async with Ear(answer, limits) as ear:
            return await ear.say(b"".join(data), end=end), ear.asked

    return asyncio.run(go())


def test_a_question_and_its_answer():
    reply, asked = said(get("/openstack/latest/meta_data.json?x=1", "User-Agent: cloud-init"))
    assert reply.startswith(b"HTTP/1.1 200 OK\r\n") and reply.endswith(b"\r\n\r\n/openstack/latest/meta_data.json")
    assert asked == [
        MetadataRequest(source_ip="127.0.0.1", path="/openstack/latest/meta_data.json", query="x=1", network_id="net-1")
    ]


def test_many_questions_on_one_connection():
    reply, asked = said(*(get(f"/{n}") for n in range(5)))
    assert reply.count(b"HTTP/1.1 200 OK") == 5
    assert [one.path for one in asked] == ["/0", "/1", "/2", "/3", "/4"]


def test_a_connection_ends_after_so_many_questions():
    reply, asked = said(*(get(f"/{n}") for n in range(5)), limits=Limits(requests=3))
    assert len(asked) == 3 and reply.count(b"HTTP/1.1 200 OK") == 3
    assert reply.lower().count(b"connection: close") == 1


@pytest.mark.parametrize("name", ["X-Instance-ID", "X-Tenant-ID", "X-Forwarded-For", "X-Instance-ID-Signature", "X-Neutron-Network-ID"])
def test_ossa_2013_033_what_a_guest_says_it_is_is_not_handed_on(name):
    _, asked = said(get("/latest", f"{name}: 10.0.0.66"))
    assert "10.0.0.66" not in repr(asked)
    assert asked[0].source_ip == "127.0.0.1"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS"])
def test_only_get_and_post(method):
    reply, asked = said(f"{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc".encode())
    assert reply.startswith(b"HTTP/1.1 405 ") and b"allow: get" in reply.lower()
    assert asked == []


def post(path: str, body: bytes, *headers: str) -> bytes:
    return get(path, f"Content-Length: {len(body)}", *headers).replace(b"GET", b"POST", 1) + body


def test_a_guest_may_say_something():
    reply, asked = said(post("/openstack/latest/password", b"c2VjcmV0"), get("/after"))
    assert reply.count(b"HTTP/1.1 200 OK") == 2
    assert [(one.method, one.path) for one in asked] == [("POST", "/openstack/latest/password"), ("GET", "/after")]
    assert [one.body for one in asked] == [b"c2VjcmV0", b""]


def test_a_guest_may_not_say_much():
    reply, asked = said(post("/x", b"a" * 5000), get("/after"))
    assert reply.startswith(b"HTTP/1.1 413 ") and reply.count(b"HTTP/1.1") == 1 and asked == []
    chunked = b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"a" * 1024 + b"\r\n"
    reply, asked = said(chunked + b"1000\r\n" + b"a" * 4096 + b"\r\n0\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 413 ") and asked == []


def test_what_is_said_only_in_part_is_not_heard():
    reply, asked = said(post("/x", b"abc")[:-1])
    assert reply.startswith(b"HTTP/1.1 400 ") and asked == []
    reply, asked = said(post("/x", b"abc")[:-1], limits=Limits(head_timeout_s=0.1), end=False)
    assert reply == b"" and asked == []


def test_a_body_is_not_the_next_question():
    smuggled = get("/secret")
    reply, asked = said(get("/", f"Content-Length: {len(smuggled)}"), smuggled)
    assert reply.startswith(b"HTTP/1.1 400 ") and asked == []


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (get("/" + "x" * 3000), b"414"),
        (get("/", "X-Long: " + "x" * 30_000), b"431"),
    ],
)
def test_what_is_no_question(data, status):
    reply, asked = said(data)
    assert reply.startswith(b"HTTP/1.1 " + status) and asked == []


def test_a_slow_guest_is_left():
    reply, _ = said(b"GET / HTTP/1.1\r\nHost:", limits=Limits(head_timeout_s=0.1), end=False)
    assert reply == b""


def test_a_guest_that_says_nothing_more_is_left():
    reply, _ = said(get("/"), limits=Limits(head_timeout_s=0.1), end=False)
    assert reply.count(b"HTTP/1.1 200") == 1


def test_too_many_connections_are_refused():
    async def go():
        async with Ear(limits=Limits(connections=2)) as ear:
            held = [await asyncio.open_connection(*ear.address) for _ in range(2)]
            await asyncio.sleep(0.05)
            assert await ear.say(get("/")) == b""
            held[0][1].close()
            await asyncio.sleep(0.05)
            assert (await ear.say(get("/"))).startswith(b"HTTP/1.1 200")
            held[1][1].close()

    asyncio.run(go())


def test_errors_are_told_and_do_not_end_the_service():
    async def answer(request):
        if request.path == "/none":
            raise NotFound("no such server")
        if request.path == "/slow":
            await asyncio.sleep(5)
        raise RuntimeError("secret detail")

    reply, _ = said(get("/none"), get("/bug"), get("/slow"), answer=answer, limits=Limits(answer_timeout_s=0.1))
    assert re.findall(rb"HTTP/1.1 (\d+)", reply) == [b"404", b"500", b"504"]
    assert b"no such server" in reply and b"secret detail" not in reply


def test_closing_ends_the_conversations():
    async def go():
        async with Ear() as ear:
            reader, writer = await asyncio.open_connection(*ear.address)
            await asyncio.sleep(0.05)
            assert ear.metadata.listening() == {"here": HERE}
            await ear.metadata.close("here")
            await ear.metadata.close("here")
            assert ear.metadata.listening() == {}
            try:
                assert await reader.read() == b""
            except ConnectionResetError:
                pass
            writer.close()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*ear.address)

    asyncio.run(go())


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_nonsense_never_ends_the_service(nonsense):
    async def go():
        async with Ear(limits=Limits(head_timeout_s=1)) as ear:
            await ear.say(nonsense + b"\r\n\r\n")
            assert (await ear.say(get("/"))).startswith(b"HTTP/1.1 200")

    asyncio.run(go())
