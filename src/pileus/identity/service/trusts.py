"""Trusts: a user (the trustor) lets another (the trustee) act on a project with some of the trustor's roles.

A trust is no more than a permission to log in with it: what a token of it means is worked out from the trust and from the
roles the trustor has *now* (`meanings`). So it ends with the trust, with either user, with the project and with any role of
it. Trusts are not handed on: no token of a trust makes another one, and to ask for `allow_redelegation` is refused.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

from pileus.core.errors import Invalid
from pileus.identity.errors import Refused, RoleNotFound
from pileus.identity.model import Role, Trust
from pileus.identity.service.assignments import Assignments
from pileus.identity.service.core import Core
from pileus.identity.service.delegation import pick
from pileus.identity.store.base import Filter


class Trusts:
    def __init__(self, core: Core, assignments: Assignments):
        self.core, self.db, self.store, self.assignments = core, core.db, core.store.trusts, assignments

    async def get(self, id: str) -> Trust:
        return await self.store.get(id)

    async def matching(self, filters: list[Filter]) -> list[Trust]:
        return await self.store.matching(filters)

    async def create(
        self,
        *,
        trustor_user_id: str,
        trustee_user_id: str,
        project_id: str,
        roles: list[tuple[str | None, str | None]],
        impersonation: bool,
        expires_at: datetime | None = None,
        remaining_uses: int | None = None,
    ) -> Trust:
        """`roles`: (id, name) of each, either will do. Raises what is not found, also a role that the trustor has not."""
        if not roles:
            raise Refused(why="At least one role should be specified.")
        if expires_at is not None and expires_at <= self.core.clock.now():
            raise Invalid("The expiration date of a trust must be in the future.")
        async with self.db.transaction():
            for user in sorted({trustor_user_id, trustee_user_id}):
                await self.core.store.users.get(user, lock=True)
            project = await self.core.store.projects.get(project_id, lock=True)
            held = await self.assignments.on_project(trustor_user_id, project)
            trust = Trust(
                id=self.core.ids.hex(),
                trustor_user_id=trustor_user_id,
                trustee_user_id=trustee_user_id,
                project_id=project_id,
                roles=tuple(dict.fromkeys(pick(held, id, name).id for id, name in roles)),
                impersonation=impersonation,
                expires_at=expires_at,
                remaining_uses=remaining_uses,
            )
            await self.store.add(trust)
        return trust

    async def delete(self, id: str) -> None:
        """Its tokens end with it."""
        async with self.db.transaction():
            await self.store.remove(id)
            await self.core.generations.raise_()

    async def roles(self, trust: Trust) -> list[Role]:
        """Those of its roles that there still are."""
        return await self.core.store.roles.some(trust.roles)

    async def role(self, trust: Trust, role_id: str) -> Role:
        if role_id not in trust.roles:
            raise RoleNotFound(id=role_id)
        return await self.core.store.roles.get(role_id)
