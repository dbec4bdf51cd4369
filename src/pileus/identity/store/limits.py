"""Registered limits, and what projects and domains have instead."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.core.db import METADATA, Id
from pileus.identity.errors import LimitNotFound, RegisteredLimitNotFound
from pileus.identity.model import Limit, RegisteredLimit
from pileus.identity.store.base import Table
from pileus.identity.store.tables import projects, regions, services

registered_limits = sa.Table(
    "identity_registered_limits",
    METADATA,
    Id("id", primary_key=True),
    Id("service_id", sa.ForeignKey(services.c.id, ondelete="CASCADE"), nullable=False),
    sa.Column("region_id", sa.String(255), sa.ForeignKey(regions.c.id)),
    # '' for no region: a unique key takes no notice of NULL.
    sa.Column("region_key", sa.String(255), nullable=False),
    sa.Column("resource_name", sa.String(255), nullable=False),
    sa.Column("default_limit", sa.BigInteger, nullable=False),
    sa.Column("description", sa.Text),
    sa.UniqueConstraint("service_id", "region_key", "resource_name"),
)

limits = sa.Table(
    "identity_limits",
    METADATA,
    Id("id", primary_key=True),
    Id("registered_limit_id", sa.ForeignKey(registered_limits.c.id, ondelete="CASCADE"), nullable=False),
    Id("target_id", sa.ForeignKey(projects.c.id, ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("of_domain", sa.Boolean, nullable=False),
    sa.Column("resource_limit", sa.BigInteger, nullable=False),
    sa.Column("description", sa.Text),
    sa.UniqueConstraint("registered_limit_id", "target_id"),
)


class RegisteredLimits(Table[RegisteredLimit]):
    table, kind, noun, not_found = registered_limits, RegisteredLimit, "registered_limit", RegisteredLimitNotFound

    def taken(self, record: RegisteredLimit) -> str:
        return f"Duplicate entry for {record.resource_name} of service {record.service_id} in region {record.region_id}"

    async def of(self, service_id: str, region_id: str | None, resource_name: str) -> RegisteredLimit | None:
        c = registered_limits.c
        return await self.db.one(
            RegisteredLimit,
            sa.select(registered_limits).where(
                c.service_id == service_id, c.region_key == (region_id or ""), c.resource_name == resource_name
            ),
        )


class Limits(Table[Limit]):
    table, kind, noun, not_found = limits, Limit, "limit", LimitNotFound

    def taken(self, record: Limit) -> str:
        return f"Duplicate entry for {record.target_id}"

    async def of_registered(self, id: str) -> list[Limit]:
        return await self.db.all(Limit, sa.select(limits).where(limits.c.registered_limit_id == id).order_by(limits.c.id))
