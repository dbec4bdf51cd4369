"""`pileus scheduler`: why a server is where it is, or nowhere."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import sys
import urllib.error
from urllib.parse import quote

from pileus.cli.api import Client, NotRunning
from pileus.cli.options import STATE, State

MOST = 40


def explain(server: str, *, state: State = STATE, json: bool = False) -> int:
    """Show where a server like this one could go now: the weights of each host, or the filters that refuse it.

    Parameters
    ----------
    server
        The server's id or name.
    json
        Print one JSON object.
    """
    try:
        client = Client(state, "pileus-admin")
        found = client.get(f"/status/scheduler/{quote(id_of(client, server), safe='')}")
    except NotRunning as problem:
        print(f"pileus: {problem}", file=sys.stderr)
        return 1
    except urllib.error.HTTPError as refused:
        print(f"pileus: {server}: {refused.reason}", file=sys.stderr)
        return 1
    if json:
        import json as encoder

        print(encoder.dumps(found, indent=2))
    else:
        show(found)
    return 0


def id_of(client: Client, server: str) -> str:
    """The id of the one server of that name; else what was given is an id."""
    found = client.get(f"/compute/v2.1/servers?all_tenants=1&name={quote('^' + re.escape(server) + '$', safe='')}")["servers"]
    return found[0]["id"] if len(found) == 1 else server


def show(found: dict) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True)
    console.print(f"server {found['server']} is on {found['host'] or 'no host'}")
    if found["fault"]:
        console.print(found["fault"])
    for name, count in found["removed"].items():
        console.print(f"  {name} removed {count} of the hosts before it")
    for trait, count in found["traits"].items():
        console.print(f"  {count} hosts have {trait[1:]}, which is forbidden" if trait[0] == "!" else f"  {count} hosts lack {trait}")
    table = Table()
    for column in ("host", "weight", "why"):
        table.add_column(column, overflow="fold")
    for host in found["hosts"][:MOST]:
        refused = ", ".join(host["refused_by"])
        weights = ", ".join(f"{name} {by:+.3f}" for name, by in host["weights"].items())
        table.add_row(host["host"], "" if refused else f"{host['weight']:.3f}", f"refused by {refused}" if refused else weights)
    console.print(table)
    if len(found["hosts"]) > MOST:
        console.print(f"… and {len(found['hosts']) - MOST} more")
