"""Which endpoints a project is shown: by endpoint, and by groups of them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.core.db import METADATA, Database, Duplicate, Id, Json
from pileus.identity.errors import EndpointGroupNotFound
from pileus.identity.model import EndpointGroup
from pileus.identity.store.base import Table
from pileus.identity.store.tables import endpoints, projects

endpoint_groups = sa.Table(
    "identity_endpoint_groups",
    METADATA,
    Id("id", primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("filters", Json, nullable=False),
)

project_endpoints = sa.Table(
    "identity_project_endpoints",
    METADATA,
    Id("project_id", sa.ForeignKey(projects.c.id, ondelete="CASCADE"), primary_key=True),
    Id("endpoint_id", sa.ForeignKey(endpoints.c.id, ondelete="CASCADE"), primary_key=True, index=True),
)

project_endpoint_groups = sa.Table(
    "identity_project_endpoint_groups",
    METADATA,
    Id("project_id", sa.ForeignKey(projects.c.id, ondelete="CASCADE"), primary_key=True),
    Id("endpoint_group_id", sa.ForeignKey(endpoint_groups.c.id, ondelete="CASCADE"), primary_key=True, index=True),
)


class EndpointGroups(Table[EndpointGroup]):
    table, kind, noun, not_found = endpoint_groups, EndpointGroup, "endpoint_group", EndpointGroupNotFound


class Associations:
    """Pairs of a project and something it is shown."""

    def __init__(self, db: Database, table: sa.Table, column: str):
        self.db, self.table, self.project, self.what = db, table, table.c.project_id, table.c[column]

    async def add(self, project_id: str, what: str) -> None:
        """Repeatable."""
        try:
            await self.db.execute(self.table.insert(), {"project_id": project_id, self.what.name: what})
        except Duplicate:
            pass

    async def has(self, project_id: str, what: str) -> bool:
        return bool(await self.db.rows(sa.select(self.what).where(self.project == project_id, self.what == what)))

    async def remove(self, project_id: str, what: str) -> bool:
        return bool(await self.db.execute(self.table.delete().where(self.project == project_id, self.what == what)))

    async def of_project(self, project_id: str) -> list[str]:
        return [r[0] for r in await self.db.rows(sa.select(self.what).where(self.project == project_id).order_by(self.what))]

    async def projects_of(self, what: str) -> list[str]:
        return [r[0] for r in await self.db.rows(sa.select(self.project).where(self.what == what).order_by(self.project))]

    async def pairs(self) -> list[tuple[str, str]]:
        """(project, what), all of them."""
        return [(r[0], r[1]) for r in await self.db.rows(sa.select(self.project, self.what))]
