"""What other services say happened to servers: each event sets off what compute would find out by itself later."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any, Literal

import msgspec

from pileus.compute.errors import ServerNotFound
from pileus.compute.model.server import Server
from pileus.core.bus import HostUnreachable
from pileus.core.context import EVERYONE
from pileus.core.log import Log

log = Log("pileus.compute.events")
NETWORK = frozenset({"network-changed", "network-vif-plugged", "network-vif-unplugged", "network-vif-deleted"})


class Event(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    server_id: str
    tag: str | None = None
    status: Literal["failed", "completed", "in-progress"] = "completed"


class ExternalEvents:
    def __init__(self, *, servers: Any, network: Any):
        self.servers, self.network = servers, network

    async def take(self, events: list[Event]) -> list[int]:
        """What becomes of each event, as a status: 200, 404 for a server that is not there, 422 for one without a host."""
        codes, hosts = [], {}
        for event in events:
            try:
                server = await self.servers.get(event.server_id, EVERYONE)
            except ServerNotFound:
                codes.append(404)
                continue
            codes.append(200 if server.host is not None else 422)
            if server.host is not None and event.name in NETWORK:
                hosts[server.host] = server
        for server in hosts.values():
            await self._wire(server)
        return codes

    async def _wire(self, server: Server) -> None:
        """Have the host look at its ports again. One that does not answer will, when it is back."""
        try:
            await self.network.wire(server.host)
        except HostUnreachable:
            log.warning("host unreachable; it wires its ports when it is back", host=server.host, server=server.id)
