"""The bus interfaces between the control plane and the network agents of hosts."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import msgspec

from pileus.core.bus.interface import LONG, QUICK, Interface, takes
from pileus.network.datapath.base import HostNetworks
from pileus.network.model import Heartbeat

#: The host that the control plane serves `NetworkReports` at.
CONTROL = "control"


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a wanted state: the guests' ports that are wired up, and what could not be made."""

    wired: tuple[str, ...] = ()
    problem: str = ""


class NetworkAgent(Interface, topic="network"):
    """What a host does for the network service."""

    @takes(LONG)
    async def apply(self, generation: int, wanted: HostNetworks) -> Applied:
        """Make the host's network so. A state that is older than one it has already is not applied; its answer is that of
        the newer one."""

    @takes(LONG)
    async def clear(self) -> None:
        """Remove everything."""


class NetworkReports(Interface, topic="network-reports"):
    """What agents tell the control plane."""

    @takes(QUICK)
    async def report(self, heartbeat: Heartbeat) -> None:
        """This host's agent is alive."""
