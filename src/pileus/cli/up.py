"""`pileus up`: the whole cloud in this process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pileus.cli.options import Running, configuration, parser


def command(args: list[str]) -> None:
    options = parser("up", "Start a cloud: identity, image, placement, compute and network in one process.")
    options.add_argument("--simulated", action="store_true", help="simulated hypervisor and network: no root, no QEMU")
    options.add_argument("--listen", metavar="HOST:PORT", help="address of all services (default: 127.0.0.1:8787)")
    options.add_argument("--config", type=Path, metavar="FILE", help="configuration file (default: DIR/pileus.toml)")
    options.add_argument("-d", "--detach", action="store_true", help="go on in the background once it is ready")
    chosen = options.parse_args(args)
    if chosen.detach:
        sys.exit(detach([a for a in args if a not in ("-d", "--detach")], chosen.state))
    config = configuration(chosen.state, chosen.config, listen=chosen.listen, simulated=chosen.simulated)
    chosen.state.mkdir(parents=True, exist_ok=True, mode=0o711)
    lock = Running(chosen.state)
    if not lock.take():
        sys.exit(f"pileus: a cloud is already running on {chosen.state} (process {lock.pid()})")
    asyncio.run(run(config, chosen.state, time.perf_counter()))


async def run(config, state: Path, began: float) -> None:
    """Serve until SIGTERM or SIGINT."""
    from pileus.bootstrap import bootstrap
    from pileus.cloud import Cloud, serve
    from pileus.core import log as logs
    from pileus.hosts import maker

    logs.setup(as_json=config.log.json, level=config.log.level)
    log, until = logs.Log("pileus"), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, until.set)
    cloud = Cloud(config, state, maker(config, state))
    await cloud.start()
    await bootstrap(cloud)
    gc.freeze()                                          # what is here now stays: the collector need not look at it again

    def ready() -> None:
        log.info("ready", endpoint=cloud.endpoint, clouds=state / "clouds.yaml", seconds=round(time.perf_counter() - began, 2))

    await serve(cloud, ready, until)
    log.info("stopping")
    await cloud.stop()


def detach(args: list[str], state: Path) -> int:
    """Start the cloud as a process of its own, and return when it is ready or has failed."""
    state.mkdir(parents=True, exist_ok=True, mode=0o711)
    if (pid := Running(state).pid()) is not None:
        print(f"pileus: already running on {state} (process {pid})")
        return 0
    with open(state / "pileus.log", "ab") as out:
        begin = out.tell()
        child = subprocess.Popen([sys.executable, "-m", "pileus", "up", *args], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                 start_new_session=True, env=os.environ)
    while child.poll() is None:
        with open(state / "pileus.log") as log:
            log.seek(begin)
            for line in log:
                if " pileus: ready" in line:
                    print(line.split(" pileus: ")[1].strip())
                    return 0
        time.sleep(0.05)
    with open(state / "pileus.log") as log:
        log.seek(begin)
        sys.stderr.write(log.read()[-4000:])
    return child.returncode or 1
