"""Statements that are built once: building one takes SQLAlchemy ten times as long as SQLite takes to carry it out.

Each function answers the same statement for the same table and names, so its text and cache key are made once in the life
of a process. Values are parameters: `row_<name>` for what a row must equal, `new_<name>` for what a column becomes.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa


@cache
def insert(table: sa.Table) -> sa.Insert:
    return table.insert()


@cache
def select(table: sa.Table, *key: str) -> sa.Select:
    """Rows whose columns of these names equal the parameters."""
    return sa.select(table).where(*_equal(table, key))


@cache
def update(table: sa.Table, key: tuple[str, ...], names: tuple[str, ...]) -> sa.Update:
    """Set the columns of these names in the rows of the key."""
    return table.update().where(*_equal(table, key)).values({name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in names})


@cache
def delete(table: sa.Table, *key: str) -> sa.Delete:
    return table.delete().where(*_equal(table, key))


def keyed(key: dict[str, Any]) -> dict[str, Any]:
    """What rows must equal, as parameters."""
    return {f"row_{name}": value for name, value in key.items()}


def changed(values: dict[str, Any]) -> dict[str, Any]:
    """What columns become, as parameters."""
    return {f"new_{name}": value for name, value in values.items()}


def _equal(table: sa.Table, key: tuple[str, ...]) -> list[sa.ColumnElement[bool]]:
    return [table.c[name] == sa.bindparam(f"row_{name}", type_=table.c[name].type) for name in key]
