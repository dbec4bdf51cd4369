"""One process of a cluster: the servers and daemons that it is told to run, until it is told to stop."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pileus.core.clock import Clock
from pileus.core.http.server import Server
from pileus.core.ids import Ids
from pileus.core.log import Log
from pileus.object_store.cluster.listeners import Listeners
from pileus.object_store.config import ObjectStoreConfig
from pileus.object_store.daemons import DAEMONS
from pileus.object_store.daemons.daemon import Daemon
from pileus.object_store.model.names import KINDS
from pileus.object_store.remote_identity.ask import IdentityService
from pileus.object_store.remote_identity.keys import RemoteKeys
from pileus.object_store.remote_identity.tokens import RemoteIdentity
from pileus.object_store.service import ObjectStore
from pileus.object_store.transport import address

log = Log("pileus.object_store")

#: How long clients that came just before a successor took over have to send their request.
LEAVE_S = 0.5


class Process:
    """`names`: servers (`proxy-server`; `storage-server` for all three kinds, or `account-server` and its like) and daemons."""

    def __init__(self, config: ObjectStoreConfig, state: Path, names: Sequence[str], *, once: bool = False):
        self.config, self.once = config, once
        self.names = [each for name in names for each in (DAEMONS if name == "daemons" else [name])]
        self.store = ObjectStore(config, state, Clock(), Ids(), serves=kinds_of(names))
        if config.identity_url:
            identity = IdentityService(config.identity_url, config.identity_service, self.store.clock)
            self.store.store.identify = RemoteIdentity(identity, self.store.clock, config.service_roles)
            if config.identity_service.username:
                self.store.store.signers = RemoteKeys(identity, self.store.clock)
        self.servers: list[Server] = []
        self.listeners = Listeners()
        self.daemons: list[Daemon] = [DAEMONS[name](self.store) for name in self.names if name in DAEMONS]

    async def run(self, until: asyncio.Event, ready: Callable[[], Any] = lambda: None) -> None:
        """Serve until the event is set; with `once`, run every daemon once."""
        if self.once:
            for daemon in self.daemons:
                log.info("ran once", daemon=daemon.name, **await daemon.run_once())
            await self.store.stop()
            return
        places = [("proxy-server", self.store.app, self.config.proxy_listen),
                  ("storage-server", self.store.node_app, self.config.storage_listen),
                  ("storage-server", self.store.node_app, self.config.replication_listen),
                  *((f"{kind}-server", self.store.node_app, self.config.listen_of(kind)) for kind in KINDS)]
        for name, app, at in places:
            if name in self.names and at:
                server = Server(app, *address(at), self.listeners.at(at))
                await server.start()
                self.servers.append(server)
                await server.listening()
        tasks = [asyncio.create_task(daemon.run_forever(), name=daemon.name) for daemon in self.daemons]
        ready()
        await until.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.listeners.has_successor:
            self.listeners.leave()
            await self.store.clock.sleep(LEAVE_S)
        for server in self.servers:
            await server.stop()
        self.listeners.close()
        await self.store.stop()


def kinds_of(names: Sequence[str]) -> tuple[str, ...]:
    """What the servers among some are of."""
    return KINDS if "storage-server" in names else tuple(kind for kind in KINDS if f"{kind}-server" in names)


async def run(config: ObjectStoreConfig, state: Path, names: Sequence[str], *, once: bool = False,
              ready: Callable[[], Any] = lambda: None) -> None:
    """Run a process until SIGTERM or SIGINT; at SIGUSR1 it starts its successor."""
    until, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, until.set)

    def up() -> None:
        log.info("ready", servers=" ".join(names))
        ready()

    process = Process(config, state, names, once=once)
    loop.add_signal_handler(signal.SIGUSR1, process.listeners.spawn_successor)
    await process.run(until, up)
