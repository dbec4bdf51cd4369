"""The schema of the database and how it changes from release to release (alembic).

An empty database gets all tables at once and is stamped with the newest revision; one that has tables is taken there step
by step. `tests/test_migrations.py` holds both ways to the same schema.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from pileus.core.db import METADATA, Database

#: The newest revision in `versions/`; written here so that a start need not load alembic.
HEAD = "0001"
MIGRATIONS = Path(__file__).parent
VERSION = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))


async def prepare(db: Database) -> None:
    """Bring the database's schema to HEAD. Repeatable; raises RuntimeError for a database newer than this release."""
    await db.run_sync(_prepare)


def _prepare(connection: sa.Connection) -> None:
    if not sa.inspect(connection).has_table(VERSION.name):
        METADATA.create_all(connection, checkfirst=False)
        VERSION.create(connection)
        connection.execute(VERSION.insert().values(version_num=HEAD))
    elif connection.scalar(sa.select(VERSION.c.version_num)) != HEAD:
        migrate(connection)


def migrate(connection: sa.Connection, to: str = "head") -> None:
    """Run the migrations that are missing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
