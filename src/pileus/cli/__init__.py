"""The `pileus` command. Each command is a module of its own and is loaded when it is asked for: a start must be quick."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import sys

#: command → (module, what it does)
COMMANDS = {
    "up": ("pileus.cli.up", "Start a cloud."),
    "down": ("pileus.cli.down", "Stop it; servers and networks go on running."),
    "reset": ("pileus.cli.reset", "Stop it and remove everything it ever made on this machine."),
    "status": ("pileus.cli.status", "Show services, hosts, servers and periodic tasks."),
    "doctor": ("pileus.cli.doctor", "Say what this machine can do, and what to do about what is missing."),
    "env": ("pileus.cli.env", "Print OS_* variables for the shell."),
    "demo": ("pileus.cli.demo", "A real server from nothing to ssh, step by step."),
    "image": ("pileus.cli.image", "Build the small guest image from Debian packages."),
    "bench": ("pileus.cli.bench", "Measure any OpenStack cloud of a clouds.yaml."),
    "config": ("pileus.cli.config", "Print the reference of all configuration options."),
}


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("--version", "-V"):
        from pileus import __version__

        print(f"pileus {__version__}")
    elif name in COMMANDS:
        importlib.import_module(COMMANDS[name][0]).command(sys.argv[2:])
    else:
        print("usage: pileus COMMAND [OPTIONS]        (pileus COMMAND --help)\n", file=sys.stderr)
        for command, (_, text) in COMMANDS.items():
            print(f"  {command:8} {text}", file=sys.stderr)
        sys.exit(0 if name in ("--help", "-h", "help") else 2)
