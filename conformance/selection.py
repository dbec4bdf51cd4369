"""Which of the suite's tests to run."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent

AREAS = {
    "identity": "tempest.api.identity.",
    "image": "tempest.api.image.",
    "compute": "tempest.api.compute.",
    "network": "tempest.api.network.",
    "volume": "tempest.api.volume.",
    "object_storage": "tempest.api.object_storage.",
    "scenario": "tempest.scenario.",
    "serial": "tempest.serial_tests.",
}
SUITES = ["smoke", *AREAS, "all"]


def select(tests: Mapping[str, set[str]], suite: str, pattern: str = "") -> list[str]:
    """The tests of a suite, or of several with commas between, whose id the pattern is found in."""
    chosen: set[str] = set()
    for name in suite.split(","):
        if name not in SUITES:
            raise ValueError(f"no suite named {name}; there are {', '.join(SUITES)}")
        prefix = "tempest." if name in ("smoke", "all") else AREAS[name]
        chosen |= {test for test, attributes in tests.items()
                   if test.startswith(prefix) and (name != "smoke" or "smoke" in attributes)}
    return sorted(test for test in chosen if re.search(pattern, test))


def excluded(text: str | None = None) -> dict[str, str]:
    """The tests, or classes of tests, that no such cloud can pass, and why: `excluded.txt`."""
    lines = (HERE / "excluded.txt").read_text() if text is None else text
    found = {}
    for line in lines.splitlines():
        test, _, why = line.partition("#")
        if test.strip():
            if not why.strip():
                raise ValueError(f"excluded.txt gives no reason for {test.strip()}")
            found[test.strip()] = why.strip()
    return found


def without(tests: Iterable[str], exclusions: Mapping[str, str]) -> list[str]:
    """The tests that are neither excluded nor of an excluded class or module."""
    return [test for test in tests if not any(test == name or test.startswith(name + ".") for name in exclusions)]


def spread(tests: Iterable[str], count: int) -> list[str]:
    """So many of the tests, the same ones for the same list, from its whole length; all of them when there are fewer.

    Whole classes are taken, because setting up a class costs more than most of its tests.
    """
    classes: dict[str, list[str]] = {}
    for test in sorted(tests):
        classes.setdefault(test.rpartition(".")[0], []).append(test)
    groups, total = list(classes.values()), sum(len(group) for group in classes.values())
    if total <= count:
        return [test for group in groups for test in group]
    step = max(1, total // max(1, count))
    chosen: list[str] = []
    for start in range(step):
        for group in groups[start::step]:
            if len(chosen) + len(group) <= count:
                chosen += group
    return sorted(chosen)


def area_of(test: str) -> str:
    return next((area for area, prefix in AREAS.items() if test.startswith(prefix)), "other")
