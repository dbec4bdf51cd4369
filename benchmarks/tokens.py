"""Tokens over HTTP: how many a second are validated and issued, beside what the server could do at most.

A fresh cloud in a process of its own, and beside it an application that only says "ok" under the same server: the most
that can be had. The client shares the machine's processors, so the figure to trust is how much of the server's processor
time a request takes; "per core" is what one core does by that measure when it does nothing else.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from conformance.cloud import environment, free_port, fresh_cloud
from msgspec import Struct

from pileus.bench.http import Request, request
from pileus.bench.measure import Figures, figures, repeat
from pileus.bench.session import Session, User, log_in, login_body, read_cloud
from pileus.core.clock import Clock

AT, ROUNDS = 16, 5
#: Nobody slows a flood down: what is measured is that it is bounded by itself.
SETTINGS = "[identity]\nfailed_logins_per_minute = 0\n"
BARE = """
import asyncio, sys
from pileus.core.http.server import Server
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
async def main():
    server = Server(app, "127.0.0.1", int(sys.argv[1]))
    await server.start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


class Measured(Struct, frozen=True):
    """One line: what came out, and what it should at least (or, `most`, at most) be."""

    what: str
    value: float
    unit: str
    aim: float
    most: bool = False
    about: str = ""

    @property
    def ratio(self) -> float:
        """1 and more is as good as it should be."""
        return self.aim / self.value if self.most else self.value / self.aim


@contextlib.contextmanager
def bare_server() -> Iterator[tuple[str, int]]:
    """(address, process) of the application that only says "ok"."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)], env=environment())
    try:
        yield f"http://127.0.0.1:{port}/", process.pid
    finally:
        process.terminate()
        process.wait()


async def rate(work: Request, pid: int, seconds: float, at: int = AT) -> Figures:
    """As often as possible, by so many users at once."""
    async def once(user: User) -> dict[str, float]:
        began = time.perf_counter()
        await user.send(work)
        return {"": time.perf_counter() - began}

    samples = await repeat(once, at=at, total=10**9, seconds=seconds, clock=Clock(), origins=[work.origin], server=pid)
    (row,) = figures(samples, scenario="", about="", at=at)
    if row.failed:
        raise SystemExit(f"{row.failed} requests failed: {row.problem}")
    return row


def per_core(what: str, row: Figures, aim: float) -> Measured:
    cpu = row.server_cpu_ms or float("nan")
    about = f"{1000 * cpu:.0f} µs of processor time ({1000 * row.client_cpu_ms:.0f} of the client's); {row.per_second:,.0f} a second here"
    return Measured(what, 1000 / cpu, "per second and core", aim, about=about)


def requests(session: Session) -> list[tuple[str, Request, float]]:
    """What is measured, and how often a second it should be done by a core."""
    tokens, known = session.auth_url + "/auth/tokens", {"X-Auth-Token": session.token, "X-Subject-Token": session.token}
    scope = {"project": {"id": session.project_id}}
    by_token = {"auth": {"identity": {"methods": ["token"], "token": {"id": session.token}}, "scope": scope}}
    return [
        ("GET /v3, the version document", request("GET", session.auth_url), 10_000),
        ("validate a token", request("GET", tokens, headers=known), 8_000),
        ("validate a token, HEAD", request("HEAD", tokens, headers=known), 8_000),
        ("issue a token for a token", posted(tokens, by_token, 201), 3_000),
        ("log in by password, verified before", posted(tokens, login_body(session.auth), 201), 1_500),
    ]


def posted(url: str, body: Any, expect: int) -> Request:
    return request("POST", url, body=msgspec.json.encode(body), expect=expect)


async def flooded(session: Session, pid: int, seconds: float) -> Measured:
    """How much longer a validation takes (95th percentile) while others try passwords of people who do not exist."""
    validate = request("GET", session.auth_url + "/auth/tokens",
                       headers={"X-Auth-Token": session.token, "X-Subject-Token": session.token})
    at, refused, spans = 0, 0, dict[str, list[float]](quiet=[], loud=[])

    def guess() -> Request:
        nonlocal at
        at += 1
        return posted(session.auth_url + "/auth/tokens", login_body(session.auth | {"username": f"nobody{at}"}), 401)

    for _ in range(ROUNDS):                     # in turns, so that what else this machine does is the same for both
        spans["quiet"].append((await rate(validate, pid, seconds / ROUNDS, 4)).p95_ms)
        over = asyncio.Event()
        flood = [asyncio.create_task(keep_sending(guess, over)) for _ in range(AT)]
        await asyncio.sleep(0.3)
        spans["loud"].append((await rate(validate, pid, seconds / ROUNDS, 4)).p95_ms)
        over.set()
        refused += sum(await asyncio.gather(*flood))
    quiet, loud = statistics.median(spans["quiet"]), statistics.median(spans["loud"])
    about = f"{loud:.2f} ms beside {quiet:.2f} ms, while {refused} logins were refused"
    return Measured("validations under a flood of logins, p95", loud / quiet, "times its quiet value", 3, True, about)


async def keep_sending(work: Callable[[], Request], over: asyncio.Event) -> int:
    user, count = User(), 0
    try:
        while not over.is_set():
            await user.send(work())
            count += 1
    finally:
        user.close()
    return count


def measure(seconds: float = 3.0) -> list[Measured]:
    with bare_server() as (bare, bare_pid), fresh_cloud(settings=SETTINGS) as cloud:
        async def run() -> list[Measured]:
            user = User()
            session = await log_in(user, read_cloud("pileus", cloud.clouds_yaml))
            user.close()
            ceiling = per_core('the server alone, saying "ok"', await rate(request("GET", bare), bare_pid, seconds), 25_000)
            rows = [per_core(what, await rate(work, cloud.process.pid, seconds), aim) for what, work, aim in requests(session)]
            return [ceiling, *rows, await flooded(session, cloud.process.pid, seconds)]

        return asyncio.run(run())
