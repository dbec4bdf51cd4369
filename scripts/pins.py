#!/usr/bin/env python3
"""Print the part of constraints.txt that the named groups of requirements need.

constraints.txt pins everything the project ever installs, in one consistent resolution, and says after each
package which package asked for it. pip in its hash-checking mode takes whole files only, so this walks those
notes from the groups of pyproject.toml (`runtime`, `build` or the name of an extra) and prints their closure.

Runs on a bare Python 3.11: it is what fills the virtual environment.
"""
# SPDX-License-Identifier: Apache-2.0
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>\S+)")


def normal(name: str) -> str:
    """The one spelling of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(groups: list[str]) -> set[str]:
    """The packages that the groups name directly."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    named = {
        "runtime": project["project"]["dependencies"],
        "build": [*project["build-system"]["requires"], "editables"],
        **extras,
    }
    unknown = [group for group in groups if group not in named]
    if unknown:
        sys.exit(f"no such group: {', '.join(unknown)}; there are {', '.join(sorted(named))}")
    return {normal(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]) for group in groups for line in named[group]}


def blocks(text: str) -> list[tuple[str, str, set[str]]]:
    """Each pin of a constraints file: its package, its lines, and the packages that asked for it."""
    found: list[tuple[str, list[str], set[str]]] = []
    for line in text.splitlines():
        pin = REQUIREMENT.match(line)
        if pin:
            found.append((normal(pin["name"]), [line], set()))
        elif found and line.lstrip().startswith("#"):
            found[-1][2].update(normal(word) for word in re.findall(r"[A-Za-z0-9._-]+", line.split("#", 1)[1]))
        elif found and line.strip():
            found[-1][1].append(line)
    return [(name, "\n".join(lines), askers) for name, lines, askers in found]


def closure(pins: list[tuple[str, str, set[str]]], start: set[str]) -> set[str]:
    """The start and whatever it asks for, directly or not."""
    reached = set(start)
    while True:
        more = {name for name, _, askers in pins if askers & reached} - reached
        if not more:
            return reached
        reached |= more


def main(groups: list[str]) -> None:
    pins = blocks((ROOT / "constraints.txt").read_text())
    start = wanted(groups)
    unpinned = start - {name for name, _, _ in pins}
    if unpinned:
        sys.exit(f"constraints.txt does not pin {', '.join(sorted(unpinned))}: run scripts/pin-dependencies")
    needed = closure(pins, start)
    for name, lines, _ in pins:
        if name in needed:
            print(lines)


if __name__ == "__main__":
    main(sys.argv[1:] or ["runtime"])
