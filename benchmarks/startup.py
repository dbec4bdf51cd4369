"""From the start of the process to the first answered request, and what the cloud weighs while it idles.

`python -m benchmarks.startup [--times N]`: each time a fresh state folder, so the schema and the first projects are
made as well; once more on the state that is left, as after a restart.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from conformance.cloud import command, environment, free_port

GIVE_UP_S = 60.0
IDLE_S = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.startup", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--idle", type=float, default=IDLE_S, help="how long to idle before weighing")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    fresh, again, idle = [], [], {}
    for number in range(options.times):
        with tempfile.TemporaryDirectory(prefix="pileus-startup-") as state:
            fresh.append(start_once(Path(state)))
            again.append(start_once(Path(state), idle_s=options.idle if number == options.times - 1 else 0, idle=idle))
    found = json.dumps({"fresh": summary(fresh), "again": summary(again), **idle}, indent=2)
    print(found)
    if options.save:
        options.save.parent.mkdir(exist_ok=True)
        options.save.write_text(found + "\n")


def start_once(state: Path, *, idle_s: float = 0.0, idle: dict[str, float] | None = None) -> dict[str, float]:
    """Start, ask for a version document until it is answered, then for servers until that is refused, and stop."""
    port = free_port()
    started = time.monotonic()
    process = subprocess.Popen(
        [*command(), "up", "--simulated", "--state", str(state), "--listen", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
    )
    try:
        first = wait_for(process, port, started, "/identity/v3")
        refusal = wait_for(process, port, started, "/compute/v2.1/servers", expect=401)
        if idle_s and idle is not None:
            time.sleep(idle_s)
            idle.update(weigh(process.pid, idle_s))
        return {"first_answer_s": first, "first_refusal_s": refusal}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def wait_for(process: subprocess.Popen, port: int, started: float, path: str, expect: int = 200) -> float:
    """Seconds from the start to the first answer with this status."""
    while time.monotonic() - started < GIVE_UP_S:
        if process.poll() is not None:
            raise SystemExit(f"the cloud ended with status {process.returncode}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status == expect:
                return time.monotonic() - started
        time.sleep(0.005)
    raise SystemExit(f"no answer from {path} within {GIVE_UP_S:.0f} s")


def weigh(pid: int, over_s: float) -> dict[str, float]:
    """Memory of the process and its children, and the share of a core that it used while nobody asked anything."""
    pids = [pid, *children(pid)]
    before = sum(map(cpu_seconds, pids))
    time.sleep(over_s)
    return {
        "processes": len(pids),
        "idle_rss_mib": round(sum(memory(one, "VmRSS") for one in pids) / 1024, 1),
        "idle_cpu_percent": round(100 * (sum(map(cpu_seconds, pids)) - before) / over_s, 2),
    }


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *children(child)]
    return found


def memory(pid: int, field: str) -> int:
    """A field of /proc/PID/status in KiB."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1])


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def summary(runs: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        key: {"median": round(statistics.median(values), 3), "least": round(min(values), 3), "most": round(max(values), 3)}
        for key in runs[0] for values in [[run[key] for run in runs]]
    }


if __name__ == "__main__":
    main()
