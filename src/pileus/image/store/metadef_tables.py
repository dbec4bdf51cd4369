"""The tables of metadata definitions."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from pileus.core.db import METADATA, Id, Json, Time


def Name(name: str, *args: Any, **kw: Any) -> sa.Column:
    """A column with a name that is compared exactly; MySQL would take `A` for `a`."""
    return sa.Column(name, sa.String(80).with_variant(sa.String(80, collation="utf8mb4_bin"), "mysql", "mariadb"), *args, **kw)


namespaces = sa.Table(
    "image_metadef_namespaces", METADATA,
    Id("id", primary_key=True),
    Name("namespace", nullable=False, unique=True),
    sa.Column("display_name", sa.String(80)),
    sa.Column("description", sa.Text),
    sa.Column("visibility", sa.String(16), nullable=False),
    sa.Column("protected", sa.Boolean, nullable=False),
    sa.Column("owner", sa.String(255), index=True),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
)


def _items(name: str, *columns: sa.Column) -> sa.Table:
    """The table of one kind of content."""
    return sa.Table(
        f"image_metadef_{name}", METADATA,
        Id("namespace_id", sa.ForeignKey(namespaces.c.id, ondelete="CASCADE"), primary_key=True),
        Name("name", primary_key=True),
        *columns,
        sa.Column("created_at", Time, nullable=False),
        sa.Column("updated_at", Time, nullable=False),
    )


properties = _items("properties", sa.Column("definition", Json, nullable=False))
objects = _items("objects", sa.Column("description", sa.Text), sa.Column("required", Json, nullable=False),
                 sa.Column("properties", Json, nullable=False))
tags = _items("tags")
associations = _items("associations", sa.Column("prefix", sa.String(80)), sa.Column("properties_target", sa.String(80)))
#: Resource types stay known when no namespace is for them any more, as Glance has it.
resource_types = sa.Table(
    "image_metadef_resource_types", METADATA,
    Name("name", primary_key=True),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("updated_at", Time, nullable=False),
)
