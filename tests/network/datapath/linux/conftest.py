"""Every test gets a laboratory that is gone afterwards."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from tests.network.datapath.linux.lab import Lab


@pytest.fixture
def lab():
    lab = Lab()
    try:
        yield lab
    finally:
        lab.close()
