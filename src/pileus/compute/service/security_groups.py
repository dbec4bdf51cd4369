"""Security groups of servers: they belong to the ports; here they are changed for all ports of a server at once."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.context import Context
from pileus.core.errors import Invalid, NotFound


class SecurityGroups:
    def __init__(self, *, servers: Any, network: Any):
        self.servers, self.network = servers, network

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
