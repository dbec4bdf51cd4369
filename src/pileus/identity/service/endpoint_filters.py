"""Endpoint filters: a project to which endpoints or groups of them were given is shown those and no others in its catalog."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.errors import Invalid
from pileus.identity.errors import NotAssociated
from pileus.identity.model import INTERFACES, Endpoint, EndpointGroup, Project
from pileus.identity.service.core import Core
from pileus.identity.service.generations import CATALOG
from pileus.identity.store.base import Filter
from pileus.identity.store.endpoint_filters import Associations

_FILTERS = frozenset({"service_id", "region_id", "interface"})


class EndpointFilters:
    def __init__(self, core: Core):
        self.core, self.db, self.groups = core, core.db, core.store.endpoint_groups
        self.by_endpoint, self.by_group = core.store.project_endpoints, core.store.project_endpoint_groups

    # ---- groups ------------------------------------------------------------------------------------------------------
    async def get_group(self, id: str) -> EndpointGroup:
        return await self.groups.get(id)

    async def list_groups(self, filters: list[Filter]) -> list[EndpointGroup]:
        return await self.groups.matching(filters)

    async def create_group(self, *, name: str, filters: dict[str, str], description: str | None = None) -> EndpointGroup:
        """Of endpoints that have something in common. An update may come to take all of them, as in Keystone."""
        if not filters:
            raise Invalid("filters field is required and cannot be empty.")
        group = EndpointGroup(id=self.core.ids.hex(), name=name, description=description, filters=_checked(filters))
        await self.groups.add(group)
        return group

    async def update_group(self, id: str, values: dict[str, Any]) -> EndpointGroup:
        async with self.db.transaction():
            group = await self.groups.get(id, lock=True)
            if "filters" in values:
                values["filters"] = _checked(values["filters"])
            changed = await self.groups.change(group, values)
            await self.core.generations.raise_(CATALOG)
        return changed

    async def delete_group(self, id: str) -> None:
        async with self.db.transaction():
            await self.groups.remove(id)
            await self.core.generations.raise_(CATALOG)

    async def members(self, id: str) -> list[Endpoint]:
        """The endpoints in a group."""
        group = await self.groups.get(id)
        return [e for e in await self.core.store.endpoints.matching() if group.takes(e)]

    # ---- what a project is given -------------------------------------------------------------------------------------
    async def give_endpoint(self, project_id: str, endpoint_id: str) -> None:
        """Repeatable."""
        async with self.db.transaction():
            await self.core.store.endpoints.get(endpoint_id)
            await self._give(self.by_endpoint, project_id, endpoint_id)

    async def take_endpoint(self, project_id: str, endpoint_id: str) -> None:
        async with self.db.transaction():
            await self.check_endpoint(project_id, endpoint_id)
            await self._take(self.by_endpoint, project_id, endpoint_id)

    async def check_endpoint(self, project_id: str, endpoint_id: str) -> None:
        await self.core.store.endpoints.get(endpoint_id)
        await self._check(self.by_endpoint, project_id, endpoint_id, "Endpoint")

    async def give_group(self, project_id: str, group_id: str) -> None:
        """Repeatable."""
        async with self.db.transaction():
            await self.groups.get(group_id)
            await self._give(self.by_group, project_id, group_id)

    async def take_group(self, project_id: str, group_id: str) -> None:
        async with self.db.transaction():
            await self.check_group(project_id, group_id)
            await self._take(self.by_group, project_id, group_id)

    async def check_group(self, project_id: str, group_id: str) -> None:
        await self.groups.get(group_id)
        await self._check(self.by_group, project_id, group_id, "Endpoint group")

    async def endpoints_of(self, project_id: str) -> list[Endpoint]:
        """All that a project is given, by groups too."""
        groups = await self.groups_of(project_id)
        given = set(await self.by_endpoint.of_project(project_id))
        return [e for e in await self.core.store.endpoints.matching() if e.id in given or any(g.takes(e) for g in groups)]

    async def groups_of(self, project_id: str) -> list[EndpointGroup]:
        await self.core.store.projects.get(project_id)
        return await self.groups.some(await self.by_group.of_project(project_id))

    async def projects_of_endpoint(self, endpoint_id: str) -> list[Project]:
        await self.core.store.endpoints.get(endpoint_id)
        return await self.core.store.projects.some(await self.by_endpoint.projects_of(endpoint_id))

    async def projects_of_group(self, group_id: str) -> list[Project]:
        await self.groups.get(group_id)
        return await self.core.store.projects.some(await self.by_group.projects_of(group_id))

    async def _give(self, pairs: Associations, project_id: str, what: str) -> None:
        await self.core.store.projects.get(project_id, lock=True)
        await pairs.add(project_id, what)
        await self.core.generations.raise_(CATALOG)

    async def _take(self, pairs: Associations, project_id: str, what: str) -> None:
        await pairs.remove(project_id, what)
        await self.core.generations.raise_(CATALOG)

    async def _check(self, pairs: Associations, project_id: str, what: str, kind: str) -> None:
        await self.core.store.projects.get(project_id)
        if not await pairs.has(project_id, what):
            raise NotAssociated(what=f"{kind} {what}", project=project_id)


def _checked(filters: dict[str, str]) -> dict[str, str]:
    unknown = filters.keys() - _FILTERS
    if unknown:
        raise Invalid(f"Endpoint groups filter by {', '.join(sorted(_FILTERS))}, not by {', '.join(sorted(unknown))}.")
    if filters.get("interface", "public") not in INTERFACES:
        raise Invalid(f"Invalid interface: {filters['interface']}.")
    return filters
