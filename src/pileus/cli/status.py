"""`pileus status`: what the cloud says of itself."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys

from pileus.cli.api import Client, NotRunning
from pileus.cli.options import STATE, Running, State


def status(*, state: State = STATE, json: bool = False) -> int:
    """Show services, hosts, servers, open operations and periodic tasks.

    Parameters
    ----------
    json
        Print one JSON object.
    """
    try:
        client = Client(state, "pileus-admin")
        found = client.get("/status")
        found["servers"] = client.get("/compute/v2.1/servers/detail?all_tenants=1")["servers"]
    except NotRunning as problem:
        print(f"pileus: {problem}", file=sys.stderr)
        return 1
    if json:
        import json as encoder

        print(encoder.dumps(found, indent=2))
    else:
        show(found, Running(state).pid())
    return 0


def show(found: dict, pid: int | None) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"[bold]pileus {found['version']}[/bold]  process {pid}  database {found['database']}")
    for title, rows, columns in (
        ("hosts", found["hosts"], ("host", "type", "up", "enabled", "guests", "reported_at")),
        ("servers", found["servers"], ("id", "name", "status", "OS-EXT-SRV-ATTR:host")),
        ("operations", found["operations"], ("saga", "subject", "step", "undoing", "begun_at")),
        ("periodic tasks", found["periodic_tasks"], ("owner", "task", "every_s", "runs", "last", "seconds", "result", "error")),
    ):
        if not rows:
            continue
        table = Table(title=title, title_justify="left")
        for column in columns:
            table.add_column(column.rpartition(":")[2])
        for entry in rows[:40]:
            table.add_row(*[str(entry.get(column, "")) for column in columns])
        console.print(table)
        if len(rows) > 40:
            console.print(f"… and {len(rows) - 40} more")
