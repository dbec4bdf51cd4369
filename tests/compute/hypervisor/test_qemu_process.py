"""Finding the processes of guests among all those of a host."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pileus.compute.hypervisor.qemu import process

#: Becomes another program again and again, with the same arguments.
RESTLESS = 'left=$3; [ "$left" = 0 ] || exec /bin/sh "$0" "$1" "$2" $((left - 1))'


@pytest.mark.realtime
def test_a_process_that_becomes_another_program_is_found_all_the_while(tmp_path):
    script = tmp_path / "restless"
    script.write_text(RESTLESS)
    child = subprocess.Popen(["/bin/sh", script, "-pidfile", tmp_path / "guests" / "one" / "pid", "400"])
    missed = 0
    while child.poll() is None:
        found = process.running(tmp_path / "guests")
        missed += found != {"one": child.pid} and child.poll() is None
    assert missed <= 1                                # it may end between the two looks


@pytest.mark.realtime
def test_a_zombie_runs_nothing(tmp_path):
    child = subprocess.Popen(["/bin/sh", "-c", "exit 0", "-pidfile", tmp_path / "guests" / "one" / "pid"])
    while Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        pass
    assert process.running(tmp_path / "guests") == {}
    child.wait()
