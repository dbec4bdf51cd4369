"""Trusts: a user (the trustor) lets another (the trustee) act on a project with some of the trustor's roles.

A trust is no more than a permission to log in with it: what a token of it means is worked out from the trust and from the
roles the trustor has *now* (`meanings`). So it ends with the trust, with either user, with the project and with any role of
it. A trust that allows it is handed on by its own tokens, whole or in part: what is handed on stands on what it came from,
down to the roles of the first trustor, and ends with any of it.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime

import msgspec

from pileus.core.errors import Invalid
from pileus.identity.errors import Refused, RoleNotFound
from pileus.identity.model import Role, Trust
from pileus.identity.service.assignments import Assignments
from pileus.identity.service.core import Core
from pileus.identity.service.delegation import pick
from pileus.identity.store.base import Filter


class TrustOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a trust is to be. `roles`: (id, name) of each, either will do.

    `redelegable`: the trustee may hand it on, so many times over (None: as often as is allowed).
    """

    trustor_user_id: str
    trustee_user_id: str
    project_id: str
    roles: list[tuple[str | None, str | None]]
    impersonation: bool
    expires_at: datetime | None = None
    remaining_uses: int | None = None
    redelegable: bool = False
    redelegation_count: int | None = None


class Trusts:
    def __init__(self, core: Core, assignments: Assignments):
        self.core, self.db, self.store, self.assignments = core, core.db, core.store.trusts, assignments

    async def get(self, id: str) -> Trust:
        return await self.store.get(id)

    async def matching(self, filters: list[Filter]) -> list[Trust]:
        return await self.store.matching(filters)

    async def create(self, order: TrustOrder, *, from_trust: str | None = None) -> Trust:
        """Raises what is not found, also a role that the trustor has not. `from_trust`: the trust that is handed on."""
        self._check(order)
        async with self.db.transaction():
            for user in sorted({order.trustor_user_id, order.trustee_user_id}):
                await self.core.store.users.get(user, lock=True)
            project = await self.core.store.projects.get(order.project_id, lock=True)
            chain = await self.store.chain(from_trust) if from_trust is not None else []
            held = await self.assignments.on_project(chain[-1].trustor_user_id if chain else order.trustor_user_id, project)
            roles = tuple(dict.fromkeys(pick(held, id, name).id for id, name in order.roles))
            ends = [t.expires_at for t in chain if t.expires_at is not None]
            for trust in chain:
                self._check_handed_on(order, roles, trust)
            trust = Trust(
                id=self.core.ids.hex(),
                trustor_user_id=order.trustor_user_id,
                trustee_user_id=order.trustee_user_id,
                project_id=order.project_id,
                roles=roles,
                impersonation=order.impersonation,
                expires_at=order.expires_at or min(ends, default=None),
                remaining_uses=order.remaining_uses,
                redelegation_count=self._depth(order, chain),
                redelegated_trust_id=from_trust,
            )
            await self.store.add(trust)
        return trust

    async def delete(self, id: str) -> None:
        """Its tokens end with it, and so does what it was handed on as."""
        async with self.db.transaction():
            await self.store.remove(id)
            await self.core.generations.raise_()

    async def remove_expired(self) -> int:
        """Forget trusts that have expired; their tokens have expired with them. Says how many."""
        return await self.store.remove_expired(self.core.clock.now())

    async def roles(self, trust: Trust) -> list[Role]:
        """Those of its roles that there still are."""
        return await self.core.store.roles.some(trust.roles)

    async def role(self, trust: Trust, role_id: str) -> Role:
        if role_id not in trust.roles:
            raise RoleNotFound(id=role_id)
        return await self.core.store.roles.get(role_id)

    def _check(self, order: TrustOrder) -> None:
        """Raises Refused or Invalid for an order that makes no sense, whoever it is from."""
        most = self.core.config.max_redelegation_count
        if not order.roles:
            raise Refused(why="At least one role should be specified.")
        if order.expires_at is not None and order.expires_at <= self.core.clock.now():
            raise Invalid("The expiration date of a trust must be in the future.")
        if order.redelegable and order.remaining_uses is not None:
            raise Invalid("remaining_uses must not be set if redelegation is allowed.")
        if order.redelegable and (order.redelegation_count or 0) > most:
            raise Refused(why=f"Requested redelegation depth of {order.redelegation_count} is greater than allowed {most}.")

    def _check_handed_on(self, order: TrustOrder, roles: tuple[str, ...], source: Trust) -> None:
        """Raises Refused for what is more, or other, than one of the trusts it comes from."""
        if not 0 < source.redelegation_count <= self.core.config.max_redelegation_count:
            raise Refused(why="The trust cannot be redelegated any further.")
        if order.project_id != source.project_id:
            raise Refused(why="A trust can only be redelegated for its own project.")
        if order.remaining_uses is not None:
            raise Refused(why="remaining_uses must not be set in order to redelegate a trust.")
        if order.expires_at is not None and source.expires_at is not None and order.expires_at > source.expires_at:
            raise Refused(why="Requested expiration time is more than redelegated trust can provide.")
        if not set(roles) <= set(source.roles):
            raise Refused(why="Some of requested roles are not in redelegated trust.")
        if order.impersonation and not source.impersonation:
            raise Refused(why="Impersonation is not allowed because redelegated trust does not specify impersonation.")

    def _depth(self, order: TrustOrder, chain: list[Trust]) -> int:
        """How often the new trust may be handed on in turn. Raises Refused for a wish that is not what is left."""
        if not order.redelegable or order.redelegation_count == 0:
            return 0
        if not chain:
            return order.redelegation_count or self.core.config.max_redelegation_count
        left = chain[0].redelegation_count - 1
        if order.redelegation_count not in (None, left):
            raise Refused(why='Modifying "redelegation_count" upon redelegation is forbidden. Omitting this parameter is advised.')
        return left
