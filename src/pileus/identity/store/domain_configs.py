"""Configuration of single domains."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.core.db import METADATA, Database, Id, Json
from pileus.identity.model import DomainConfig
from pileus.identity.store.tables import projects

domain_configs = sa.Table(
    "identity_domain_configs",
    METADATA,
    Id("domain_id", sa.ForeignKey(projects.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("options", Json, nullable=False),
    sa.Column("sealed", Json, nullable=False),  # the secret options, encrypted
)


class DomainConfigs:
    def __init__(self, db: Database):
        self.db = db

    async def find(self, domain_id: str) -> DomainConfig | None:
        return await self.db.one(DomainConfig, sa.select(domain_configs).where(domain_configs.c.domain_id == domain_id))

    async def all(self) -> list[DomainConfig]:
        return await self.db.all(DomainConfig, sa.select(domain_configs).order_by(domain_configs.c.domain_id))

    async def save(self, config: DomainConfig) -> None:
        await self.remove(config.domain_id)
        await self.db.insert(domain_configs, config)

    async def remove(self, domain_id: str) -> None:
        await self.db.execute(domain_configs.delete().where(domain_configs.c.domain_id == domain_id))
