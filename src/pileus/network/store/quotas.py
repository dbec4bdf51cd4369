"""Limits of projects, and how much of them is used."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.core.db import METADATA, Database, Id
from pileus.network.store.networks import networks, rbac
from pileus.network.store.ports import ports
from pileus.network.store.routers import floating_ips, routers
from pileus.network.store.security import groups, projects, rules
from pileus.network.store.subnets import subnetpools, subnets

quotas = sa.Table(
    "network_quotas", METADATA,
    Id("project_id", primary_key=True),
    sa.Column("resource", sa.String(40), primary_key=True),
    sa.Column("hard_limit", sa.Integer, nullable=False),
)
#: What is limited, and where it is counted.
COUNTED: dict[str, sa.Table] = {
    "network": networks, "subnet": subnets, "subnetpool": subnetpools, "port": ports, "router": routers, "floatingip": floating_ips,
    "security_group": groups, "security_group_rule": rules, "rbac_policy": rbac,
}
_USED = {
    name: sa.select(sa.func.count()).select_from(table).where(table.c.project_id == sa.bindparam("project_id"))
    for name, table in COUNTED.items()
}
_LIMIT = sa.select(quotas.c.hard_limit).where(
    quotas.c.project_id == sa.bindparam("project_id"), quotas.c.resource == sa.bindparam("resource")
)
_LOCK = sa.select(projects.c.project_id).where(projects.c.project_id == sa.bindparam("project_id")).with_for_update()


class Quotas:
    def __init__(self, db: Database):
        self.db = db

    async def limit(self, project_id: str, resource: str) -> int | None:
        """The project's own limit, if it has one."""
        return await self.db.scalar(_LIMIT, {"project_id": project_id, "resource": resource})

    async def limits(self, project_id: str) -> dict[str, int]:
        rows = await self.db.rows(sa.select(quotas.c.resource, quotas.c.hard_limit).where(quotas.c.project_id == project_id))
        return {row.resource: row.hard_limit for row in rows}

    async def used(self, project_id: str, resource: str) -> int:
        return await self.db.scalar(_USED[resource], {"project_id": project_id})

    async def lock(self, project_id: str) -> None:
        """Keep other control planes from counting for this project until the transaction ends. SQLite has one writer anyway."""
        if self.db.dialect != "sqlite":
            await self.db.rows(_LOCK, {"project_id": project_id})

    async def projects(self) -> list[str]:
        """Projects with limits of their own."""
        return [
            row.project_id for row in await self.db.rows(sa.select(quotas.c.project_id).distinct().order_by(quotas.c.project_id))
        ]

    async def set(self, project_id: str, resource: str, limit: int) -> None:
        values = {"project_id": project_id, "resource": resource, "hard_limit": limit}
        if not await self.db.execute(
            quotas.update().where(quotas.c.project_id == project_id, quotas.c.resource == resource).values(hard_limit=limit)
        ):
            await self.db.execute(quotas.insert(), values)

    async def clear(self, project_id: str) -> None:
        await self.db.execute(quotas.delete().where(quotas.c.project_id == project_id))
