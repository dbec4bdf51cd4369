"""Projects and domains: one table, because a domain is a project."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.identity.errors import ProjectNotFound
from pileus.identity.model import Project
from pileus.identity.store.base import AT_ONCE, Table
from pileus.identity.store.tables import projects


class Projects(Table[Project]):
    table, kind, noun, not_found = projects, Project, "project", ProjectNotFound

    async def children(self, ids: list[str]) -> list[Project]:
        found: list[Project] = []
        for at in range(0, len(ids), AT_ONCE):
            below = sa.select(projects).where(projects.c.parent_id.in_(ids[at : at + AT_ONCE])).order_by(projects.c.name)
            found += await self.db.all(Project, below)
        return found

    async def ancestors(self, project: Project) -> list[Project]:
        """The projects above this one, nearest first; without the domain."""
        found: list[Project] = []
        parent = project.parent_id
        while parent is not None and parent != project.domain_id:
            found.append(await self.get(parent))
            parent = found[-1].parent_id
        return found

    async def descendants(self, project: Project) -> list[Project]:
        """All projects below this one, level by level; for a domain, all it has."""
        if project.is_domain:
            return await self.db.all(
                Project, sa.select(projects).where(projects.c.domain_id == project.id).order_by(projects.c.name)
            )
        found: list[Project] = []
        level = await self.children([project.id])
        while level:
            found += level
            level = await self.children([p.id for p in level])
        return found

    async def ids_in_domain(self, domain_id: str) -> list[str]:
        return [r.id for r in await self.db.rows(sa.select(projects.c.id).where(projects.c.domain_id == domain_id))]

    async def below_projects(self, most: int) -> list[str]:
        """The ids of so many projects that have a project above them."""
        c = projects.c
        nested = sa.select(c.id).where(c.parent_id.is_not(None), c.parent_id != c.domain_id)
        return [r.id for r in await self.db.rows(nested.order_by(c.id).limit(most))]

    async def remove_in_domain(self, domain_id: str) -> None:
        await self.db.execute(projects.delete().where(projects.c.domain_id == domain_id))
