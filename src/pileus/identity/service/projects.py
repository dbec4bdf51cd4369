"""Projects and domains. Both are rows of one table; a domain's tree of projects hangs below it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from msgspec.structs import asdict

from pileus.core.errors import Invalid
from pileus.identity.errors import DomainNotFound, Immutable, Refused, TagNotFound
from pileus.identity.model import DEFAULT_DOMAIN, NewProject, Project
from pileus.identity.service.core import Core, clean_name
from pileus.identity.store.base import Filter

MOST_TAGS = 80


class Projects:
    def __init__(self, core: Core):
        self.core, self.db, self.store = core, core.db, core.store.projects

    async def get(self, id: str) -> Project:
        return await self.store.get(id)

    async def find(self, id: str) -> Project | None:
        return await self.store.find(id)

    async def get_domain(self, id: str) -> Project:
        found = await self.store.find(id)
        if found is None or not found.is_domain:
            raise DomainNotFound(id=id)
        return found

    async def find_domain(self, *, id: str | None = None, name: str | None = None) -> Project | None:
        if id is not None:
            found = await self.store.find(id)
            return found if found is not None and found.is_domain else None
        return await self.store.named(name or "", "")

    async def find_named(self, name: str, domain_id: str) -> Project | None:
        return await self.store.named(name, domain_id)

    async def matching(self, filters: list[Filter]) -> list[Project]:
        return await self.store.matching(filters)

    async def page(self, filters: list[Filter], limit: int | None, marker: str | None) -> tuple[list[Project], bool]:
        """Those behind the marker, and whether there are more."""
        return await self.store.page(filters, limit, marker)

    async def place(self, domain_id: str, parent_id: str | None) -> str:
        """The domain of a project that is to be created. Raises Invalid when domain and parent contradict each other."""
        if parent_id is not None and parent_id != domain_id:
            parent = await self.store.find(parent_id)
            if parent is None:
                raise Invalid(f"Could not find project: {parent_id}.")
            above = parent.id if parent.is_domain else parent.domain_id
            if domain_id != above:
                raise Invalid(f"The parent {parent_id} is in domain {above}, not in {domain_id}.")
            return above
        if await self.find_domain(id=domain_id) is None:
            raise Invalid(f"Could not find domain: {domain_id}.")
        return domain_id

    async def create(self, new: NewProject, *, domain_id: str, parent_id: str | None = None) -> Project:
        """A project in a domain, at its top or below a parent."""
        async with self.db.transaction():
            domain_id = await self.place(domain_id, parent_id)
            project = self._made(new, domain_id=domain_id, parent_id=parent_id or domain_id)
            # Locked, so that the parent is not deleted meanwhile.
            await self.store.get(project.parent_id or domain_id, lock=True)
            above = [await self.get_domain(domain_id), *await self.store.ancestors(project)]
            for parent in above:
                if not parent.enabled:
                    raise Invalid(f"Cannot create a project in a branch containing a disabled project: {parent.id}.")
            if len(above) > self.core.max_project_depth:
                raise Refused(why=f"Max hierarchy depth reached for {parent_id} branch.")
            await self.store.add(project)
        return project

    async def create_domain(self, new: NewProject) -> Project:
        domain = self._made(new, is_domain=True)
        await self.store.add(domain)
        return domain

    async def update(self, id: str, values: dict[str, Any], *, only_domain: bool = False) -> Project:
        """Change some columns; `extra` is added to. Disabling voids the tokens that depend on it for good."""
        async with self.db.transaction():
            project = await self.store.get(id, lock=True)
            if only_domain and not project.is_domain:
                raise DomainNotFound(id=id)
            self._refuse_moves(project, values)
            merge(project, values)
            enabled = values.get("enabled", project.enabled)
            if enabled and not project.enabled:
                for parent in await self.store.ancestors(project):
                    if not parent.enabled:
                        raise Refused(why=f"Cannot enable project {id} since it has disabled parents.")
            changed = await self.store.change(project, values)
            if project.enabled and not enabled:
                await self._disabled(project)
            elif {"name", "enabled"} & values.keys():
                await self.core.generations.raise_()
        return changed

    async def delete(self, id: str) -> None:
        """A project without projects below it, or a disabled domain with all that is in it."""
        async with self.db.transaction():
            project = await self.store.get(id, lock=True)
            check_mutable(project, "domain" if project.is_domain else "project")
            if project.is_domain:
                await self._delete_domain(project)
            elif await self.store.children([id]):
                raise Refused(why=f"Cannot delete the project {id} since it is not a leaf in the hierarchy.")
            else:
                await self.core.store.assignments.remove_on_target(id)
                await self.core.store.users.forget_default_project(id)
                await self.store.remove(id)
                await self.core.generations.revoke(f"project:{id}")
                await self.core.keep_an_admin()

    async def delete_domain(self, id: str) -> None:
        await self.get_domain(id)
        await self.delete(id)

    async def parents(self, project: Project) -> list[Project]:
        """Nearest first, the domain last."""
        if project.is_domain:
            return []
        return [*await self.store.ancestors(project), await self.get_domain(project.domain_id)]

    async def subtree(self, project: Project) -> list[Project]:
        return await self.store.descendants(project)

    async def ids_in_domain(self, domain_id: str) -> list[str]:
        return await self.store.ids_in_domain(domain_id)

    async def set_tags(self, id: str, tags: tuple[str, ...]) -> Project:
        return await self.update(id, {"tags": tags})

    async def add_tag(self, id: str, tag: str) -> None:
        async with self.db.transaction():
            project = await self.store.get(id, lock=True)
            if tag not in project.tags:
                if len(project.tags) >= MOST_TAGS:
                    raise Invalid(f"A project has at most {MOST_TAGS} tags.")
                await self.update(id, {"tags": (*project.tags, tag)})

    async def remove_tag(self, id: str, tag: str) -> None:
        async with self.db.transaction():
            project = await self.store.get(id, lock=True)
            if tag not in project.tags:
                raise TagNotFound(tag=tag)
            await self.update(id, {"tags": tuple(t for t in project.tags if t != tag)})

    def _made(self, new: NewProject, **place: Any) -> Project:
        return Project(**asdict(new) | {"id": new.id or self.core.ids.hex(), "name": clean_name(new.name)}, **place)

    def _refuse_moves(self, project: Project, values: dict[str, Any]) -> None:
        check_mutable(project, "domain" if project.is_domain else "project", values)
        if "parent_id" in values and values.pop("parent_id") != project.parent_id:
            raise Refused(why="Update of `parent_id` is not allowed.")
        if (values.pop("domain_id", project.domain_id) or "") != project.domain_id:
            raise Invalid("Update of `domain_id` is not allowed.")
        if values.pop("is_domain", project.is_domain) != project.is_domain:
            raise Invalid("Update of `is_domain` is not allowed.")

    async def _disabled(self, project: Project) -> None:
        if project.is_domain:
            await self.core.generations.revoke(f"domain:{project.id}")
            await self.core.keep_an_admin()
            return
        if any(p.enabled for p in await self.store.descendants(project)):
            raise Refused(why=f"Cannot disable project {project.id} since its subtree contains enabled projects.")
        await self.core.generations.revoke(f"project:{project.id}")
        await self.core.keep_an_admin()

    async def _delete_domain(self, domain: Project) -> None:
        if domain.id == DEFAULT_DOMAIN:
            raise Refused(why="The default domain cannot be deleted.")
        if domain.enabled:
            raise Refused(why="Cannot delete a domain that is enabled, please disable it first.")
        store = self.core.store
        await store.assignments.remove_of_domain(domain.id)
        await store.users.forget_default_projects_of(domain.id)
        for table in (store.groups, store.users, store.roles, self.store):
            await table.remove_in_domain(domain.id)
        await self.store.remove(domain.id)
        await self.core.generations.revoke(f"domain:{domain.id}")


def merge(record: Any, values: dict[str, Any]) -> None:
    """Complete the new values of dictionary columns with the old ones: an update says only what changes, null removes an option."""
    if "name" in values:
        values["name"] = clean_name(values["name"])
    if "extra" in values:
        values["extra"] = record.extra | values["extra"]
    if "options" in values:
        values["options"] = {k: v for k, v in (record.options | values["options"]).items() if v is not None}


def check_mutable(record: Any, kind: str, values: dict[str, Any] | None = None) -> None:
    """Raise Immutable, unless the change is the one that ends it."""
    if record.immutable and not (
        values is not None
        and set(values) == {"options"}
        and not values["options"].get("immutable", True)
        and set(values["options"]) == {"immutable"}
    ):
        raise Immutable(kind=kind, id=record.id)
