"""The figures as a table for people, as Markdown, and as JSON."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterable

from pileus.bench.measure import Figures

# Heading and cell of each column.
COLUMNS: list[tuple[str, Callable[[Figures], str]]] = [
    ("scenario", lambda row: row.scenario),
    ("what", lambda row: row.about + (f": {row.part}" if row.part else "")),
    ("at once", lambda row: str(row.at)),
    ("n", lambda row: f"{row.count:,}"),
    ("median ms", lambda row: ms(row.median_ms)),
    ("p95 ms", lambda row: ms(row.p95_ms)),
    ("per second", lambda row: f"{row.per_second:,.0f}" if row.per_second >= 10 else f"{row.per_second:.2f}"),
    ("cloud CPU ms", lambda row: "" if row.server_cpu_ms is None else ms(row.server_cpu_ms)),
    ("client CPU ms", lambda row: ms(row.client_cpu_ms)),
    ("failed", lambda row: str(row.failed) if row.failed else ""),
]


def ms(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def markdown(rows: Iterable[Figures]) -> str:
    lines = ["| " + " | ".join(name for name, _ in COLUMNS) + " |", "| --- | --- |" + " ---: |" * (len(COLUMNS) - 2)]
    return "\n".join([*lines, *("| " + " | ".join(cell(row) for _, cell in COLUMNS) + " |" for row in rows)]) + "\n"


def show(rows: Iterable[Figures]) -> None:
    """Print a table that fits the terminal, and below it what went wrong."""
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for number, (name, _) in enumerate(COLUMNS):
        table.add_column(name, justify="left" if number < 2 else "right", no_wrap=number != 1)
    rows = list(rows)
    for row in rows:
        table.add_row(*(cell(row) for _, cell in COLUMNS))
    console = Console()
    console.print(table)
    for row in rows:
        if row.problem:
            console.print(f"{row.scenario} at {row.at}: {row.failed} failed, the first with {row.problem}", markup=False)
