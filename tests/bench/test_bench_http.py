"""The benchmark's HTTP client against a server that answers in every legal way."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

import pytest

from pileus.bench.http import ConnectionLost, Refused, length_of, request, unchunked
from pileus.bench.session import User

OK = b"HTTP/1.1 200 OK\r\n"


def ask(pieces: list[bytes], *, hang_up: bool = False, times: int = 1, expect: int = 200, method: str = "GET"):
    """What a user gets from a server that answers each request with these pieces, sent one after the other."""

    async def serve(reader, writer):
        for _ in range(times):
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if hang_up:
                break
        writer.close()

    async def both():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/path?x=1"
        user = User()
        try:
            return [await user.send(request(method, url, expect=expect)) for _ in range(times)]
        finally:
            user.close()
            server.close()

    return asyncio.run(asyncio.wait_for(both(), 10))


@pytest.mark.parametrize("pieces", [
    [OK + b"Content-Length: 5\r\n\r\nhello"],
    [OK + b"content-LENGTH: 5\r\n", b"\r\nhe", b"llo"],
    [OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"],
    [OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", b"lo\r\n0\r\n\r", b"\n"],
])
def test_a_body_arrives_whole_however_it_is_cut(pieces):
    answers = ask(pieces, times=3)
    assert [answer.body for answer in answers] == [b"hello"] * 3


def test_a_body_may_end_with_the_connection():
    assert ask([OK + b"\r\nhello"], hang_up=True)[0].body == b"hello"


def test_an_answer_to_head_has_no_body_whatever_length_it_names():
    assert ask([OK + b"Content-Length: 5\r\n\r\n"], times=2, method="HEAD")[1].body == b""


def test_a_status_without_a_body_is_complete_at_once():
    assert ask([b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n"], times=2, expect=204)[1].header("x-a") == "1"


def test_a_server_that_hangs_up_is_reported():
    with pytest.raises(ConnectionLost):
        ask([OK + b"Content-Length: 5\r\n\r\nhe"], hang_up=True)


def test_another_status_than_the_expected_one_is_a_failure_that_says_why():
    with pytest.raises(Refused, match="status 404 where 200 was expected: gone"):
        ask([b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"])


def test_a_connection_that_was_closed_in_between_is_opened_again():
    async def both():
        served = 0

        async def serve(reader, writer):
            nonlocal served
            await reader.readuntil(b"\r\n\r\n")
            served += 1
            writer.write(OK + b"Content-Length: 1\r\n\r\n1")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        user, what = User(), request("GET", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        for _ in range(3):
            assert (await user.send(what)).body == b"1"
        user.close()
        server.close()
        return served

    assert asyncio.run(asyncio.wait_for(both(), 10)) == 3


def test_a_request_says_what_it_carries():
    data = request("POST", "https://example.org/a?b=c", headers={"X-Auth-Token": "t"}, body=b"{}").data
    assert data.startswith(b"POST /a?b=c HTTP/1.1\r\nHost: example.org\r\n")
    assert b"X-Auth-Token: t\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}" in data
    assert b"Content-Length: 0" in request("POST", "http://example.org/a").data


def test_lengths_and_chunks():
    assert length_of(OK + b"Content-Length: 12") == 12
    assert length_of(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 12") == 0
    assert length_of(OK + b"X: 1") is None
    assert unchunked(b"5;x=y\r\nhello\r\n0\r\n\r\n") == b"hello"
    assert unchunked(b"5\r\nhel") is None
