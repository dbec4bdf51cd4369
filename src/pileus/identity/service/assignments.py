"""Who has which role on what."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Invalid
from pileus.identity.errors import AssignmentNotFound, DomainNotFound, Refused
from pileus.identity.model import Assignment, Project, Role
from pileus.identity.service.core import Core
from pileus.identity.service.roles import Roles

SYSTEM = "system"


class Assignments:
    def __init__(self, core: Core, roles: Roles):
        self.core, self.db, self.store, self.roles = core, core.db, core.store.assignments, roles

    async def on_project(self, user_id: str, project: Project) -> list[Role]:
        """The roles of a user on a project, implied ones included: given there, to a group, or inherited."""
        above = [p.id for p in await self.core.store.projects.ancestors(project)]
        ids = await self.store.role_ids(user_id, "project", project.id, [project.domain_id, *above] if project.domain_id else above)
        return (await self.roles.index()).expand(ids)

    async def on_domain(self, user_id: str, domain_id: str) -> list[Role]:
        return (await self.roles.index()).expand(await self.store.role_ids(user_id, "domain", domain_id, []))

    async def on_system(self, user_id: str) -> list[Role]:
        return (await self.roles.index()).expand(await self.store.role_ids(user_id, SYSTEM, SYSTEM, []))

    async def projects_of(self, user_id: str) -> list[Project]:
        """The projects a user has some role on."""
        store, direct, heirs = self.core.store.projects, set(), set()
        for a in await self.store.of_user(user_id):
            if a.inherited:
                heirs.add(a.target_id)
            elif a.target_type == "project":
                direct.add(a.target_id)
        found = {p.id: p for p in await store.some(direct) if not p.is_domain}
        for top in await store.some(heirs):
            found |= {p.id: p for p in await store.descendants(top)}
        return sorted(found.values(), key=lambda p: p.name)

    async def domains_of(self, user_id: str) -> list[Project]:
        """The domains a user has some role on."""
        ids = {a.target_id for a in await self.store.of_user(user_id) if a.target_type == "domain" and not a.inherited}
        return [d for d in await self.core.store.projects.some(ids) if d.is_domain]

    async def on_system_any(self, user_id: str) -> bool:
        return any(a.target_type == SYSTEM for a in await self.store.of_user(user_id))

    async def assign(self, assignment: Assignment) -> None:
        """Repeatable. Raises what is not found, and Refused for a domain-specific role on another domain's project."""
        async with self.db.transaction():
            target = await self._check(assignment)
            role = await self.core.store.roles.get(assignment.role_id)
            if role.domain_id and target is None:
                raise Invalid(
                    f"Role {role.id} is a domain-specific role. Unable to use a domain-specific role in a system assignment."
                )
            if role.domain_id and target is not None and not target.is_domain and target.domain_id != role.domain_id:
                raise Refused(why=f"Role {role.id} is a domain-specific role of another domain than its project.")
            if await self.store.add(assignment):
                await self.core.generations.raise_()

    async def unassign(self, assignment: Assignment) -> None:
        async with self.db.transaction():
            role = await self.core.store.roles.get(assignment.role_id)
            if not await self.store.remove(assignment):
                raise _missing(assignment)
            await self.core.generations.raise_()
            if role.name == "admin":
                await self.core.keep_an_admin()

    async def check(self, assignment: Assignment) -> None:
        await self._check(assignment)
        await self.core.store.roles.get(assignment.role_id)
        if not await self.store.has(assignment):
            raise _missing(assignment)

    async def roles_given(
        self,
        actor_type: str,
        actor_id: str,
        target_type: str,
        target_id: str,
        inherited: bool,
    ) -> list[Role]:
        """The roles given to just this actor on just this target."""
        await self._check(
            Assignment(actor_type=actor_type, actor_id=actor_id, target_type=target_type, target_id=target_id, role_id="")
        )
        found = await self.store.matching(
            actor_ids=[actor_id], target_ids=[target_id], target_type=target_type, inherited=inherited
        )
        roles = (await self.roles.index()).roles
        return sorted((roles[a.role_id] for a in found), key=lambda r: r.name)

    async def _check(self, a: Assignment) -> Project | None:
        """The target (None: the system). Raises what does not exist."""
        store, lock = self.core.store, self.db.in_transaction  # nobody deletes them while we write
        await (store.users if a.actor_type == "user" else store.groups).get(a.actor_id, lock=lock)
        if a.target_type == SYSTEM:
            return None
        target = await store.projects.get(a.target_id, lock=lock)
        if a.target_type == "domain" and not target.is_domain:
            raise DomainNotFound(id=a.target_id)
        return target


def _missing(a: Assignment) -> AssignmentNotFound:
    return AssignmentNotFound(role=a.role_id, actor=a.actor_id, target=a.target_id)
