"""Security groups. Every project has a default one from the moment it first needs one."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence

from msgspec import UNSET
from msgspec.structs import replace

from pileus.core.context import EVERYONE, Context
from pileus.core.db import Duplicate
from pileus.network import errors
from pileus.network.model import SecurityGroup, SecurityGroupCreate, SecurityGroupRule, SecurityGroupUpdate, Wanted
from pileus.network.model.fields import given
from pileus.network.service.part import Part, expect_revision

DEFAULT = "default"


class SecurityGroups(Part):
    async def list(self, who: Context, wanted: Wanted = Wanted()) -> builtins.list[SecurityGroup]:
        asked = dict(wanted.filters)
        for project in asked.get("project_id", asked.get("tenant_id", (who.project_id,) if who.project_id else ())):
            if who.scope == EVERYONE or project == who.project_id:
                await self.ensure_default(project)
        return await self.stores.groups.page(who.scope, wanted)

    async def get(self, who: Context, group_id: str) -> SecurityGroup:
        return await self.stores.groups.get(group_id, who.scope)

    async def create(self, who: Context, order: SecurityGroupCreate) -> SecurityGroup:
        return (await self.create_all(who, [order]))[0]

    async def create_all(self, who: Context, orders: Sequence[SecurityGroupCreate]) -> builtins.list[SecurityGroup]:
        async with self.db.transaction():
            made = []
            for order in orders:
                project = self.owner(who, order)
                if order.name == DEFAULT:
                    raise errors.SecurityGroupDefaultAlreadyExists()
                await self.ensure_default(project)
                await self.net.quotas.take(project, "security_group")
                group = self._new(project, order.name, order.description, stateful=order.stateful)
                await self._insert(group)
                await self.add_tags(group.id, order.tags)
                made.append(replace(group, tags=tuple(sorted(set(order.tags)))))
        return made

    async def update(
        self, who: Context, group_id: str, order: SecurityGroupUpdate, *, revision: int | None = None
    ) -> SecurityGroup:
        async with self.db.transaction():
            group = await self.stores.groups.bare(group_id, who.scope, lock=True)
            expect_revision(group, revision)
            changes = given(order, "name", "description", "stateful")
            if group.is_default and order.name not in (UNSET, DEFAULT):
                raise errors.SecurityGroupCannotUpdateDefault()
            if not group.is_default and order.name == DEFAULT:
                raise errors.SecurityGroupDefaultAlreadyExists()
            if changes:
                await self.stores.groups.update(group_id, self.now(), **changes)
            self.net.sync.touch(groups=[group_id])
        return await self.get(who, group_id)

    async def delete(self, who: Context, group_id: str, *, revision: int | None = None) -> None:
        """With its rules, and those of other groups that refer to it. Only an administrator may remove a default group."""
        async with self.db.transaction():
            group = await self.stores.groups.bare(group_id, who.scope, lock=True)
            expect_revision(group, revision)
            if group.is_default and not self.kit.policy.check("context_is_admin", who):
                raise errors.SecurityGroupCannotRemoveDefault()
            if await self.stores.groups.in_use(group_id):
                raise errors.SecurityGroupInUse(security_group_id=group_id)
            for other in await self.stores.groups.referring_to(group_id):
                self.net.sync.touch(groups=[other])
            await self.stores.groups.forget_default(group_id)
            await self.stores.groups.delete(group_id)

    # ---- for the rest of the service -----------------------------------------------------------------------------------
    async def ensure_default(self, project_id: str) -> str:
        """The id of a project's default group, made now if there is none. Its members may talk to each other, and to everybody."""
        if not project_id:
            return ""
        found = await self.stores.groups.default_of(project_id)
        if found is not None:
            return found
        group = self._new(project_id, DEFAULT, "Default security group", is_default=True)
        try:
            async with self.db.transaction():
                await self.stores.groups.set_default(project_id, group.id)
                await self._insert(group)
                for ethertype in ("IPv4", "IPv6"):
                    await self.stores.rules.insert(self._rule(group, "ingress", ethertype, remote_group_id=group.id))
        except Duplicate:
            return await self.stores.groups.default_of(project_id) or ""
        return group.id

    async def resolve(self, project_id: str, names_or_ids: Iterable[str]) -> builtins.list[str]:
        """Ids of a project's groups from ids or names. Raises SecurityGroupNotFound or SecurityGroupAmbiguous."""
        return [(await self.find(project_id, one)).id for one in dict.fromkeys(names_or_ids)]

    async def find(self, project_id: str, name_or_id: str) -> SecurityGroup:
        group = await self.stores.groups.find(name_or_id)
        if group is not None and group.project_id == project_id:
            return group
        if name_or_id == DEFAULT:
            await self.ensure_default(project_id)
        named = await self.stores.groups.named_in(project_id, name_or_id)
        if not named:
            raise errors.SecurityGroupNotFound(security_group_id=name_or_id)
        if len(named) > 1:
            raise errors.SecurityGroupAmbiguous(name=name_or_id)
        return named[0]

    async def check_usable(self, ids: Iterable[str], scope: str | None) -> None:
        """Raises SecurityGroupNotFound for a group that is not there, or somebody else's."""
        missing = await self.stores.groups.missing_of(ids, scope or "")
        if missing:
            raise errors.SecurityGroupNotFound(security_group_id=min(missing))

    def _new(self, project: str, name: str, description: str, *, stateful: bool = True, is_default: bool = False) -> SecurityGroup:
        now = self.now()
        group = SecurityGroup(id=self.ids.uuid(), project_id=project, name=name, description=description, stateful=stateful,
                              is_default=is_default, revision_number=1, created_at=now, updated_at=now)
        rules = [self._rule(group, "egress", ethertype) for ethertype in ("IPv4", "IPv6")]
        return replace(group, rules=tuple(sorted(rules, key=lambda rule: rule.id)))        # as they are read again

    def _rule(
        self, group: SecurityGroup, direction: str, ethertype: str, *, remote_group_id: str | None = None
    ) -> SecurityGroupRule:
        return SecurityGroupRule(
            id=self.ids.uuid(),
            project_id=group.project_id,
            security_group_id=group.id,
            direction=direction,
            ethertype=ethertype,
            remote_group_id=remote_group_id,
            created_at=group.created_at,
            updated_at=group.created_at,
        )

    async def _insert(self, group: SecurityGroup) -> None:
        await self.stores.groups.insert(group)
        for rule in group.rules:
            await self.stores.rules.insert(rule)

