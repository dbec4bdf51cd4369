"""The `pileus` command. Each command is a module of its own and is loaded when it is asked for: a start must be quick."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
from pathlib import Path

import cyclopts

from pileus import __version__

#: command → the function that carries it out
COMMANDS = {
    "up": "pileus.cli.up:up",
    "down": "pileus.cli.down:down",
    "reset": "pileus.cli.reset:reset",
    "status": "pileus.cli.status:status",
    "doctor": "pileus.cli.doctor:doctor",
    "env": "pileus.cli.env:env",
    "demo": "pileus.cli.demo:demo",
    "config": "pileus.cli.config:config",
    "bench": "pileus.bench.main:bench",
}
SCHEDULER = {"explain": "pileus.cli.scheduler:explain"}
IDENTITY = {"rotate-keys": "pileus.cli.keys:rotate_keys", "rotate-credential-keys": "pileus.cli.sealing:rotate_credential_keys",
            "migrate-credentials": "pileus.cli.sealing:migrate_credentials", "rotate-saml-key": "pileus.cli.saml:rotate_saml_key"}
TOKEN = {"show": "pileus.cli.token:show"}
POLICY = {"check": "pileus.cli.policy:check"}
#: What `swift-init` does, and what it needs.
OBJECT_STORE = {name: f"pileus.cli.object_store:{function}" for name, function in (
    ("run", "run"), ("no-daemon", "run"), ("dev-cluster", "dev_cluster"), ("status", "status"), ("start", "start"),
    ("no-wait", "no_wait"),
    ("once", "once_"), ("stop", "stop_"), ("shutdown", "stop_"), ("restart", "restart"), ("reload", "reload"),
    ("force-reload", "force_reload"), ("kill", "kill"), ("dispersion-populate", "dispersion_populate"),
    ("dispersion-report", "dispersion_report"), ("relink", "relink"))}
#: What `swift-manage-shard-ranges` does.
SHARD_RANGES = {name: f"pileus.cli.shard_ranges:{name.replace('-', '_')}" for name in (
    "find", "replace", "find-and-replace", "show", "info", "analyze", "repair", "compact", "enable", "delete")}
RING = {name: f"pileus.cli.ring:{name.replace('-', '_')}" for name in (
    "create", "add", "set-weight", "remove", "set-info", "set-region", "set-zone", "search", "list-parts", "set-replicas",
    "set-overload", "set-min-part-hours",
    "pretend-min-part-hours-passed", "rebalance", "write-ring", "write-builder", "prepare-increase-partition-power",
    "increase-partition-power", "cancel-increase-partition-power", "finish-increase-partition-power", "validate", "dispersion",
    "show")}
IMAGE = {"build": "pileus.cli.image:build", "convert": "pileus.cli.image:convert", "restore": "pileus.cli.image:restore",
         "load-metadefs": "pileus.cli.metadefs:load_metadefs"}


#: group of commands → what it is about, and its commands; a group in a group is named by both.
GROUPS = {
    "image": ("The small guest image; converting and restoring images; definitions of image properties.", IMAGE),
    "scheduler": ("The choice of hosts for servers.", SCHEDULER),
    "policy": ("Who may do what.", POLICY),
    "identity": ("The keys of identity: of tokens, of stored secrets.", IDENTITY),
    "token": ("Tokens.", TOKEN),
    "object-store": ("The object store's servers and daemons.", OBJECT_STORE),
    "object-store shard-ranges": ("The shards of a large container, by its database.", SHARD_RANGES),
    "ring": ("The rings of an object store.", RING),
}


def main() -> None:
    """Run the command line of this process."""
    words = sys.argv[1:]
    asked = not words or " ".join(words) in GROUPS or not {"-h", "--help"}.isdisjoint(words)
    app = cyclopts.App(name="pileus", version=__version__, help="OpenStack as one small, fast package.")
    apps = {"": app}
    for path, (about, _) in GROUPS.items():
        above, _, last = path.rpartition(" ")
        apps[path] = cyclopts.App(name=last, help=about)
        apps[above].command(apps[path])
    for path, commands in (("", COMMANDS), *((path, commands) for path, (_, commands) in GROUPS.items())):
        for name, target in commands.items():
            apps[path].command(target, name=name, help=about_command(target) if asked else None)
    try:
        sys.exit(app() or 0)
    except BrokenPipeError:                              # whoever read it, `head` perhaps, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def about_command(target: str) -> str:
    """The first line of a command's docstring, read off its source: to import all of them would take a second."""
    module, _, function = target.partition(":")
    found = importlib.util.find_spec(module)
    tree = ast.parse(Path(found.origin).read_text() if found and found.origin else "")
    docs = (ast.get_docstring(node) for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    made = next(docs, None) or getattr(importlib.import_module(module), function).__doc__       # some are made by a function
    return made.partition("\n")[0]
