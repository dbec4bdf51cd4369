"""What the clouds of all tests have in common is made once in a process: half of the time of a test was that.

Nothing of it knows a cloud: the forms of compiled statements, the statements that make an empty database's tables, the table of
routes.
"""
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import sqlalchemy as sa

from pileus.core import db
from pileus.core.http import app


def keep() -> None:
    """From now on."""
    db.Shapes = once(db.Shapes, lambda dialect: dialect.name)
    app.routed = once(app.routed, lambda apis: tuple(id(api) for api in apis))
    db.METADATA.create_all = Schema(db.METADATA)


def once(make: Callable[[Any], Any], key: Callable[[Any], Hashable]) -> Callable[[Any], Any]:
    """`make`, which does it once for each key. What it is made of stays, so that no other has its id."""
    made: dict[Hashable, tuple[Any, Any]] = {}

    def kept(of: Any) -> Any:
        if key(of) not in made:
            made[key(of)] = make(of), of
        return made[key(of)][0]

    return kept


class Schema:
    """`create_all` as it is, the first time; after that, what it has made in an empty database of SQLite is made again."""

    def __init__(self, metadata: sa.MetaData):
        self.create_all = metadata.create_all
        self.metadata = metadata
        self.made: dict[int, list[str]] = {}

    def __call__(self, connection: sa.Connection, checkfirst: bool = True) -> None:
        known = len(self.metadata.tables)
        if connection.dialect.name != "sqlite" or sa.inspect(connection).get_table_names():
            self.create_all(connection, checkfirst=checkfirst)
        elif known in self.made:
            for text in self.made[known]:
                connection.connection.driver_connection.execute(text)
        else:
            self.create_all(connection, checkfirst=False)
            statements = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
            self.made[known] = [text for text, in statements]
