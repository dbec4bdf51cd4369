"""The storage servers of one place: its devices, and the handler that serves them all behind one address."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.object_store.model.names import Hashing
from pileus.object_store.model.policy import Policies, StoragePolicy
from pileus.object_store.storage.account.server import AccountServer
from pileus.object_store.storage.container.server import ContainerServer
from pileus.object_store.storage.database.account import AccountBroker
from pileus.object_store.storage.database.container import ContainerBroker
from pileus.object_store.storage.database.files import Databases
from pileus.object_store.storage.device import Devices
from pileus.object_store.storage.object.diskfile import DiskFiles
from pileus.object_store.storage.object.files import Files
from pileus.object_store.storage.object.server import ObjectServer
from pileus.object_store.transport import Transport
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain


class StorageNode:
    """`kinds`: which of the servers it runs."""

    def __init__(self, root: Path, hashing: Hashing, policies: Policies, transport: Transport, clock: Clock, ids: Ids, *,
                 threads: int = 4, fsync: bool = True, mount_check: bool = False,
                 kinds: tuple[str, ...] = ("account", "container", "object")):
        self.devices = Devices(root, threads=threads, mount_check=mount_check)
        self.accounts = Databases(AccountBroker, "accounts")
        self.containers = Databases(ContainerBroker, "containers")
        self.fsync = fsync
        servers = {
            "account": AccountServer(self.devices, self.accounts, hashing, ids),
            "container": ContainerServer(self.devices, self.containers, hashing, ids, transport=transport),
            "object": ObjectServer(self.devices, hashing, ids, policies=policies, make_files=self.files, transport=transport, clock=clock),
        }
        self.servers = {kind: servers[kind] for kind in kinds}

    def files(self, device: str, policy: StoragePolicy) -> Files:
        return DiskFiles(self.devices.path(device), policy.folder, run=self.devices.threads_of(device).run, fsync=self.fsync)

    async def __call__(self, req: Request) -> Response:
        server = self.servers.get(req.path.split("/", 2)[1])
        return await server(req) if server is not None else plain(404)

    def close(self) -> None:
        self.accounts.close()
        self.containers.close()
        self.devices.close()
