"""A client that costs little: HTTP/1.1 over plain sockets, one connection for each worker, nothing but the status and length read."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

READ = 1 << 20
#: What is asked: method, path and body, by the worker's and the request's number. A file costs the client least: the kernel sends it.
Ask = Callable[[int, int], tuple[str, str, bytes | BinaryIO]]


class Measured(NamedTuple):
    per_second: float
    median_ms: float
    p95_ms: float
    server_cpu_ms: float                        # processor time of the server's process for each request


class Server:
    """Where requests go. `headers` are sent with each of them; `pid` is whose processor time is counted."""

    def __init__(self, address: str, headers: dict[str, str] | None = None, pid: int | None = None):
        self.host, _, port = address.partition(":")
        self.port, self.pid = int(port), pid
        self.head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": address, **(headers or {})}.items())

    async def measure(self, ask: Ask, *, at: int, seconds: float) -> Measured:
        """`at` workers ask one after another until the time is up. Raises AssertionError for an answer that is not 2xx."""
        took: list[float] = []
        cpu, begin = self._cpu_s(), time.perf_counter()

        async def work(worker: int) -> None:
            reader, writer = await asyncio.open_connection(self.host, self.port, limit=2 * READ)
            turn = 0
            while (since := time.perf_counter()) < begin + seconds:
                await self.ask(reader, writer, *ask(worker, turn))
                took.append(time.perf_counter() - since)
                turn += 1
            writer.close()

        await asyncio.gather(*(work(n) for n in range(at)))
        whole = time.perf_counter() - begin
        took.sort()
        return Measured(len(took) / whole, 1000 * statistics.median(took), 1000 * took[int(0.95 * len(took))],
                        1000 * (self._cpu_s() - cpu) / len(took))

    async def once(self, method: str, path: str, body: bytes = b"") -> None:
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=2 * READ)
        await self.ask(reader, writer, method, path, body)
        writer.close()

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, path: str,
                  body: bytes | BinaryIO) -> None:
        size = len(body) if isinstance(body, bytes) else os.fstat(body.fileno()).st_size
        head = f"{method} {path} HTTP/1.1\r\n{self.head}Content-Length: {size}\r\n\r\n".encode()
        if isinstance(body, bytes):
            writer.write(head + body[:READ])
            for at in range(READ, size, READ):
                await writer.drain()
                writer.write(body[at:at + READ])
        else:
            writer.write(head)
            await asyncio.get_running_loop().sendfile(writer.transport, body, fallback=False)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head[9:12])
        at = head.find(b"content-length:")
        left = 0 if status == 204 or at < 0 else int(head[at + 15:head.index(b"\r\n", at)])
        while left:
            left -= len(await reader.read(min(left, READ)))
            if reader.at_eof() and left:
                raise EOFError("the answer ends before its end")
        assert status < 300, (status, method, path)

    def _cpu_s(self) -> float:
        if self.pid is None:
            return 0.0
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


def peak_mib(pid: int, *, afresh: bool = False) -> float:
    """The most that a process had resident, in MiB, since it was last asked to begin `afresh`."""
    process = Path("/proc") / str(pid)
    if afresh:
        (process / "clear_refs").write_text("5")
    return next(int(line.split()[1]) for line in (process / "status").read_text().splitlines() if line.startswith("VmHWM")) / 1024
