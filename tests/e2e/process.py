"""A cloud in a process of its own, as users run it: started by `pileus up`, killed without warning, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pileus.cli.api import Client
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}


class CloudProcess:
    def __init__(self, state: Path, *options: str):
        self.listen = f"127.0.0.1:{free_port()}"
        self.state, self.options = state, options
        state.mkdir(parents=True, exist_ok=True)

    def start(self, timeout_s: float = 60) -> None:
        self.log = open(self.state / "log", "ab")                # noqa: SIM115 closed by `end`
        begin = self.log.tell()
        command = [sys.executable, "-m", "pileus", "up", "--state", str(self.state), "--listen", self.listen, *self.options]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env=environment(), start_new_session=True)
        end = time.monotonic() + timeout_s
        while b" pileus: ready" not in self.written(begin):
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the cloud did not start:\n{self.written(begin).decode()[-3000:]}")
            time.sleep(0.02)

    def written(self, begin: int = 0) -> bytes:
        with open(self.state / "log", "rb") as log:
            log.seek(begin)
            return log.read()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.log.close()

    def end(self, timeout_s: float = 30) -> int:
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout_s)
        self.log.close()
        return status

    def client(self, cloud: str = "pileus") -> Client:
        return Client(self.state, cloud)
