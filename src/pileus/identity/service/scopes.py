"""What the names in a login stand for: users, domains, projects, and what the token is to be good for."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.errors import Invalid, Unauthenticated
from pileus.identity.model import DomainRef, Project, ProjectRef, Scope, TrustRef, User, UserRef
from pileus.identity.payload import DOMAIN, PROJECT, SYSTEM, UNSCOPED
from pileus.identity.service.assignments import Assignments
from pileus.identity.service.core import Core

#: Scopes remembered; the one that was asked for longest ago is forgotten first.
REMEMBERED = 10_000


class Scopes:
    def __init__(self, core: Core, assignments: Assignments):
        self.assignments, self.projects, self.users = assignments, core.store.projects, core.store.users
        self.known: dict[Scope, tuple[int, int, str | None]] = {}

    async def user(self, ref: UserRef) -> User | None:
        if ref.id is not None:
            return await self.users.find(ref.id)
        if ref.name is None or ref.domain is None:
            raise Invalid("Expecting to find the id, or the name and the domain, of the user.")
        domain = await self.domain(ref.domain)
        return await self.users.named(ref.name, domain.id) if domain is not None else None

    async def domain(self, ref: DomainRef) -> Project | None:
        if ref.id is None and ref.name is None:
            raise Invalid("Expecting to find the id or the name of the domain.")
        found = await self.projects.find(ref.id) if ref.id is not None else await self.projects.named(ref.name or "", "")
        return found if found is not None and found.is_domain else None

    async def project(self, ref: ProjectRef) -> Project | None:
        if ref.id is not None:
            return await self.projects.find(ref.id)
        if ref.name is None or ref.domain is None:
            raise Invalid("Expecting to find the id, or the name and the domain, of the project.")
        domain = await self.domain(ref.domain)
        return await self.projects.named(ref.name, domain.id) if domain is not None else None

    async def of(self, user_id: str, scope: Scope | str | None, generation: int) -> tuple[int, str | None]:
        """(kind of scope, id). That the user has a role there is found out when the token is issued.

        What a scope's names stood for is remembered as long as the `generation`, read before, is the same.
        """
        if scope is None:
            return await self._default(user_id)
        if not isinstance(scope, Scope):
            return UNSCOPED, None
        known = self.known.pop(scope, None)
        if known is None or known[0] != generation:
            known = generation, *await self._resolve(scope)
        if len(self.known) >= REMEMBERED:
            del self.known[next(iter(self.known))]
        self.known[scope] = known
        return known[1:]

    async def _resolve(self, scope: Scope) -> tuple[int, str | None]:
        if sum(part is not None for part in (scope.project, scope.domain, scope.system)) != 1:
            raise Invalid("Expecting to find exactly one of project, domain, system, OS-TRUST:trust in scope.")
        if scope.system is not None:
            if not scope.system.all:
                raise Invalid("Expecting the system scope to be all.")
            return SYSTEM, None
        if scope.project is not None:
            kind, found = PROJECT, await self.project(scope.project)
        else:
            kind, found = DOMAIN, await self.domain(scope.domain or DomainRef())
        if found is None:
            raise Unauthenticated()
        return kind, found.id

    async def _default(self, user_id: str) -> tuple[int, str | None]:
        """The user's default project, if they may act on it; otherwise none."""
        user = await self.users.find(user_id)
        project = await self.projects.find(user.default_project_id) if user is not None and user.default_project_id else None
        if project is None or not project.enabled or not (await self.projects.get(project.domain_id)).enabled:
            return UNSCOPED, None
        return (PROJECT, project.id) if await self.assignments.on_project(user_id, project) else (UNSCOPED, None)


def trust_of(scope: Scope | str | None) -> TrustRef | None:
    """The trust that is asked for, if one is. Raises Invalid when something else is asked for as well."""
    if not isinstance(scope, Scope) or scope.trust is None:
        return None
    if any(part is not None for part in (scope.project, scope.domain, scope.system)):
        raise Invalid("Expecting to find nothing beside OS-TRUST:trust in scope.")
    return scope.trust
