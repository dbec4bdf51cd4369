"""One agent of a cloud at a time on a host.

The claim is the name of an abstract socket: it belongs to the network namespace whose state it guards, and it is gone with
the last process that holds it. A process that an agent started to change something holds it too, so an agent that takes
over from one that was killed does not begin before that change is over.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import select
import socket

from pileus.network.datapath.base import DatapathFailed

WAIT_S = 15
STEP_S = 0.02


def host(tag: str) -> socket.socket:
    """Claim the host for the cloud; the socket is the claim. Raises DatapathFailed when another agent does not let go."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    for _ in range(int(WAIT_S / STEP_S)):
        try:
            claim.bind(f"\0pileus-datapath-{tag}")
        except OSError as failure:
            if failure.errno != errno.EADDRINUSE:
                raise
            select.select([], [], [], STEP_S)
        else:
            return claim
    claim.close()
    raise DatapathFailed(what=f"be claimed: another agent of the cloud {tag} works on it")
