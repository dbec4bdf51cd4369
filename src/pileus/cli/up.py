"""`pileus up`: the whole cloud in this process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pileus.cli.options import STATE, State, configuration, remember, running
from pileus.core import event_loop
from pileus.core.clock import Clock, wait_until

#: What the log of a cloud says when it answers.
READY = " pileus: ready"


def up(*, state: State = STATE, simulated: bool = False, listen: str | None = None, config: Path | None = None,
       detach: Annotated[bool, Parameter(alias="-d")] = False) -> int | None:
    """Start a cloud: identity, image, placement, compute, network and object store in one process.

    Parameters
    ----------
    simulated
        Simulated hypervisor and network: needs no root and no QEMU.
    listen
        HOST:PORT of all services (default: 127.0.0.1:8787).
    config
        Configuration file (default: pileus.toml in the state folder).
    detach
        Go on in the background once the cloud is ready.
    """
    if detach:
        return in_background(state, simulated=simulated, listen=listen, config=config)
    gc.disable()                                         # until the cloud is ready: what a start makes stays
    chosen = configuration(state, config, listen=listen, simulated=simulated)
    state.mkdir(parents=True, exist_ok=True, mode=0o711)
    lock = running(state)
    if not lock.take():
        print(f"pileus: a cloud is already running on {state} (process {lock.pid()})", file=sys.stderr)
        return 1
    remember(chosen, state)
    event_loop.run(run(chosen, state))
    return 0


async def run(config, state: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    clock = Clock()
    began = clock.monotonic()                            # what is imported now takes most of a start
    from pileus.bootstrap import bootstrap
    from pileus.cloud import Cloud, serve
    from pileus.core import log as logs

    logs.setup(as_json=config.log.json, level=config.log.level)
    log, until = logs.Log("pileus"), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, until.set)
    cloud = Cloud(config, state)
    await cloud.start()
    await bootstrap(cloud)
    collect_seldom()

    def ready() -> None:
        log.info("ready", endpoint=cloud.endpoint, clouds=state / "clouds.yaml", seconds=round(clock.monotonic() - began, 2))

    await serve(cloud, ready, until)
    log.info("stopping")
    await cloud.stop()


def collect_seldom() -> None:
    """What is here now stays, so the collector need not look at it again. A long list is more objects than it waits for by
    itself, and none of them is garbage yet: it used a seventh of the time that a page of a thousand servers takes."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


def in_background(state: Path, *, simulated: bool = False, listen: str | None = None, config: Path | None = None) -> int:
    """Start the cloud as a process of its own, and return when it is ready or has failed."""
    state.mkdir(parents=True, exist_ok=True, mode=0o711)
    if (pid := running(state).pid()) is not None:
        print(f"pileus: already running on {state} (process {pid})")
        return 0
    args = ["--state", str(state), *(["--simulated"] if simulated else []), *(["--listen", listen] if listen else []),
            *(["--config", str(config)] if config else [])]
    with open(state / "pileus.log", "ab") as out:
        begin = out.tell()
        child = subprocess.Popen([sys.executable, "-m", "pileus", "up", *args], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                 start_new_session=True, env=os.environ)

    def said() -> str:
        with open(state / "pileus.log") as log:
            log.seek(begin)
            return log.read()

    wait_until(lambda: child.poll() is not None or READY in said())
    if child.poll() is None:
        print(next(line.split(" pileus: ")[1] for line in said().splitlines() if READY in line))
        return 0
    sys.stderr.write(said()[-4000:])
    return child.returncode or 1
