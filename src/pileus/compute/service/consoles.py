"""Tokens for consoles, and where they lead."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

from pileus.compute.config import ComputeConfig
from pileus.compute.errors import ConsoleTokenUnknown, ConsoleTypeInvalid, ConsoleTypeUnavailable, ServerNotReady
from pileus.compute.hypervisor.base import ConsoleAddress
from pileus.compute.interface import ComputeAgent
from pileus.compute.model.console import TYPES, ConsoleToken
from pileus.compute.model.server import BUILDING, Server
from pileus.compute.service.servers import Servers
from pileus.compute.store.consoles import ConsoleTokens
from pileus.core.context import CLOUD, Context
from pileus.core.errors import NotFound
from pileus.core.kit import Kit


class Consoles:
    def __init__(self, kit: Kit, config: ComputeConfig, *, servers: Servers, tokens: ConsoleTokens):
        self.kit, self.config, self.servers, self.tokens = kit, config, servers, tokens

    async def create(self, server_id: str, type: str, who: Context, *, protocol: str | None = None) -> str:
        """A token for one console of a server that has it. Raises ServerNotFound, ConsoleTypeUnavailable, Conflict."""
        server = await self.servers.get(server_id, who)
        if type not in TYPES:
            raise ConsoleTypeUnavailable(type=type)
        if protocol not in (None, TYPES[type][0]):
            raise ConsoleTypeInvalid(type=type)
        await self._address(server, type)
        token = base64.urlsafe_b64encode(self.kit.ids.secret()).decode().rstrip("=")
        expires = self.kit.clock.now() + timedelta(seconds=self.config.console_token_ttl_s)
        await self.tokens.insert(ConsoleToken(hash=_hash(token), server_id=server_id, type=type, expires_at=expires))
        return token

    async def lookup(self, token: str) -> tuple[ConsoleToken, ConsoleAddress]:
        """What a token is for, and where that is now. Raises ConsoleTokenUnknown, Conflict."""
        found = await self.tokens.find(_hash(token), self.kit.clock.now())
        if found is None:
            raise ConsoleTokenUnknown()
        try:
            server = await self.servers.get(found.server_id, CLOUD)
        except NotFound as gone:
            raise ConsoleTokenUnknown() from gone
        return found, await self._address(server, found.type)

    async def resolve(self, token: str) -> ConsoleAddress:
        return (await self.lookup(token))[1]

    async def drop_expired(self) -> int:
        return await self.tokens.delete_expired(self.kit.clock.now())

    async def _address(self, server: Server, type: str) -> ConsoleAddress:
        if server.host is None or server.vm_state == BUILDING:
            raise ServerNotReady(id=server.id)
        return await ComputeAgent.at(server.host, self.kit.bus).console(server.id, TYPES[type][1])


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
