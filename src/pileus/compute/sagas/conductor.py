"""What the sagas of compute work with."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from pileus.compute.config import ComputeConfig
from pileus.compute.interface import ComputeAgent
from pileus.compute.model.server import Fault, Server
from pileus.compute.service.moving import Moving
from pileus.compute.service.scheduling import Scheduling
from pileus.compute.store.actions import ServerActions
from pileus.compute.store.migrations import Migrations
from pileus.compute.store.servers import Servers
from pileus.core.errors import CloudError
from pileus.core.kit import Kit


class Conductor(msgspec.Struct, frozen=True, kw_only=True):
    kit: Kit
    config: ComputeConfig
    servers: Servers
    scheduling: Scheduling
    moving: Moving
    images: Any
    network: Any
    actions: ServerActions
    migrations: Migrations

    def now(self):
        return self.kit.clock.now()

    def agent(self, host: str) -> ComputeAgent:
        return ComputeAgent.at(host, self.kit.bus)

    async def server(self, server_id: str) -> Server | None:
        """The server, unless its row is gone or marked deleted."""
        found = await self.servers.find(server_id)
        return found if found is not None and found.deleted_at is None else None

    def fault(self, error: CloudError) -> Fault:
        """What a user may know of a failure (OSSA-2019-003): our own errors' words, nothing of hosts and paths."""
        return Fault(code=error.status if error.status >= 400 else 500, message=str(error)[:255], created=self.now(), details=error.detail)


class Ordered(Protocol):
    """The state of a saga that a user ordered."""

    server_id: str
    request_id: str


def unchanged(*tasks: str) -> Callable[[Any, Conductor, CloudError], Awaitable[None]]:
    """What becomes of a server whose saga was undone: what it was, out of the saga's task states, with the reason for its owner."""

    async def failed(s: Ordered, c: Conductor, error: CloudError) -> None:
        await c.servers.end_task(s.server_id, c.now(), *tasks, fault=c.fault(error))
        await c.actions.finish(s.request_id, s.server_id, error=str(error))

    return failed
