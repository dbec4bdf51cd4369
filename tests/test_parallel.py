"""Tests on several workers: what fails there fails the run, whatever became of the worker."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parallel import TOGETHER, turn

ROOT = Path(__file__).resolve().parent.parent
HOOKS = "from tests.conftest import pytest_sessionfinish, pytest_unconfigure, pytest_xdist_make_scheduler\n"
WELL = "def test_first(): pass\ndef test_second(): pass\n"


def on_two_workers(folder: Path, **files: str) -> tuple[int, str]:
    (folder / "conftest.py").write_text(HOOKS)
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "--rootdir", folder, folder],
                          cwd=folder, env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}, capture_output=True, text=True)
    return done.returncode, done.stdout.strip().splitlines()[-1]


def test_all_pass(tmp_path):
    status, said = on_two_workers(tmp_path, a=WELL, b=WELL)
    assert status == 0 and said.startswith("4 passed"), said


def test_one_fails(tmp_path):
    status, said = on_two_workers(tmp_path, a=WELL, b=WELL + "def test_third(): assert False\n")
    assert status == 1 and said.startswith("1 failed, 4 passed"), said


@pytest.mark.parametrize("end", ["os._exit(0)", "os.abort()"])
def test_a_test_that_ends_its_worker_fails_once_and_the_others_run(tmp_path, end):
    crash = f"import os\ndef test_dies(): {end}\n"
    status, said = on_two_workers(tmp_path, a=WELL, b=crash + WELL, c=WELL + crash.replace("dies", "last"))
    assert status == 1 and said.startswith("2 failed, 6 passed"), said


def test_what_is_together_is_there():
    assert all((ROOT / start).exists() for start in TOGETHER)
    assert [turn(f"{start}x") for start in TOGETHER] == list(range(len(TOGETHER)))
    assert turn("tests/test_lists.py::test_x") == len(TOGETHER)
