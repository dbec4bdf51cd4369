"""Doing something over and over, by one user or by many, and what the times say."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from msgspec import Struct

from pileus.bench.http import Origin
from pileus.bench.session import User
from pileus.core.clock import Clock

Work = Callable[[User], Awaitable[dict[str, float]]]


class Figures(Struct, frozen=True, kw_only=True):
    """One row of the report. Milliseconds; `server_cpu_ms` and `client_cpu_ms` are processor time for each repetition."""

    scenario: str
    about: str
    part: str = ""
    at: int
    count: int
    failed: int = 0
    median_ms: float = 0.0
    p95_ms: float = 0.0
    least_ms: float = 0.0
    most_ms: float = 0.0
    per_second: float = 0.0
    seconds: float = 0.0
    server_cpu_ms: float | None = None
    client_cpu_ms: float = 0.0
    problem: str = ""


class Samples(Struct, kw_only=True):
    """What was seen: durations by part, what went wrong, and what it cost."""

    parts: dict[str, list[float]]
    problems: list[str]
    seconds: float = 0.0
    server_cpu: float | None = None
    client_cpu: float = 0.0


async def repeat(
    work: Work, *, at: int, total: int, seconds: float | None, clock: Clock, origins: Iterable[Origin] = (), server: int | None = None
) -> Samples:
    """Have so many users do the work at once, `total` times in all or until the time is over.

    Each user has connections of its own, opened beforehand. A repetition that fails is counted, not raised.
    """
    samples, left, users = Samples(parts={}, problems=[]), iter(range(total)), [User() for _ in range(at)]
    for user in users:
        await user.connect(origins)
    cpu, own, started = cpu_seconds(server), cpu_seconds(os.getpid()), clock.monotonic()
    deadline = started + seconds if seconds is not None else None

    async def serve(user: User) -> None:
        for _ in left:
            await _once(work, user, samples)
            if deadline is not None and clock.monotonic() >= deadline:
                break

    try:
        await asyncio.gather(*map(serve, users))
    finally:
        for user in users:
            user.close()
    samples.seconds = clock.monotonic() - started
    samples.client_cpu = (cpu_seconds(os.getpid()) or 0) - (own or 0)
    after = cpu_seconds(server)
    samples.server_cpu = after - cpu if after is not None and cpu is not None else None
    return samples


async def _once(work: Work, user: User, samples: Samples) -> None:
    try:
        for part, took in (await work(user)).items():
            samples.parts.setdefault(part, []).append(took)
    except Exception as failure:  # the report tells it; the other repetitions go on
        samples.problems.append(f"{type(failure).__name__}: {failure}")


def figures(samples: Samples, *, scenario: str, about: str, at: int) -> list[Figures]:
    """A row for each part, or one that says why there is none."""
    failed, problem = len(samples.problems), samples.problems[0] if samples.problems else ""
    if not samples.parts:
        return [Figures(scenario=scenario, about=about, at=at, count=0, failed=failed, problem=problem)]
    done = max(map(len, samples.parts.values()))
    return [
        Figures(
            scenario=scenario, about=about, part=part, at=at, count=len(took), failed=failed, problem=problem,
            median_ms=1000 * quantile(took, 0.5), p95_ms=1000 * quantile(took, 0.95), least_ms=1000 * min(took), most_ms=1000 * max(took),
            per_second=len(took) / samples.seconds, seconds=samples.seconds,
            server_cpu_ms=None if samples.server_cpu is None else 1000 * samples.server_cpu / done,
            client_cpu_ms=1000 * samples.client_cpu / done,
        )
        for part, took in samples.parts.items()
    ]


def quantile(values: list[float], share: float) -> float:
    """The value that this share of the others does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]


def cpu_seconds(process: int | None) -> float | None:
    """User and system time of a process of this machine so far; None when there is no such process to ask about."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
