"""The storage servers of one place: its devices, and the handler that serves them all behind one address."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Awaitable, Collection

from pileus.object_store.kit import StoreKit
from pileus.object_store.model.names import KINDS
from pileus.object_store.model.policy import StoragePolicy
from pileus.object_store.model.timestamp import stamp
from pileus.object_store.ring.rings import Rings
from pileus.object_store.storage.account.server import AccountServer
from pileus.object_store.storage.container.server import ContainerServer
from pileus.object_store.storage.database.account import AccountBroker
from pileus.object_store.storage.database.container import ContainerBroker
from pileus.object_store.storage.database.files import Databases
from pileus.object_store.storage.media import Media
from pileus.object_store.storage.object.files import Files
from pileus.object_store.storage.object.server import ObjectServer
from pileus.object_store.storage.recon import Recon
from pileus.object_store.storage.server import StorageServer
from pileus.object_store.wire.message import Handler, Request, Response
from pileus.object_store.wire.status import plain


class StorageNode:
    """All three servers over one set of devices; it answers for `kinds` of them."""

    def __init__(self, media: Media, kit: StoreKit, *, reclaim_age_s: float = 604_800.0, kinds: Collection[str] = KINDS):
        hashing, ids, rings, transport = kit.hashing, kit.ids, kit.rings, kit.transport
        self.media, self.devices, self.rings = media, media.devices, rings
        self.accounts = Databases(AccountBroker, "accounts", media.home)
        self.containers = Databases(ContainerBroker, "containers", media.home)
        self.clock, self.reclaim_age_s = kit.clock, reclaim_age_s
        self.objects = ObjectServer(media, hashing, ids, policies=kit.policies, make_files=self._files, transport=transport,
                                    clock=kit.clock)
        self.servers: dict[str, StorageServer] = {
            "account": AccountServer(self.devices, self.accounts, hashing, ids),
            "container": ContainerServer(self.devices, self.containers, hashing, ids, transport=transport, rings=rings),
            "object": self.objects,
        }
        recon = Recon(media, kit.clock, rings.folder if isinstance(rings, Rings) else None)
        self.handlers: dict[str, Handler] = {**{kind: self.servers[kind] for kind in kinds}, "recon": recon}

    def files_of(self, device: str, policy: StoragePolicy) -> Files:
        """The files of a policy on a device of this node, the same ones that its object server uses."""
        return self.objects.files_of(device, policy)

    def _files(self, device: str, policy: StoragePolicy) -> Files:
        def next_power() -> int | None:
            ring = self.rings.get(policy.ring)
            return ring.next_part_power if ring is not None else None

        return self.media.files(device, policy, self.reclaim_before, next_power)

    def reclaim_before(self) -> str:
        """What was deleted before this is known everywhere, and forgotten."""
        return stamp(max(0.0, self.clock.now().timestamp() - self.reclaim_age_s))

    def __call__(self, req: Request) -> Awaitable[Response]:
        return self.handlers.get(req.path.split("/", 2)[1], _unknown)(req)

    def close(self) -> None:
        self.accounts.close()
        self.containers.close()
        self.devices.close()


async def _unknown(req: Request) -> Response:
    return plain(404)
