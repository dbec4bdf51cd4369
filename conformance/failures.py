"""Why tests failed in the last run: `python -m conformance.failures [REGEX]`.

Without an argument the failures are grouped by the last line of their traceback, the commonest first. With one,
each failed test that it matches is shown with its traceback and the requests that it made.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterable, Sequence

from conformance.suite import Outcome, last_run

REFUSED = re.compile(r"Request \([^)]*\): [45]\d\d (\w+) https?://[^/\s]+(\S*)")
NAMES = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "UUID"),
    (re.compile(r"tempest-[A-Za-z0-9_.-]+"), "NAME"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?"), "TIME"),
]


def main(arguments: Sequence[str]) -> None:
    failed = [outcome for outcome in last_run() if outcome.status == "failed"]
    if arguments:
        for outcome in failed:
            if re.search(arguments[0], outcome.id):
                print(f"{'=' * 100}\n{outcome.id}\n{'-' * 100}\n{outcome.log}\n{outcome.why}")
        return
    for line, tests in grouped(failed):
        print(f"{len(tests):4}  {line}")
        for test in tests[:6]:
            print(f"          {test}")
        if len(tests) > 6:
            print(f"          and {len(tests) - 6} more")
    print(f"{len(failed)} failed")


def grouped(outcomes: Iterable[Outcome]) -> list[tuple[str, list[str]]]:
    """Failures with the same message once their ids, names and times are left out, the largest group first."""
    groups: dict[str, list[str]] = {}
    for outcome in outcomes:
        groups.setdefault(plain(f"{summary(outcome.why)}{request(outcome)}"), []).append(outcome.id)
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def summary(why: str) -> str:
    """The error of a traceback in one line: what follows the frames of the last exception of the chain."""
    lines = why.rpartition("Traceback (most recent call last)")[2].splitlines()[bool("Traceback" in why):]
    said = itertools.dropwhile(lambda line: not line.strip() or line.startswith(" "), lines)
    text = " ".join([line.strip() for line in said if line.strip()][:3]) or why.strip()
    return text[:240] or "no reason given"


def request(outcome: Outcome) -> str:
    """The last request that was refused before the failure, when the error is the client's word for a refusal."""
    refused = REFUSED.findall(outcome.log + outcome.why)
    return f"  after {refused[-1][0]} {refused[-1][1]}" if refused and "tempest.lib.exceptions" in outcome.why else ""


def plain(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, word in NAMES:
        text = pattern.sub(word, text)
    return text


if __name__ == "__main__":
    main(sys.argv[1:])
