"""Which policy file is for which endpoint, service, or service in a region."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.core.db import METADATA, Database, Id
from pileus.identity.model import PolicyAssociation
from pileus.identity.store.tables import policies

#: '' where there is none: a key takes no NULL.
policy_associations = sa.Table(
    "identity_policy_associations",
    METADATA,
    Id("endpoint_id", primary_key=True),
    Id("service_id", primary_key=True),
    sa.Column("region_id", sa.String(255), primary_key=True),
    Id("policy_id", sa.ForeignKey(policies.c.id, ondelete="CASCADE"), nullable=False, index=True),
)
t = policy_associations.c


class PolicyAssociations:
    def __init__(self, db: Database):
        self.db = db

    async def put(self, a: PolicyAssociation) -> None:
        """In place of the one there was for the same."""
        await self.db.execute(policy_associations.delete().where(*_same(a)))
        await self.db.insert(policy_associations, a)

    async def has(self, a: PolicyAssociation) -> bool:
        return bool(await self.db.rows(sa.select(t.policy_id).where(*_same(a), t.policy_id == a.policy_id)))

    async def remove(self, a: PolicyAssociation) -> bool:
        return bool(await self.db.execute(policy_associations.delete().where(*_same(a), t.policy_id == a.policy_id)))

    async def remove_of(self, *, endpoint_id: str = "", service_id: str = "", region_id: str = "") -> None:
        """Those of something that is gone."""
        for column, id in ((t.endpoint_id, endpoint_id), (t.service_id, service_id), (t.region_id, region_id)):
            if id:
                await self.db.execute(policy_associations.delete().where(column == id))

    async def all(self) -> list[PolicyAssociation]:
        return await self.db.all(PolicyAssociation, sa.select(policy_associations))


def _same(a: PolicyAssociation) -> list[sa.ColumnElement[bool]]:
    return [t.endpoint_id == a.endpoint_id, t.service_id == a.service_id, t.region_id == a.region_id]
