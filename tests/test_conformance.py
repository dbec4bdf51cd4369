"""What Tempest has passed once, it passes for ever: the ratchet, against a cloud started as a user starts it.

All of `conformance/passing.txt` is run while it is short, a spread of it when it is long. PILEUS_RATCHET sets how
many tests: a number, or `all`, or 0 for none.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os

import pytest
from conformance import run
from conformance.results import read_passing

USUALLY = 150


def test_no_test_of_tempest_that_passed_fails_now(capfd):
    wanted = os.environ.get("PILEUS_RATCHET", str(USUALLY))
    if wanted == "0" or not read_passing():
        pytest.skip("PILEUS_RATCHET=0" if wanted == "0" else "conformance/passing.txt is empty")
    status = run.main(["--ratchet", "--quiet", "--spread", "0" if wanted == "all" else wanted])
    said = capfd.readouterr().err
    if status == run.UNUSABLE:
        pytest.skip(said.strip()[-300:])
    assert status == 0, said
