"""Which process is the one: a lock that dies with it."""

import os
import subprocess
import sys

import pytest

from pileus.core.pidfile import PidFile
from tests.e2e.process import environment

HOLD = "import sys; from pathlib import Path; from pileus.core.pidfile import PidFile; " \
       "mine = PidFile(Path(sys.argv[1])); print(mine.take(), flush=True); sys.stdin.read()"


@pytest.mark.realtime
def test_one_process_is_the_one_until_it_ends(tmp_path):
    path = tmp_path / "pid"
    assert PidFile(path).pid() is None
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())
    assert other.stdout.readline() == b"True\n"
    assert PidFile(path).pid() == other.pid and not PidFile(path).take()
    other.kill()
    other.wait()
    assert path.read_text() == str(other.pid) and PidFile(path).pid() is None, "what a dead process left is nobody"
    mine = PidFile(path)
    assert mine.take(wait=True) and PidFile(path).pid() == os.getpid()


def test_a_number_that_was_not_written_whole_is_nobody(tmp_path):
    path = tmp_path / "pid"
    path.write_text("12x")
    assert PidFile(path).pid() is None
