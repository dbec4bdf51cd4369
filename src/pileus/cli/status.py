"""`pileus status`: what the cloud says of itself."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys

from pileus.cli.api import Client, NotRunning
from pileus.cli.options import STATE, State, running

#: Rows of a table; there may be thousands of servers.
MOST = 80
#: Columns of a line that goes into a file or a pipe: nothing of it is cut. On a screen with fewer than NARROW, what matters
#: least is left out.
WIDE, NARROW = 200, 120
LEAST = frozenset({"runs", "seconds"})


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
        show(found, running(state).pid())
    return 0


def show(found: dict, pid: int | None) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else WIDE)
    console.print(f"[bold]pileus {found['version']}[/bold]  process {pid}  database {found['database']}")
    for title, rows, columns in (
        ("hosts", found["hosts"], ("host", "type", "up", "enabled", "guests", "reported_at")),
        ("servers", found["servers"], ("id", "name", "status", "OS-EXT-SRV-ATTR:host")),
        ("operations", found["operations"], ("saga", "subject", "step", "undoing", "begun_at")),
        ("periodic tasks", gathered(found["periodic_tasks"]), ("owner", "task", "every_s", "runs", "last", "seconds", "result", "error")),
    ):
        if not rows:
            continue
        table = Table(title=title, title_justify="left")
        shown = [column for column in columns if console.width >= NARROW or column not in LEAST]
        for column in shown:
            table.add_column(column.rpartition(":")[2], overflow="fold")
        for entry in rows[:MOST]:
            table.add_row(*["" if (value := entry.get(column)) is None else str(value) for column in shown])
        console.print(table)
        if len(rows) > MOST:
            console.print(f"… and {len(rows) - MOST} more")


def gathered(tasks: list[dict]) -> list[dict]:
    """One row for a task that many hosts have: that of the host where it failed or else has been waiting for longest."""
    rows: dict[tuple[str, str], list[dict]] = {}
    for task in tasks:
        kind = " ".join(task["owner"].split()[:2])          # "compute agent h1"
        rows.setdefault((kind, task["task"]), []).append(task)
    return [worst(group) | ({"owner": f"{kind}s ({len(group)})"} if len(group) > 1 else {}) for (kind, _), group in rows.items()]


def worst(group: list[dict]) -> dict:
    found = min(group, key=lambda task: (not task["error"], task["last"] or ""))
    nothing = "" if found["error"] or not found["runs"] else "ok"
    return found | {"result": found["result"] or nothing}
