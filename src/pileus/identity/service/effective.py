"""The list of role assignments: as they were given, or what they come to for each user.

In effect, a group's assignment is one of each member, an inherited one is one on each project below its target, and a role
comes with all it implies.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

from pileus.identity.model import Assignment, Project
from pileus.identity.service.core import Core
from pileus.identity.service.roles import Roles


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which ones. `project_id` with `subtree`: on that project and those below it. `within`: only on this domain and its projects."""

    user_id: str | None = None
    group_id: str | None = None
    role_id: str | None = None
    project_id: str | None = None
    domain_id: str | None = None
    system: bool = False
    inherited: bool | None = None
    subtree: bool = False
    within: str | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of the list. `source` is the assignment that makes it so; the rest is what it comes to."""

    source: Assignment
    actor_type: str
    actor_id: str
    target_type: str
    target_id: str
    role_id: str
    prior_role_id: str | None = None

    @property
    def by_group(self) -> bool:
        return self.source.actor_id != self.actor_id


class Lister:
    def __init__(self, core: Core, roles: Roles):
        self.core, self.roles = core, roles

    async def given(self, wanted: Wanted) -> list[Row]:
        """As they were given."""
        found = await self.core.store.assignments.matching(
            actor_ids=_one(wanted.user_id or wanted.group_id),
            target_ids=await self._targets(wanted),
            role_id=wanted.role_id,
            target_type=_target_type(wanted),
            inherited=wanted.inherited,
        )
        return await self._within(wanted, [_row(a) for a in found])

    async def effective(self, wanted: Wanted) -> list[Row]:
        """What they come to: only users, and only where a role really holds."""
        targets = await self._targets(wanted)
        found = await self.core.store.assignments.matching(
            actor_ids=await self._actors(wanted), target_ids=await self._sources(wanted, targets), inherited=wanted.inherited
        )
        members, below, index = await self._members(found), await self._below(found), await self.roles.index()
        implied = {id: [r for r in index.walk(id) if not index.roles[r[0]].domain_id] for id in {a.role_id for a in found}}
        rows = [row for a in found for row in _expand(a, members, below, implied[a.role_id])]
        kind = _target_type(wanted)
        return await self._within(
            wanted,
            [
                row
                for row in rows
                if (
                    wanted.user_id in (None, row.actor_id)
                    and wanted.role_id in (None, row.role_id)
                    and kind in (None, row.target_type)
                    and (targets is None or row.target_id in targets)
                )
            ],
        )

    async def _below(self, found: list[Assignment]) -> dict[str, list[str]]:
        """The projects that inherit, by what they inherit from."""
        below = {}
        for top in {a.target_id for a in found if a.inherited}:
            project = await self.core.store.projects.get(top)
            below[top] = [p.id for p in await self.core.store.projects.descendants(project)]
        return below

    async def _targets(self, wanted: Wanted) -> list[str] | None:
        if wanted.system:
            return ["system"]
        if wanted.project_id is not None and wanted.subtree:
            top = await self.core.store.projects.get(wanted.project_id)
            return [top.id, *(p.id for p in await self.core.store.projects.descendants(top))]
        return _one(wanted.project_id or wanted.domain_id)

    async def _sources(self, wanted: Wanted, targets: list[str] | None) -> list[str] | None:
        """Where an assignment can be that holds on the targets: on themselves and on all above."""
        if wanted.project_id is None or targets is None:
            return targets
        project = await self.core.store.projects.find(wanted.project_id)
        above = (
            [p.id for p in await self.core.store.projects.ancestors(project)] + [project.domain_id] if project is not None else []
        )
        return [*targets, *above]

    async def _actors(self, wanted: Wanted) -> list[str] | None:
        if wanted.user_id is None:
            return None
        return [wanted.user_id, *(g.id for g in await self.core.store.groups.of_user(wanted.user_id))]

    async def _members(self, found: list[Assignment]) -> dict[str, list[str]]:
        members: dict[str, list[str]] = defaultdict(list)
        if any(a.actor_type == "group" for a in found):
            for group, user in await self.core.store.groups.memberships():
                members[group].append(user)
        return members

    async def _within(self, wanted: Wanted, rows: list[Row]) -> list[Row]:
        if wanted.within is None:
            return rows
        inside = {wanted.within, *await self.core.store.projects.ids_in_domain(wanted.within)}
        return [row for row in rows if row.target_id in inside]

    async def names(self, rows: list[Row]) -> Names:
        """The names of everything in a list."""
        store = self.core.store
        users = await store.users.some({r.actor_id for r in rows if r.actor_type == "user"})
        groups = await store.groups.some({r.actor_id for r in rows if r.actor_type == "group"})
        targets = await store.projects.some({r.target_id for r in rows if r.target_type != "system"})
        roles = (await self.roles.index()).roles
        domains = await store.projects.some({id for id in _domains(users, groups, targets, roles.values()) if id})
        return Names(
            actors={a.id: (a.name, a.domain_id) for actors in (users, groups) for a in actors},
            targets={t.id: t for t in targets},
            roles={r.id: (r.name, r.domain_id) for r in roles.values()},
            domains={d.id: d.name for d in domains},
        )


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """(name, domain) of users, groups and roles by id; projects and domains; names of domains."""

    actors: dict[str, tuple[str, str]]
    targets: dict[str, Project]
    roles: dict[str, tuple[str, str]]
    domains: dict[str, str]


def _domains(*kinds: Iterable[Any]) -> set[str]:
    return {record.domain_id for kind in kinds for record in kind}


def _row(a: Assignment) -> Row:
    return Row(
        source=a, actor_type=a.actor_type, actor_id=a.actor_id, target_type=a.target_type, target_id=a.target_id, role_id=a.role_id
    )


def _expand(
    a: Assignment, members: dict[str, list[str]], below: dict[str, list[str]], roles: list[tuple[str, str | None]]
) -> list[Row]:
    """What one assignment comes to: for each user, on each target, each role (with the one it is implied by)."""
    users = [a.actor_id] if a.actor_type == "user" else members.get(a.actor_id, [])
    targets = [(a.target_type, a.target_id)] if not a.inherited else [("project", id) for id in below[a.target_id]]
    return [
        Row(source=a, actor_type="user", actor_id=user, target_type=kind, target_id=target, role_id=role, prior_role_id=prior)
        for user in users
        for kind, target in targets
        for role, prior in roles
    ]


def _one(id: str | None) -> list[str] | None:
    return None if id is None else [id]


def _target_type(wanted: Wanted) -> str | None:
    return (
        "system"
        if wanted.system
        else "project"
        if wanted.project_id is not None
        else "domain"
        if wanted.domain_id is not None
        else None
    )
