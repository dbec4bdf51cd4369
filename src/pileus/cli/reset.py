"""`pileus reset`: remove everything a cloud ever made on this machine, also when its database is lost."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from pileus.cli.down import stop
from pileus.cli.options import STATE, State, used_configuration


def reset(*, state: State = STATE, yes: bool = False) -> int:
    """Stop a cloud and remove its guests, namespaces, bridges, taps, rules and files.

    Parameters
    ----------
    yes
        Do not ask.
    """
    if not state.exists():
        print(f"pileus: there is nothing in {state}")
        return 0
    if not yes and input(f"Remove the cloud in {state} with all servers, images and networks? [y/N] ").strip().lower() not in ("y", "yes"):
        return 1
    if not stop(state):
        return 1
    problems = asyncio.run(clear(state))
    for problem in problems:
        print(f"pileus: {problem}", file=sys.stderr)
    if problems:
        return 1
    shutil.rmtree(state)
    print(f"pileus: removed {state}")
    return 0


async def clear(state: Path) -> list[str]:
    """End the guests and remove the networks; returns what could not be removed. A half-removed cloud can be reset again."""
    from pileus.core.bus import Loopback
    from pileus.core.clock import Clock
    from pileus.hosts import Machine, Place, former_hosts, host_names

    problems, config, machine = [], used_configuration(state), Machine()
    for name in (*host_names(config), *former_hosts(config, state)):
        hypervisor, datapath = machine.make_host(Place(name=name, config=config, state=state, clock=Clock(), bus=Loopback()))
        try:
            await hypervisor.start()
            for guest in await hypervisor.guests():
                await hypervisor.destroy(guest.id)
            await hypervisor.stop()
            await datapath.start()
            await datapath.clear()
            await datapath.stop()
        except Exception as failure:
            problems.append(f"{type(failure).__name__}: {failure} {getattr(failure, 'detail', '')}".strip())
    return problems
