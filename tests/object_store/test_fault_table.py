"""The table of faults names tests that are there."""

import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = HERE.parent.parent / "docs" / "checklists" / "object-store-faults.md"


def test_every_test_that_the_table_names_is_there():
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", TABLE.read_text())
    missing = [f"{file}::{name}" for file, name in named if f"def {name}(" not in (HERE / file).read_text()]
    assert len(named) > 60 and not missing, missing
