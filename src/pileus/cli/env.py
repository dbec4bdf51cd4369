"""`pileus env`: the classic OS_* variables, for `eval "$(pileus env)"`."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shlex
import sys

import yaml

from pileus.cli.options import parser


def command(args: list[str]) -> None:
    options = parser("env", 'Print OS_* variables: eval "$(pileus env)"')
    options.add_argument("cloud", nargs="?", default="pileus", help="pileus, pileus-alt, pileus-admin or pileus-system")
    chosen = options.parse_args(args)
    try:
        entry = yaml.safe_load((chosen.state / "clouds.yaml").read_text())["clouds"][chosen.cloud]
    except (OSError, KeyError):
        sys.exit(f"pileus: there is no cloud {chosen.cloud} in {chosen.state / 'clouds.yaml'}; start one with `pileus up`")
    values = entry["auth"] | {"region_name": entry["region_name"], "identity_api_version": entry["identity_api_version"], "interface": "public"}
    for name, value in values.items():
        print(f"export OS_{name.upper()}={shlex.quote(str(value))}")
