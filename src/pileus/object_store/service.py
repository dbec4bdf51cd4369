"""The object store of one process: rings, storage servers, proxy and pipeline, put together.

Without rings of its own a process makes itself some: devices that are folders of its state folder, all served by itself.
With `ring_folder` it takes part in a cluster: what the rings place at its own address is its own, the rest is reached by HTTP.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import msgspec

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.object_store.config import ObjectStoreConfig
from pileus.object_store.kit import StoreKit
from pileus.object_store.model.names import KINDS, Hashing
from pileus.object_store.model.policy import Policies
from pileus.object_store.node import StorageNode
from pileus.object_store.pipeline.feature import Store
from pileus.object_store.pipeline.identity import Identify, Signers
from pileus.object_store.pipeline.order import build
from pileus.object_store.proxy.proxy import Proxy
from pileus.object_store.ring import file, simple
from pileus.object_store.ring.device import Device
from pileus.object_store.ring.rings import Rings
from pileus.object_store.storage.media import Disks, Media
from pileus.object_store.storage.rate_limit import BackendRateLimit
from pileus.object_store.transport import Address, Network, address
from pileus.object_store.wire.asgi import Application
from pileus.object_store.wire.client import Client
from pileus.object_store.wire.footers import received
from pileus.object_store.wire.message import Handler


class ObjectStore:
    """`state`: the folder of devices and rings. `app` is what an HTTP server serves to clients, `node_app` to other proxies.

    `serves`: the kinds of things on this node's devices that this process answers for. `media`: what they are, instead of disks.
    """

    def __init__(self, config: ObjectStoreConfig, state: Path, clock: Clock, ids: Ids, identify: Identify | None = None, *,
                 signers: Signers | None = None, serves: Collection[str] = KINDS, media: Media | None = None):
        self.config, self.state, self.clock, self.ids = config, state, clock, ids
        self.policies = Policies(config.policies)
        folder = Path(config.ring_folder) if config.ring_folder else state / "rings"
        self.hashing = load_hashing(folder / "cluster.json", ids)
        self.client = Client(connect_s=config.proxy.conn_timeout_s, step_s=config.proxy.node_timeout_s)
        #: Where the rings say that this node's devices are.
        self.addresses = frozenset(address(config.listen_of(kind)) for kind in KINDS)
        self.devices = Path(config.device_folder) if config.device_folder else state / "devices"
        if not config.ring_folder:
            self._make_rings(folder)
        local: dict[Address, Handler] = {}
        self.rings = Rings(folder, self.hashing, clock)
        self.transport = Network(local, self.client)
        disks = Disks(self.devices, state / "recon", threads=config.threads, fsync=config.fsync == "always",
                      mount_check=config.mount_check)
        kit = StoreKit(clock=clock, ids=ids, hashing=self.hashing, policies=self.policies, rings=self.rings, transport=self.transport)
        self.node = StorageNode(media or disks, kit, reclaim_age_s=config.reclaim_age_s, kinds=serves)
        guarded: Handler = BackendRateLimit(self.node, config.backend_rate_limit, clock) if config.backend_rate_limit.wanted else self.node
        local |= {address(at): guarded for at in (*map(config.listen_of, serves), config.replication_listen if serves else "") if at}
        self.proxy = Proxy(config.proxy, config.limits, kit, threads=config.threads)
        self.store = Store(config, self.proxy, clock, ids, identify, signers, self.hashing)
        build(self.store)
        self.app = Application(self.store.pipeline)
        self.node_app = Application(received(guarded))

    async def stop(self) -> None:
        await self.transport.close()
        self.proxy.threads.close()
        self.node.close()

    def _make_rings(self, folder: Path) -> None:
        ip, port = address(self.config.storage_listen)
        devices = [Device(id=n, zone=n + 1, ip=ip, port=port, device=f"d{n + 1}") for n in range(self.config.devices)]
        for device in devices:
            (self.devices / device.device).mkdir(parents=True, exist_ok=True)
        for name, replicas in simple.wanted(self.policies, self.config.replicas, self.config.devices):
            if not (folder / f"{name}.ring").exists():
                file.write(folder / f"{name}.ring", list(devices), simple.deal(devices, replicas, self.config.part_power), 1)


def load_hashing(path: Path, ids: Ids) -> Hashing:
    """The cluster's salt: chosen once, then the same for ever."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(msgspec.json.encode(Hashing(prefix=ids.secret(16).hex(), suffix=ids.secret(16).hex())))
            out.flush()
            os.fsync(out.fileno())
        os.replace(beside, path)
    return msgspec.json.decode(path.read_bytes(), type=Hashing)
