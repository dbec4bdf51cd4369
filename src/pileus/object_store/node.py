"""The storage servers of one place: its devices, and the handler that serves them all behind one address."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.object_store.model.names import Hashing
from pileus.object_store.model.policy import Policies, StoragePolicy
from pileus.object_store.model.timestamp import stamp
from pileus.object_store.ring.ring import Ring
from pileus.object_store.storage.account.server import AccountServer
from pileus.object_store.storage.container.server import ContainerServer
from pileus.object_store.storage.database.account import AccountBroker
from pileus.object_store.storage.database.container import ContainerBroker
from pileus.object_store.storage.database.files import Databases
from pileus.object_store.storage.device import Devices
from pileus.object_store.storage.object.diskfile import DiskFiles
from pileus.object_store.storage.object.files import Files
from pileus.object_store.storage.object.server import ObjectServer
from pileus.object_store.storage.recon import Recon
from pileus.object_store.storage.server import StorageServer
from pileus.object_store.transport import Transport
from pileus.object_store.wire.message import Request, Response
from pileus.object_store.wire.status import plain


class StorageNode:
    """All three servers over one set of devices."""

    def __init__(self, root: Path, hashing: Hashing, policies: Policies, transport: Transport, clock: Clock, ids: Ids, *,
                 rings: Mapping[str, Ring],
                 threads: int = 4, fsync: bool = True, mount_check: bool = False, reclaim_age_s: float = 604_800.0):
        self.devices = Devices(root, threads=threads, mount_check=mount_check)
        self.accounts = Databases(AccountBroker, "accounts")
        self.containers = Databases(ContainerBroker, "containers")
        self.fsync, self.clock, self.reclaim_age_s = fsync, clock, reclaim_age_s
        self.recon = Recon(self.devices, root.parent / "recon")
        self.objects = ObjectServer(self.devices, hashing, ids, policies=policies, make_files=self._files, transport=transport, clock=clock)
        self.servers: dict[str, StorageServer] = {
            "account": AccountServer(self.devices, self.accounts, hashing, ids),
            "container": ContainerServer(self.devices, self.containers, hashing, ids, transport=transport, rings=rings),
            "object": self.objects,
        }

    def files_of(self, device: str, policy: StoragePolicy) -> Files:
        """The files of a policy on a device of this node, the same ones that its object server uses."""
        return self.objects.files_of(device, policy)

    def _files(self, device: str, policy: StoragePolicy) -> Files:
        return DiskFiles(self.devices.path(device), policy.folder, run=self.devices.threads_of(device).run, fsync=self.fsync,
                         reclaim_before=self.reclaim_before)

    def reclaim_before(self) -> str:
        """What was deleted before this is known everywhere, and forgotten."""
        return stamp(max(0.0, self.clock.now().timestamp() - self.reclaim_age_s))

    async def __call__(self, req: Request) -> Response:
        if req.path.startswith("/recon/"):
            return await self.recon(req)
        server = self.servers.get(req.path.split("/", 2)[1])
        return await server(req) if server is not None else plain(404)

    def close(self) -> None:
        self.accounts.close()
        self.containers.close()
        self.devices.close()
