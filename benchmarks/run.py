"""Start a fresh simulated cloud, run `pileus bench` against it, stop it: `python -m benchmarks.run [SCENARIO …]`.

The client runs in this process and the cloud in its own, so that the processor time of each is known. Arguments are
those of `pileus bench`; `--hosts N` is the cloud's.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

from conformance.cloud import fresh_cloud
from conformance.results import version

from pileus.bench.main import Options, bench


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__.split("\n", 1)[0])
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--at", help="users at once, with commas between")
    parser.add_argument("--total", type=int, help="how often, for stories such as boot-and-delete")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--form", choices=["table", "markdown", "json"])
    parser.add_argument("--save", type=Path)
    parser.add_argument("--hosts", type=int, default=10, help="how many simulated hosts the cloud has")
    parser.add_argument("--keep-log", type=Path, help="where to keep the cloud's log")
    options = parser.parse_args()
    if options.save:
        options.save.parent.mkdir(exist_ok=True)
        (options.save.parent / "about.json").write_text(json.dumps(about(), indent=2) + "\n")
    with fresh_cloud(settings=f"[compute]\nhosts = {options.hosts}\n", keep_log=options.keep_log) as cloud:
        return bench(
            *options.scenarios, form=options.form, save=options.save,
            options=Options(os_cloud="pileus", clouds=cloud.clouds_yaml, at=options.at, total=options.total, seconds=options.seconds,
                            server_pid=cloud.process.pid),
        )


def about() -> dict[str, str]:
    """What was measured, when and on what, for the head of figures.md."""
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.partition(":")[2].strip() for line in cpuinfo if "model name" in line), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "version": version(), "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": f"{os.cpu_count()} cores {processor}, {memory:.0f} GiB, Python {platform.python_version()}, client on the same cores",
        "load": f"{os.getloadavg()[0]:.1f}",
    }


if __name__ == "__main__":
    sys.exit(main())
