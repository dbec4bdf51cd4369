"""Security groups as compute knows them: those of servers, changed for all ports of a server at once, and the old proxy of
the network service's own."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pileus.compute.service.network_errors import in_novas_words
from pileus.core.context import EVERYONE, Context
from pileus.core.errors import Invalid, NotFound
from pileus.network.model import SecurityGroupCreate, SecurityGroupRuleCreate, SecurityGroupUpdate, Wanted


class SecurityGroups:
    def __init__(self, *, servers: Any, network: Any):
        self.servers, self.network = servers, network

    # ---- of servers ----------------------------------------------------------------------------------------------------
    async def of_server(self, server_id: str) -> list[Any]:
        """The groups of the server's ports, each once."""
        return await self.network.security_groups_of(server_id)

    async def add(self, server_id: str, name: str, who: Context) -> None:
        """Put all ports of the server into a group of its project. Raises NotFound."""
        await self._change(server_id, name, who, add=True)

    async def remove(self, server_id: str, name: str, who: Context) -> None:
        """Take all ports out of a group. Raises NotFound when there is none such on the server."""
        await self._change(server_id, name, who, add=False)

    async def _change(self, server_id: str, name: str, who: Context, *, add: bool) -> None:
        server = await self.servers.get(server_id, who)
        self.servers.refuse_locked(server, who)
        group = await self.network.find_security_group(server.project_id, name)
        ports = await self.network.ports_of(server_id)
        if not ports:
            raise Invalid(f"Instance {server_id} has no ports a security group could be applied to.")
        if not add and not any(group.id in port.security_groups for port in ports):
            raise NotFound(f"Security group {name} not associated with the instance {server_id}")
        for port in ports:
            await self.network.set_port_groups(port.id, add={group.id} if add else set(), remove=set() if add else {group.id})

    # ---- the proxy -----------------------------------------------------------------------------------------------------
    async def list(self, who: Context, *, all_projects: bool) -> list[Any]:
        """The groups of the caller's project; an administrator may have everybody's."""
        own = () if all_projects and who.scope == EVERYONE else (("project_id", (who.project_id or "",)),)
        return await self.network.groups.list(who, Wanted(filters=own))

    async def get(self, who: Context, group_id: str) -> Any:
        return await self.network.groups.get(who, group_id)

    async def create(self, who: Context, name: str, description: str) -> Any:
        with in_novas_words():
            return await self.network.groups.create(who, SecurityGroupCreate(name=name, description=description))

    async def update(self, who: Context, group_id: str, name: str, description: str) -> Any:
        with in_novas_words():
            return await self.network.groups.update(who, group_id, SecurityGroupUpdate(name=name, description=description))

    async def delete(self, who: Context, group_id: str) -> None:
        """Raises Invalid for one in use, and for a default one."""
        with in_novas_words():
            await self.network.groups.delete(who, group_id)

    async def get_rule(self, who: Context, rule_id: str) -> Any:
        return await self.network.rules.get(who, rule_id)

    async def create_rule(self, who: Context, order: SecurityGroupRuleCreate) -> Any:
        with in_novas_words():
            return await self.network.rules.create(who, order)

    async def delete_rule(self, who: Context, rule_id: str) -> None:
        with in_novas_words():
            await self.network.rules.delete(who, rule_id)

    async def by_id(self, who: Context, ids: Iterable[str]) -> dict[str, Any]:
        """Those of the groups that the caller may see."""
        wanted = tuple(sorted(set(ids)))
        found = await self.network.groups.list(who, Wanted(filters=(("id", wanted),))) if wanted else []
        return {group.id: group for group in found}
