"""The processes that run the tests.

The tests are shared out class by class among a few workers, so that no worker idles while another has a long list
left, and a worker that hangs or dies costs the rest of one class and no more. stestr would import the whole suite
once per worker and split it beforehand.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import itertools
import json
import subprocess
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from conformance.suite import WORKER, Outcome, worker_environment

SILENT_FOR_S = 180


def class_of(test: str) -> str:
    return test.rpartition(".")[0]


def run_tests(
    python: Path, configuration: Path, tests: Iterable[str], *, workers: int, report: Callable[[Outcome], None]
) -> list[Outcome]:
    """Run the tests on so many workers; tell each outcome as it becomes known, and all of them at the end."""
    classes = [list(group) for _, group in itertools.groupby(sorted(tests), key=class_of)]
    queue = iter(sorted(classes, key=len, reverse=True))
    turn, outcomes = threading.Lock(), {}

    def done(outcome: Outcome) -> None:
        with turn:
            outcomes[outcome.id] = together(outcomes[outcome.id], outcome) if outcome.id in outcomes else outcome
            report(outcome)

    def serve() -> None:
        worker: Worker | None = None
        while True:
            with turn:
                work = next(queue, None)
            if work is None:
                break
            worker = worker if worker and worker.alive() else Worker(python, configuration)
            worker.run(work, done)
        if worker:
            worker.close()

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(min(workers, len(classes)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes.values(), key=lambda outcome: outcome.id)


def together(one: Outcome, other: Outcome) -> Outcome:
    """What became of a test that was run with several things: it failed when it failed with any, and passed when it passed with any."""
    worse = max(one, other, key=lambda outcome: ("skipped", "passed", "failed").index(outcome.status))
    return dataclasses.replace(worse, seconds=one.seconds + other.seconds)


class Worker:
    """One process of conformance/worker.py: gets the tests of one class as a line, answers a line per test."""

    def __init__(self, python: Path, configuration: Path) -> None:
        self.log = (configuration.parent / "workers.log").open("ab")
        self.process = subprocess.Popen(
            [str(python), "-P", str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
            env=worker_environment(configuration), text=True, bufsize=1,
        )

    def alive(self) -> bool:
        return self.process.poll() is None

    def run(self, tests: list[str], done: Callable[[Outcome], None]) -> None:
        """Run the tests of one class. Whatever the worker owes when it falls silent or ends has failed."""
        owed = set(tests)
        print(json.dumps(tests), file=self.process.stdin)
        while True:
            watchdog = threading.Timer(SILENT_FOR_S, self.process.kill)
            watchdog.start()
            line = self.process.stdout.readline()
            watchdog.cancel()
            if not line:
                break
            message = json.loads(line)
            if message == "class done":
                break
            owed.discard(message["id"])
            done(Outcome(**message))
        for test in sorted(owed):
            done(Outcome(id=test, status="failed", why="the test was not run, or its worker hung or died"))

    def close(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
