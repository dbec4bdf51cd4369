"""Start a fresh simulated cloud, run `pileus bench` against it, stop it: `python -m benchmarks.run [SCENARIO …]`.

The client runs in this process and the cloud in its own, so that the processor time of each is known. Arguments are
those of `pileus bench`; `--hosts N` is the cloud's.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conformance.cloud import fresh_cloud

from pileus.bench.main import bench


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__.split("\n", 1)[0])
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--at", help="users at once, with commas between")
    parser.add_argument("--total", type=int, help="how often, for stories such as boot-and-delete")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--form", choices=["table", "markdown", "json"], default="table")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--hosts", type=int, default=10, help="how many simulated hosts the cloud has")
    parser.add_argument("--keep-log", type=Path, help="where to keep the cloud's log")
    options = parser.parse_args()
    with fresh_cloud(settings=f"[compute]\nhosts = {options.hosts}\n", keep_log=options.keep_log) as cloud:
        return bench(
            *options.scenarios, os_cloud="pileus", clouds=cloud.clouds_yaml, at=options.at, total=options.total,
            seconds=options.seconds, server_pid=cloud.process.pid, form=options.form, save=options.save,
        )


if __name__ == "__main__":
    sys.exit(main())
