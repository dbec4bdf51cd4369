"""Both ways to a schema come to the same: all tables at once, and migration by migration. In every database that is there."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import pileus.cloud  # noqa: F401 declares all tables
from pileus.core.db import METADATA, Database, Json
from pileus.migrations import HEAD, MIGRATIONS, VERSION, migrate, prepare


def differences(connection: sa.Connection) -> list:
    """What the database has other than the code's tables say. Our JSON is the text type each database has for it, and a
    float is a float however wide."""
    def compare_type(context, inspected, column, inspected_type, type_):
        if isinstance(type_, Json) and isinstance(inspected_type, sa.String):
            return False
        return False if isinstance(type_, sa.Float) and isinstance(inspected_type, sa.Float) else None

    options = {"include_name": lambda name, *_: name != "alembic_version", "compare_type": compare_type}
    return compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)


def test_head_is_the_newest_migration():
    assert max(p.stem for p in (MIGRATIONS / "versions").glob("[0-9]*.py")) == HEAD


@pytest.mark.realtime
async def test_migrations_lead_to_the_tables_of_the_code():
    db = await Database.open("sqlite://")
    await db.run_sync(migrate)
    assert await db.run_sync(differences) == []
    assert await db.scalar(sa.select(VERSION.c.version_num)) == HEAD


@pytest.mark.realtime
async def test_a_new_database_gets_everything_at_once_and_a_second_start_changes_nothing():
    db = await Database.open("sqlite://")
    await prepare(db)
    await prepare(db)
    assert await db.run_sync(differences) == []
    assert await db.scalar(sa.select(VERSION.c.version_num)) == HEAD
