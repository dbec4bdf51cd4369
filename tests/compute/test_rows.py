"""The table of what there is of Nova and Placement names tests that exist, for every row."""

# SPDX-License-Identifier: Apache-2.0
import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
TABLE = (TESTS.parent / "docs" / "checklists" / "compute-rows.md").read_text()
ROWS = {cells[1].split()[0]: cells for line in TABLE.splitlines() if re.match(r"\| [NP]\d\d", line) and (cells := line.split("|"))}


def test_every_row_is_there():
    assert list(ROWS) == [f"N{n:02}" for n in range(1, 38)] + [f"P{n:02}" for n in range(1, 11)]


def test_every_row_has_a_test_or_says_why():
    for row, (_, name, what, tests, *_rest) in ROWS.items():
        assert re.search(r"`[\w/]+\.py::test_\w+`", tests) or ("★" not in name and ":" in what), row


def test_every_test_that_is_named_exists():
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", TABLE)
    assert len(named) > 60
    for file, test in named:
        assert re.search(rf"^(async )?def {test}\(", (TESTS / file).read_text(), re.M), f"{file}::{test}"
