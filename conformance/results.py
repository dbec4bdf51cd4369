"""The two files that runs keep under version control: the table of results, and the ratchet."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from conformance.cloud import ROOT
from conformance.selection import area_of
from conformance.suite import Outcome

HERE = Path(__file__).resolve().parent
PASSING = HERE / "passing.txt"
RESULTS = HERE / "results.md"
COLUMNS = ["what", "tests", "passed", "failed", "skipped", "excluded", "seconds", "date", "version"]
HEAD = """# Foreign suites against a simulated Pileus cloud

The rows of one word are Tempest 47.0.0, written by `make conformance`; the others are written by `python -m
conformance.foreign` (openstacksdk 4.22.0, python-openstackclient 10.5.0,
Swift 2.38.3) and `python -m conformance.gophercloud` (0.12.0). A row is
replaced when all of it is run again. Skipped tests need something that the cloud does not announce, or a guest that
really boots; excluded ones, with reasons, are in `excluded.txt` and `gophercloud.py`. Tempest's passing tests are
listed in `passing.txt` and are run again by `make test`.

"""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a run means for the ratchet: tests that pass for the first time, and tests that no longer do."""

    gained: list[str]
    lost: list[str]


def read_passing(path: Path = PASSING) -> list[str]:
    return path.read_text().split() if path.exists() else []


def compare(passing: Iterable[str], outcomes: Iterable[Outcome]) -> Change:
    """A listed test that is skipped is as lost as one that fails: a cloud must not pass by offering less."""
    known = set(passing)
    return Change(
        gained=sorted(o.id for o in outcomes if o.status == "passed" and o.id not in known),
        lost=sorted(o.id for o in outcomes if o.status != "passed" and (o.id in known or o.id.endswith(".tearDownClass"))),
    )


def write_passing(passing: Iterable[str], change: Change, *, forget: bool = False, path: Path = PASSING) -> None:
    """Add what was gained. What was lost stays, and keeps failing, unless it is to be forgotten."""
    kept = set(passing) | set(change.gained)
    if forget:
        kept -= set(change.lost)
    path.write_text("".join(f"{test}\n" for test in sorted(kept)))


def counts(outcomes: Iterable[Outcome]) -> dict[str, int]:
    tally = {"passed": 0, "failed": 0, "skipped": 0}
    for outcome in outcomes:
        tally[outcome.status] += 1
    return tally


def rows(suite: str, outcomes: list[Outcome], left_out: Iterable[str], seconds: float) -> dict[str, dict[str, str]]:
    """A row per area for a whole suite of areas; one row for the smoke tests, which cut across them."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault("smoke" if suite == "smoke" else area_of(outcome.id), []).append(outcome)
    found = {}
    for name, group in groups.items():
        tally = counts(group)
        gone = sum(1 for test in left_out if suite == "smoke" or area_of(test) == name)
        took = seconds if len(groups) == 1 else sum(outcome.seconds for outcome in group)
        found[name] = {
            "what": name, "tests": str(len(group) + gone), **{status: str(n) for status, n in tally.items()},
            "excluded": str(gone), "seconds": f"{took:.0f}", "date": time.strftime("%Y-%m-%d", time.gmtime()), "version": version(),
        }
    return found


def write_results(new: dict[str, dict[str, str]], path: Path = RESULTS) -> None:
    """Put new rows into the table in the place of the old ones of the same name."""
    table = read_results(path) | new
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
    lines += ["| " + " | ".join(row[column] for column in COLUMNS) + " |" for _, row in sorted(table.items(), key=order)]
    path.write_text(HEAD + "\n".join(lines) + "\n")


def read_results(path: Path = RESULTS) -> dict[str, dict[str, str]]:
    found = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == len(COLUMNS) and cells[0] != "what" and not cells[0].startswith("---"):
            found[cells[0]] = dict(zip(COLUMNS, cells, strict=True))
    return found


def order(item: tuple[str, dict[str, str]]) -> tuple[bool, bool, str]:
    return item[0] != "smoke", " " in item[0], item[0]


def version() -> str:
    """The commit that was tested, with a plus sign when there were changes on top of it."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "unknown"
