"""What several commands share: the state folder, the configuration, and the lock that says who runs a cloud."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from pileus.config import CloudConfig
from pileus.core.config import load
from pileus.core.pidfile import PidFile

State = Annotated[Path, Parameter(help="The cloud's state folder.")]


def default_state() -> Path:
    """The state folder when none is named: PILEUS_STATE, else the system's place for root and the user's for others."""
    if chosen := os.environ.get("PILEUS_STATE"):
        return Path(chosen)
    return Path("/var/lib/pileus") if os.geteuid() == 0 else Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local/state")) / "pileus"


STATE = default_state()


def configuration(state: Path, file: Path | None = None, *, listen: str | None = None, simulated: bool = False) -> CloudConfig:
    """The configuration: the file named, or `pileus.toml` in the state folder, with the command line on top."""
    found = file or (state / "pileus.toml" if (state / "pileus.toml").exists() else None)
    overrides: dict = {}
    if listen:
        overrides["api"] = {"listen": listen if ":" in listen else f"127.0.0.1:{listen}"}
    if simulated:
        overrides |= {"compute": {"hypervisor": "simulated"}, "network": {"datapath": "simulated"}}
    return load(CloudConfig, found, overrides)


def remember(config: CloudConfig, state: Path) -> None:
    """Keep the configuration a cloud runs with, so that later commands deal with the same drivers."""
    (state / "running.json").write_bytes(msgspec.json.encode(config))


def used_configuration(state: Path) -> CloudConfig:
    """The configuration the cloud of this folder ran with last."""
    try:
        return msgspec.json.decode((state / "running.json").read_bytes(), type=CloudConfig)
    except (OSError, msgspec.DecodeError):
        return configuration(state)


def running(state: Path) -> PidFile:
    """Which process runs the cloud of a state folder."""
    return PidFile(state / "pileus.pid")
