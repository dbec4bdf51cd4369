"""Documents that are made from the code are what the code makes."""

from pathlib import Path

from pileus.config import CloudConfig
from pileus.core.config import describe

DOCS = Path(__file__).parent.parent / "docs"


def test_the_configuration_page_is_current():
    assert describe(CloudConfig) in (DOCS / "configuration.md").read_text(), "run: pileus config > docs/configuration.md"
