"""`pileus down`: stop the process that runs a cloud. Guests, bridges and routers go on."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from pileus.cli.options import STATE, Running, State


def down(*, state: State = STATE) -> int:
    """Stop a cloud. Servers and networks go on running, and are adopted at the next start."""
    return 0 if stop(state) else 1


def stop(state: Path, timeout_s: float = 20) -> bool:
    """Ask the process to end, and wait until it has."""
    running = Running(state)
    pid = running.pid()
    if pid is None:
        print(f"pileus: nothing is running on {state}")
        return True
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + timeout_s
    while running.pid() == pid:
        if time.monotonic() > end:
            print(f"pileus: process {pid} does not end", file=sys.stderr)
            return False
        time.sleep(0.05)
    print("pileus: stopped")
    return True
