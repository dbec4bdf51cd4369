"""The QMP client against a QEMU that the test plays."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket

import pytest

from pileus.compute.hypervisor.qemu.qmp import Qmp, QmpLost, QmpRefused, QmpTimeout

pytestmark = pytest.mark.realtime


class Played:
    """The other end of the connection."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.rest = b""
        self.fds: list[int] = []

    async def send(self, *messages: dict) -> None:
        text = b"".join(json.dumps(message).encode() + b"\r\n" for message in messages)
        await asyncio.get_running_loop().sock_sendall(self.sock, text)

    async def hear(self) -> dict:
        while b"\n" not in self.rest:
            await asyncio.sleep(0)
            with contextlib.suppress(BlockingIOError):
                data, fds, _, _ = socket.recv_fds(self.sock, 4096, 1)
                self.rest += data
                self.fds += fds
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    async def greet(self) -> None:
        await self.send({"QMP": {"version": {}, "capabilities": []}})
        await self.answer("qmp_capabilities", {})

    async def answer(self, command: str, result) -> dict:
        heard = await self.hear()
        assert heard["execute"] == command
        await self.send({"return": result, "id": heard["id"]})
        return heard


@contextlib.asynccontextmanager
async def connected():
    events: list[tuple[str, dict]] = []
    ours, theirs = socket.socketpair()
    for sock in (ours, theirs):
        sock.setblocking(False)
    played = Played(theirs)
    greeting = asyncio.create_task(played.greet())
    qmp = await Qmp.open(ours, lambda name, data: events.append((name, data)), timeout_s=5)
    await greeting
    try:
        yield qmp, played, events
    finally:
        await qmp.close()
        theirs.close()
        for fd in played.fds:
            os.close(fd)


async def test_answers_find_their_question_in_any_order():
    async with connected() as (qmp, played, _):
        first = asyncio.create_task(qmp.execute("first"))
        second = asyncio.create_task(qmp.execute("second", {"a": 1}))
        one, two = await played.hear(), await played.hear()
        assert (one["execute"], two["arguments"]) == ("first", {"a": 1}) and "arguments" not in one
        await played.send({"return": 2, "id": two["id"]}, {"return": 1, "id": one["id"]})
        assert (await first, await second) == (1, 2)


async def test_a_refusal_says_why():
    async with connected() as (qmp, played, _):
        asked = asyncio.create_task(qmp.execute("nonsense"))
        heard = await played.hear()
        await played.send({"error": {"class": "CommandNotFound", "desc": "no such command"}, "id": heard["id"]})
        with pytest.raises(QmpRefused, match="no such command"):
            await asked


async def test_silence_is_an_error_and_a_late_answer_harms_nobody():
    async with connected() as (qmp, played, _):
        with pytest.raises(QmpTimeout, match="slow"):
            await qmp.execute("slow", timeout_s=0.05)
        late = await played.hear()
        await played.send({"return": "late", "id": late["id"]})
        asked = asyncio.create_task(qmp.execute("next"))
        await played.answer("next", "right")
        assert await asked == "right"


async def test_a_lost_connection_ends_everything_that_waits():
    async with connected() as (qmp, played, _):
        asked = asyncio.create_task(qmp.execute("question"))
        await played.hear()
        async with qmp.expect("EVENT") as event:
            played.sock.close()
            with pytest.raises(QmpLost):
                await asked
            with pytest.raises(QmpLost):
                await event
        await qmp.wait_lost()
        with pytest.raises(QmpLost):
            await qmp.execute("another")


async def test_garbage_is_a_lost_connection():
    async with connected() as (qmp, played, _):
        await asyncio.get_running_loop().sock_sendall(played.sock, b"this is not JSON\n")
        await qmp.wait_lost()
        assert qmp.lost


async def test_events_are_told_in_order_even_in_pieces():
    async with connected() as (qmp, played, events):
        async with qmp.expect("B", lambda data: data["n"] == 2) as expected:
            text = b"".join(json.dumps({"event": name, "data": {"n": n}}).encode() + b"\n" for name, n in (("A", 1), ("B", 1), ("B", 2)))
            for at in range(0, len(text), 7):
                await asyncio.get_running_loop().sock_sendall(played.sock, text[at : at + 7])
                await asyncio.sleep(0)
            assert await expected == {"n": 2}
        assert events == [("A", {"n": 1}), ("B", {"n": 1}), ("B", {"n": 2})]


async def test_a_descriptor_goes_along():
    async with connected() as (qmp, played, _):
        read, write = os.pipe()
        asked = asyncio.create_task(qmp.execute("getfd", {"fdname": "x"}, fd=write))
        await played.answer("getfd", {})
        await asked
        os.write(played.fds[0], b"through")
        assert os.read(read, 100) == b"through"
        os.close(read)
        os.close(write)


async def test_who_does_not_greet_is_given_up():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with pytest.raises(QmpTimeout, match="greeting"):
        await Qmp.open(ours, timeout_s=0.05)
    assert ours.fileno() == -1
    theirs.close()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.close()
    with pytest.raises(QmpLost):
        await Qmp.open(ours, timeout_s=5)
