"""The `compute_flavors` and `compute_flavor_access` tables."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pileus.compute.model.flavor import Flavor, Wanted
from pileus.compute.store.tables import flavor_access, flavors
from pileus.core.context import EVERYONE
from pileus.core.db import Database

#: What a list may be sorted by: the API's names.
SORT_KEYS: Mapping[str, sa.ColumnElement] = {
    "flavorid": flavors.c.id,
    "id": flavors.c.created_at,
    "name": flavors.c.name,
    "memory_mb": flavors.c.memory_mb,
    "vcpus": flavors.c.vcpus,
    "root_gb": flavors.c.root_gib,
    "ephemeral_gb": flavors.c.ephemeral_gib,
    "swap": flavors.c.swap_mb,
    "rxtx_factor": flavors.c.rxtx_factor,
    "is_public": flavors.c.public,
    "disabled": flavors.c.disabled,
    "description": flavors.c.description,
    "created_at": flavors.c.created_at,
    "updated_at": flavors.c.updated_at,
    "vcpu_weight": flavors.c.id,
}


def _visible(scope: str | None) -> sa.ColumnElement[bool]:
    if scope == EVERYONE:
        return sa.true()
    return sa.or_(flavors.c.public, _granted(scope))


def _granted(project_id: str | None) -> sa.ColumnElement[bool]:
    return _granted_to(sa.literal(project_id))


def _granted_to(project: sa.ColumnElement) -> sa.ColumnElement[bool]:
    return sa.exists().where(flavor_access.c.flavor_id == flavors.c.id, flavor_access.c.project_id == project)


ANY = sa.select(flavors).where(flavors.c.id == sa.bindparam("id"))
VISIBLE = ANY.where(sa.or_(flavors.c.public, _granted_to(sa.bindparam("scope"))))


class Flavors:
    def __init__(self, db: Database):
        self.db = db

    async def insert(self, flavor: Flavor) -> None:
        await self.db.insert(flavors, flavor)

    async def find(self, id: str, scope: str | None) -> Flavor | None:
        if scope == EVERYONE:
            return await self.db.one(Flavor, ANY, {"id": id})
        return await self.db.one(Flavor, VISIBLE, {"id": id, "scope": scope})

    async def lock(self, id: str) -> Flavor | None:
        """The flavor, and nobody else changes it until the transaction around ends."""
        return await self.db.one(Flavor, sa.select(flavors).where(flavors.c.id == id).with_for_update())

    async def update(self, id: str, values: dict[str, Any], now: datetime) -> int:
        return await self.db.execute(flavors.update().where(flavors.c.id == id).values(**values, updated_at=now))

    async def delete(self, id: str) -> int:
        await self.db.execute(flavor_access.delete().where(flavor_access.c.flavor_id == id))
        return await self.db.execute(flavors.delete().where(flavors.c.id == id))

    async def access(self, id: str) -> list[str]:
        """The projects that see a private flavor."""
        stmt = sa.select(flavor_access.c.project_id).where(flavor_access.c.flavor_id == id).order_by(flavor_access.c.project_id)
        return [row[0] for row in await self.db.rows(stmt)]

    async def grant(self, id: str, project_id: str) -> None:
        await self.db.insert(flavor_access, {"flavor_id": id, "project_id": project_id})

    async def revoke(self, id: str, project_id: str) -> int:
        return await self.db.execute(
            flavor_access.delete().where(flavor_access.c.flavor_id == id, flavor_access.c.project_id == project_id)
        )

    async def list(self, wanted: Wanted, *, project_id: str | None, hide_disabled: bool) -> list[Flavor]:
        """Of `public` True: the public ones and those granted to the project; False: the others; None: all."""
        stmt = sa.select(flavors)
        if wanted.public is True:
            stmt = stmt.where(_visible(project_id))
        elif wanted.public is False:
            stmt = stmt.where(flavors.c.public.is_(False))
        if hide_disabled:
            stmt = stmt.where(flavors.c.disabled.is_(False))
        if wanted.ram_min is not None:
            stmt = stmt.where(flavors.c.memory_mb >= wanted.ram_min)
        if wanted.disk_min is not None:
            stmt = stmt.where(flavors.c.root_gib >= wanted.disk_min)
        if wanted.name is not None:
            stmt = stmt.where(flavors.c.name == wanted.name)
        column = SORT_KEYS[wanted.sort_key]
        return await self.db.all(Flavor, stmt.order_by(column.desc() if wanted.descending else column, flavors.c.id))
