"""Where the QEMU tests' guests live, and that none of them outlives its test."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from pileus.compute.hypervisor.qemu import process
from tests.compute.hypervisor.tiny_guest import write_images


@pytest.fixture(scope="session")
def home():
    """A folder with the images. One for all tests, so that QEMU is probed once."""
    path = Path(tempfile.mkdtemp(prefix="pileus-test-qemu-"))
    path.chmod(0o711)                                 # where strangers may pass, guests' processes are users of their own
    write_images(path)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def state(home):
    """The driver's state folder, empty but for what the probe found. Ends whatever a failed test has left running."""
    state = home / "state"
    yield state
    clean(state)


@pytest.fixture
def second(home):
    """The same for a second host."""
    state = home / "second"
    yield state
    clean(state)


def clean(state: Path) -> None:
    if not (state / "guests").exists():
        return
    for pid in process.running(state / "guests").values():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for name in ("guests", "trash"):
        shutil.rmtree(state / name, ignore_errors=True)
