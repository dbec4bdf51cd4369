"""`pileus down`: stop the process that runs a cloud. Guests, bridges and routers go on."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from pileus.cli.options import STATE, State, running
from pileus.core.clock import wait_until


def down(*, state: State = STATE) -> int:
    """Stop a cloud. Servers and networks go on running, and are adopted at the next start."""
    return 0 if stop(state) else 1


def stop(state: Path, timeout_s: float = 20) -> bool:
    """Ask the process to end, and wait until it has."""
    mark = running(state)
    pid = mark.pid()
    if pid is None:
        print(f"pileus: nothing is running on {state}")
        return True
    os.kill(pid, signal.SIGTERM)
    if not wait_until(lambda: mark.pid() != pid, limit_s=timeout_s):
        print(f"pileus: process {pid} does not end", file=sys.stderr)
        return False
    print("pileus: stopped")
    return True
