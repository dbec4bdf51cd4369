"""The object store of this process: rings, storage servers, proxy and pipeline, put together.

Without rings of its own a process makes itself some: devices that are folders of its state folder, all served by itself.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

import msgspec

from pileus.core.clock import Clock
from pileus.core.ids import Ids
from pileus.object_store import pipeline
from pileus.object_store.config import ObjectStoreConfig
from pileus.object_store.model.names import Hashing
from pileus.object_store.model.policy import Policies
from pileus.object_store.node import StorageNode
from pileus.object_store.pipeline.feature import Store
from pileus.object_store.pipeline.identity import Identify
from pileus.object_store.proxy.proxy import Proxy
from pileus.object_store.ring import file, simple
from pileus.object_store.ring.device import Device
from pileus.object_store.ring.ring import Ring
from pileus.object_store.transport import Address, Network
from pileus.object_store.wire.asgi import Application
from pileus.object_store.wire.client import Client
from pileus.object_store.wire.message import Handler

#: The address of the servers of this process in rings of its own. Nobody listens there: they are called.
HERE: Address = ("127.0.0.1", 6200)


class ObjectStore:
    """`state`: the folder of devices and rings. `app` is what an HTTP server serves."""

    def __init__(self, config: ObjectStoreConfig, state: Path, clock: Clock, ids: Ids, identify: Identify | None = None):
        self.config, self.state, self.clock, self.ids = config, state, clock, ids
        self.policies = Policies(config.policies)
        self.hashing = load_hashing(state / "cluster.json", ids)
        self.client = Client(connect_s=config.proxy.conn_timeout_s, step_s=config.proxy.node_timeout_s)
        local: dict[Address, Handler] = {}
        self.transport = Network(local, self.client)
        self.node = StorageNode(state / "devices", self.hashing, self.policies, self.transport, clock, ids, threads=config.threads,
                                fsync=config.fsync == "always", mount_check=config.mount_check)
        local[HERE] = self.node
        self.proxy = Proxy(config.proxy, config.limits, self.policies, self._rings(), self.transport, clock, ids)
        self.store = Store(config, self.proxy, clock, ids, identify)
        pipeline.build(self.store)
        self.app = Application(self.store.pipeline)

    async def stop(self) -> None:
        await self.transport.close()
        self.node.close()

    def _rings(self) -> dict[str, Ring]:
        folder = Path(self.config.ring_folder) if self.config.ring_folder else self.state / "rings"
        names = ["account", "container", *(p.ring for p in self.policies)]
        if not self.config.ring_folder:
            self._make_rings(folder, names)
        return {name: Ring.load(folder / f"{name}.ring", self.hashing) for name in names}

    def _make_rings(self, folder: Path, names: list[str]) -> None:
        devices = [Device(id=n, zone=n + 1, ip=HERE[0], port=HERE[1], device=f"d{n + 1}") for n in range(self.config.devices)]
        for device in devices:
            (self.state / "devices" / device.device).mkdir(parents=True, exist_ok=True)
        for name in names:
            if not (folder / f"{name}.ring").exists():
                table = simple.deal(devices, self.config.replicas, self.config.part_power)
                file.write(folder / f"{name}.ring", list(devices), table, 1)


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
