"""The tables of faults and of features name tests that are there."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TABLES = HERE.parent.parent / "docs" / "checklists"


@pytest.mark.parametrize("table", ["object-store-faults.md", "object-store-features.md"])
def test_every_test_that_the_table_names_is_there(table):
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", (TABLES / table).read_text())
    missing = [f"{file}::{name}" for file, name in named if f"def {name}(" not in (HERE / file).read_text()]
    assert len(named) > 60 and not missing, missing
