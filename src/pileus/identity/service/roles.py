"""Roles, and what each implies."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pileus.core.errors import Invalid
from pileus.identity.errors import ImpliedRoleNotFound, Refused, Taken
from pileus.identity.model import Role
from pileus.identity.service.core import Core, clean_name
from pileus.identity.service.generations import TOKENS
from pileus.identity.service.projects import check_mutable, merge
from pileus.identity.service.users import check_domain
from pileus.identity.store.base import Filter


class RoleIndex:
    """All roles and implications of one generation, in memory: there are few, and every token needs them."""

    def __init__(self, generation: int, roles: list[Role], implications: list[tuple[str, str]]):
        self.generation = generation
        self.roles = {r.id: r for r in roles}
        self.implied: dict[str, list[str]] = {}
        for prior, implied in implications:
            self.implied.setdefault(prior, []).append(implied)

    def expand(self, ids: Iterable[str]) -> list[Role]:
        """These roles and all they imply, by name; without the domain-specific ones, which only exist to imply."""
        found = {i for id in ids for i, _ in self.walk(id)}
        return sorted((r for id in found if (r := self.roles.get(id)) is not None and not r.domain_id), key=lambda r: r.name)

    def walk(self, id: str) -> list[tuple[str, str | None]]:
        """(role, the role it was implied by) of a role and all it implies; each role once, circles or not."""
        found: dict[str, str | None] = {id: None}
        todo = [id]
        while todo:
            prior = todo.pop()
            for implied in self.implied.get(prior, ()):
                if implied not in found:
                    found[implied] = prior
                    todo.append(implied)
        return list(found.items())


class Roles:
    def __init__(self, core: Core):
        self.core, self.db, self.store = core, core.db, core.store.roles
        self._index: RoleIndex | None = None

    async def index(self) -> RoleIndex:
        generation = await self.core.generations.current(TOKENS)
        if self._index is not None and self._index.generation == generation:
            return self._index
        index = RoleIndex(generation, await self.store.matching(), await self.store.implications())
        if not self.db.in_transaction:
            self._index = index
        return index

    async def get(self, id: str) -> Role:
        return await self.store.get(id)

    async def find(self, id: str) -> Role | None:
        return await self.store.find(id)

    async def find_named(self, name: str, domain_id: str = "") -> Role | None:
        return await self.store.named(name, domain_id)

    async def matching(self, filters: list[Filter]) -> list[Role]:
        return await self.store.matching(filters)

    async def create(
        self,
        *,
        name: str,
        domain_id: str = "",
        description: str | None = None,
        options: dict | None = None,
        extra: dict | None = None,
    ) -> Role:
        role = Role(
            id=self.core.ids.hex(),
            name=clean_name(name),
            domain_id=domain_id,
            description=description,
            options=options or {},
            extra=extra or {},
        )
        async with self.db.transaction():
            if domain_id:
                await check_domain(self.core, domain_id)
            await self.store.add(role)
            await self.core.generations.raise_()
        return role

    async def update(self, id: str, values: dict[str, Any]) -> Role:
        async with self.db.transaction():
            role = await self.store.get(id, lock=True)
            check_mutable(role, "role", values)
            if (values.pop("domain_id", role.domain_id) or "") != role.domain_id:
                raise Invalid("Update of `domain_id` is not allowed.")
            merge(role, values)
            changed = await self.store.change(role, values)
            await self.core.generations.raise_()
            await self.core.keep_an_admin()
        return changed

    async def delete(self, id: str) -> None:
        """And every assignment and implication of it."""
        async with self.db.transaction():
            check_mutable(await self.store.get(id, lock=True), "role")
            await self.store.remove(id)
            await self.core.generations.raise_()
            await self.core.keep_an_admin()

    async def implied_by(self, prior_id: str) -> list[Role]:
        """The roles a role implies directly."""
        await self.store.get(prior_id)
        index = await self.index()
        return sorted((index.roles[i] for i in index.implied.get(prior_id, ())), key=lambda r: r.name)

    async def check_implication(self, prior_id: str, implied_id: str) -> tuple[Role, Role]:
        prior, implied = await self.store.get(prior_id), await self.store.get(implied_id)
        if implied_id not in (await self.index()).implied.get(prior_id, ()):
            raise ImpliedRoleNotFound(prior=prior_id, implied=implied_id)
        return prior, implied

    async def imply(self, prior_id: str, implied_id: str) -> tuple[Role, Role]:
        """Raises Taken when it is so already, and Refused also for what would be a circle."""
        async with self.db.transaction():
            await self.core.generations.raise_()  # first: it is a lock, so that two at once do not make a circle together
            prior, implied = await self.store.get(prior_id), await self.store.get(implied_id)
            if implied.name == "admin" or (implied.domain_id and not prior.domain_id):
                raise Refused(why=f"{implied_id} cannot be an implied role.")
            index = RoleIndex(0, [], await self.store.implications())
            if prior_id in {id for id, _ in index.walk(implied_id)}:
                raise Refused(why=f"{implied_id} cannot be an implied role of {prior_id}: it implies that role, or is that role.")
            if implied_id in index.implied.get(prior_id, ()):
                raise Taken(kind="implied_role", why="Duplicate entry.")
            await self.store.imply(prior_id, implied_id)
        return prior, implied

    async def unimply(self, prior_id: str, implied_id: str) -> None:
        async with self.db.transaction():
            await self.store.get(prior_id)
            await self.store.get(implied_id)
            if not await self.store.unimply(prior_id, implied_id):
                raise ImpliedRoleNotFound(prior=prior_id, implied=implied_id)
            await self.core.generations.raise_()
