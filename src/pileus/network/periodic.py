"""What the control plane does of its own accord. Whatever a change forgot to tell somebody, one of these notices."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

from pileus.core.periodic import Periodic

if TYPE_CHECKING:
    from pileus.network.service import Network


async def resync_hosts(network: Network) -> str | None:
    """Tell every host its whole state again."""
    return await network.sync.resync()


async def check_agents(network: Network) -> str | None:
    """Notice agents that have gone silent."""
    return await network.agents.check()


async def settle_dhcp(network: Network) -> str | None:
    """Give DHCP ports to networks that ought to have one."""
    return await network.dhcp.settle_all()


PERIODIC = [
    Periodic(resync_hosts, every_s=120, at_start=True),
    Periodic(check_agents, every_s=30),
    Periodic(settle_dhcp, every_s=120),
]
