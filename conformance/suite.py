"""Tempest itself: its virtual environment, its list of tests, and what became of the tests of the last run."""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from conformance.cloud import ROOT

HOME = ROOT / ".conformance"
HERE = Path(__file__).resolve().parent
WORKER = HERE / "worker.py"
TEST_TIMEOUT_S = 120


class TempestMissing(RuntimeError):
    """Tempest could not be installed: no package index, most likely."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one test. `status` is passed, failed or skipped; `why` is a reason or a traceback."""

    id: str
    status: str
    seconds: float = 0.0
    why: str = ""
    log: str = ""


def tempest_python() -> Path:
    """The interpreter that has Tempest, installed now unless these very pins were installed before."""
    requirements = HERE / "requirements.txt"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    venv = HOME / "venv"
    python, stamp = venv / "bin" / "python", venv / "pins.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    say(f"installing Tempest into {venv.relative_to(ROOT)} (once)")
    HOME.mkdir(exist_ok=True)
    install = [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "-qq", "install", "--require-hashes"]
    for step in ([sys.executable, "-m", "venv", "--clear", venv], [*install, "--requirement", requirements]):
        done = subprocess.run([str(word) for word in step], capture_output=True, text=True)
        if done.returncode:
            raise TempestMissing(f"cannot install Tempest: {done.stderr.strip()[-2000:]}")
    stamp.write_text(wanted)
    return python


def list_tests(python: Path) -> dict[str, set[str]]:
    """Every test of the suite and its attributes: its id-UUID, smoke, negative, slow …"""
    kept = HOME / f"tests-{hashlib.sha256((HERE / 'requirements.txt').read_bytes()).hexdigest()[:12]}.json"
    if not kept.exists():
        empty = HOME / "empty.conf"
        empty.write_text("[DEFAULT]\n")
        done = subprocess.run(
            [str(python), "-P", str(WORKER), "--list"],
            check=True, capture_output=True, text=True, env=worker_environment(empty),
        )
        kept.write_text(done.stdout)
    return {test: set(attributes) for test, attributes in json.loads(kept.read_text()).items()}


def worker_environment(configuration: Path) -> dict[str, str]:
    return os.environ | {
        "TEMPEST_CONFIG_DIR": str(configuration.parent), "TEMPEST_CONFIG": configuration.name,
        "OS_TEST_TIMEOUT": str(TEST_TIMEOUT_S), "PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "",
    }


def save(outcomes: list[Outcome]) -> None:
    """Keep the outcomes of this run for `python -m conformance.failures`."""
    HOME.mkdir(exist_ok=True)
    (HOME / "last-run.jsonl").write_text("".join(json.dumps(asdict(outcome)) + "\n" for outcome in outcomes))


def last_run() -> list[Outcome]:
    path = HOME / "last-run.jsonl"
    return [Outcome(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def say(text: str) -> None:
    print(f"conformance: {text}", file=sys.stderr, flush=True)
