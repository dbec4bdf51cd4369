"""A client of QEMU's machine protocol: one JSON object per line, answers matched by id, events in between.

It knows the protocol and nothing of guests. Every command has a time limit: a QEMU that does not answer is an error here,
never a task that waits for ever. File descriptors can be handed over with a command.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

Handler = Callable[[str, dict[str, Any]], None]


class QmpFailed(Exception):
    """The command had no effect that we know of."""


class QmpRefused(QmpFailed):
    """QEMU answered with an error."""


class QmpTimeout(QmpFailed):
    """QEMU did not answer in time; it may still carry the command out."""


class QmpLost(QmpFailed):
    """The connection is gone, usually because the process is."""


class Qmp:
    """One connection. `on_event` is called with each event's name and data, in order, and must not block."""

    def __init__(self, sock: socket.socket, on_event: Handler = lambda name, data: None):
        self._sock = sock
        self._on_event = on_event
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future] = {}
        self._expected: list[tuple[str, Callable[[dict], bool], asyncio.Future]] = []
        self._greeting: asyncio.Future = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read())
        self.lost = False

    @classmethod
    async def open(cls, sock: socket.socket, on_event: Handler = lambda name, data: None, *, timeout_s: float) -> Qmp:
        """Greet and negotiate on a connected, non-blocking socket, which is the client's from now on."""
        qmp = cls(sock, on_event)
        try:
            await qmp._within(timeout_s, asyncio.shield(qmp._greeting), "greeting")
            await qmp.execute("qmp_capabilities", timeout_s=timeout_s)
        except BaseException:
            await qmp.close()
            raise
        return qmp

    async def execute(
        self, command: str, arguments: dict[str, Any] | None = None, *, timeout_s: float = 10, fd: int | None = None
    ) -> Any:
        """What QEMU returns. Raises QmpRefused, QmpTimeout or QmpLost."""
        if self.lost:
            raise QmpLost(f"{command}: the connection is closed")
        number = next(self._ids)
        message = json.dumps({"execute": command, "id": number, **({"arguments": arguments} if arguments else {})})
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            return await self._within(timeout_s, self._ask(message.encode() + b"\n", fd, answer), command)
        except OSError as error:
            raise QmpLost(f"{command}: {error}") from None
        finally:
            self._answers.pop(number, None)

    @contextlib.asynccontextmanager
    async def expect(self, name: str, matches: Callable[[dict], bool] = lambda data: True) -> AsyncIterator[asyncio.Future]:
        """A future of the next such event. Begin to expect before the command that causes it."""
        future = asyncio.get_running_loop().create_future()
        entry = (name, matches, future)
        self._expected.append(entry)
        try:
            yield future
        finally:
            self._expected.remove(entry)
            future.cancel()

    async def wait_lost(self) -> None:
        """Return when the connection has ended and every event before that was told."""
        await asyncio.gather(self._reader, return_exceptions=True)

    async def close(self) -> None:
        """Hang up. Pending commands raise QmpLost; QEMU takes the next client."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        self._sock.close()

    async def _ask(self, message: bytes, fd: int | None, answer: asyncio.Future) -> Any:
        if fd is None:
            await asyncio.get_running_loop().sock_sendall(self._sock, message)
        else:
            socket.send_fds(self._sock, [message], [fd])
        return await answer

    async def _within(self, timeout_s: float, awaitable, what: str) -> Any:
        try:
            async with asyncio.timeout(timeout_s):
                return await awaitable
        except TimeoutError:
            raise QmpTimeout(f"{what}: no answer within {timeout_s:g} s") from None

    async def _read(self) -> None:
        loop, rest = asyncio.get_running_loop(), b""
        try:
            while data := await loop.sock_recv(self._sock, 65536):
                *lines, rest = (rest + data).split(b"\n")
                for line in filter(bytes.strip, lines):
                    self._take(json.loads(line))
        except (OSError, ValueError):
            pass
        finally:
            self.lost = True
            waiting = [self._greeting, *self._answers.values(), *(future for _, _, future in self._expected)]
            for future in waiting:
                if not future.done():
                    future.set_exception(QmpLost("the connection was closed"))
                    future.exception()

    def _take(self, message: dict[str, Any]) -> None:
        if "QMP" in message:
            if not self._greeting.done():
                self._greeting.set_result(message["QMP"])
        elif "event" in message:
            self._tell(message["event"], message.get("data", {}))
        else:
            answer = self._answers.get(message.get("id", 0))
            if answer and not answer.done():
                if "error" in message:
                    answer.set_exception(QmpRefused(message["error"].get("desc", "unknown error")))
                else:
                    answer.set_result(message.get("return"))

    def _tell(self, name: str, data: dict[str, Any]) -> None:
        for expected, matches, future in self._expected:
            if expected == name and not future.done() and matches(data):
                future.set_result(data)
        self._on_event(name, data)
