"""Each way into the object store loads by itself, whatever was loaded before."""

import subprocess
import sys

import pytest

WAYS = ["pileus.cloud", "pileus.object_store.daemons", "pileus.object_store.service", "pileus.object_store.periodic"]


@pytest.mark.parametrize("module", WAYS)
def test_a_way_in_loads_first(module):
    done = subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = ['src']; import {module}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-600:]
