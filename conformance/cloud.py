"""A fresh cloud of this checkout in a process and a folder of its own, for suites and benchmarks.

Not a test double: it is the command `pileus up`, started as a user would start it. When the block is left the
process is gone, and so is its folder.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 60.0
ENDS_WITHIN_S = 20.0


class CloudFailed(RuntimeError):
    """The cloud did not start, or ended by itself."""


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A running cloud: where it listens, where it keeps its files, which process it is."""

    url: str
    state: Path
    process: subprocess.Popen[bytes]
    log: Path
    ready_s: float

    def credentials(self, name: str) -> dict[str, str]:
        """The `auth` section of one cloud of the clouds.yaml that the cloud wrote."""
        return yaml.safe_load(self.clouds_yaml.read_text())["clouds"][name]["auth"]

    @property
    def clouds_yaml(self) -> Path:
        return self.state / "clouds.yaml"


@contextlib.contextmanager
def fresh_cloud(*, settings: str = "", keep_log: Path | None = None) -> Iterator[Cloud]:
    """Start a simulated cloud on a free port with an empty state; stop it, and remove the state, at the end.

    `settings` is the text of its configuration file. SIGTERM to this process ends the block like Ctrl-C does.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    state = Path(tempfile.mkdtemp(prefix="pileus-fresh-"))
    log = state / "output.log"
    try:
        (state / "pileus.toml").write_text(settings)
        listen = f"127.0.0.1:{free_port()}"
        with log.open("wb") as output:
            started = time.monotonic()
            process = subprocess.Popen(
                [*command(), "up", "--simulated", "--state", str(state), "--listen", listen],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment(),
                start_new_session=True,
            )
        try:
            wait_until_ready(process, log)
            yield Cloud(url=f"http://{listen}", state=state, process=process, log=log, ready_s=time.monotonic() - started)
        finally:
            stop(process)
    finally:
        if keep_log and log.exists():
            keep_log.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, keep_log)
        shutil.rmtree(state, ignore_errors=True)


def command() -> list[str]:
    """How to start this checkout's `pileus` with this interpreter, installed or not."""
    return [sys.executable, "-m", "pileus"]


def environment() -> dict[str, str]:
    """The environment of the cloud: this checkout's code first, and no other cloud's credentials."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    return kept | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the cloud has said that it is ready; fail with what it said when it ends before or takes too long."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        text = log.read_text(errors="replace")
        if "ready" in text:
            return
        if process.poll() is not None:
            raise CloudFailed(f"the cloud ended with status {process.returncode}:\n{text[-4000:]}")
        time.sleep(0.01)
    raise CloudFailed(f"the cloud was not ready within {READY_WITHIN_S:.0f} s:\n{log.read_text(errors='replace')[-4000:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the cloud as an operator would; kill it, with its children, when it does not listen."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise CloudFailed(f"the cloud did not end within {ENDS_WITHIN_S:.0f} s of SIGTERM") from None
