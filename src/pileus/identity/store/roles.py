"""Roles, and which role implies which."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlalchemy as sa

from pileus.core.db import Duplicate
from pileus.identity.errors import RoleNotFound
from pileus.identity.model import Role
from pileus.identity.store.base import Table
from pileus.identity.store.tables import implied_roles, roles


class Roles(Table[Role]):
    table, kind, noun, not_found = roles, Role, "role", RoleNotFound

    async def implications(self) -> list[tuple[str, str]]:
        """(prior, implied), of all roles."""
        found = await self.db.rows(
            sa.select(implied_roles).order_by(implied_roles.c.prior_role_id, implied_roles.c.implied_role_id)
        )
        return [(r.prior_role_id, r.implied_role_id) for r in found]

    async def imply(self, prior: str, implied: str) -> None:
        """Repeatable."""
        try:
            await self.db.execute(implied_roles.insert(), {"prior_role_id": prior, "implied_role_id": implied})
        except Duplicate:
            pass

    async def unimply(self, prior: str, implied: str) -> bool:
        return bool(
            await self.db.execute(
                implied_roles.delete().where(implied_roles.c.prior_role_id == prior, implied_roles.c.implied_role_id == implied)
            )
        )

    async def remove_in_domain(self, domain_id: str) -> None:
        await self.db.execute(roles.delete().where(roles.c.domain_id == domain_id))
