"""`pileus env`: the classic OS_* variables, for `eval "$(pileus env)"`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shlex
import sys

import yaml

from pileus.cli.options import STATE, State


def env(cloud: str = "pileus", *, state: State = STATE) -> int:
    """Print OS_* variables for the shell: eval "$(pileus env)".

    Parameters
    ----------
    cloud
        pileus, pileus-alt, pileus-admin or pileus-system.
    """
    try:
        entry = yaml.safe_load((state / "clouds.yaml").read_text())["clouds"][cloud]
    except (OSError, KeyError):
        print(f"pileus: there is no cloud {cloud} in {state / 'clouds.yaml'}; start one with `pileus up`", file=sys.stderr)
        return 1
    values = entry["auth"] | {name: entry[name] for name in ("region_name", "identity_api_version")} | {"interface": "public"}
    for name, value in values.items():
        print(f"export OS_{name.upper()}={shlex.quote(str(value))}")
    return 0
