"""Tells containers of objects, and accounts of containers, what could not be told when it happened."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from pileus.object_store.daemons.daemon import Daemon
from pileus.object_store.daemons.db_replicator import hashes_of
from pileus.object_store.ring.device import Device
from pileus.object_store.storage.database.broker import Absent
from pileus.object_store.storage.database.container import ContainerBroker
from pileus.object_store.storage.object.updates import FOLDER, Pending, keep
from pileus.object_store.wire.message import Request


class ObjectUpdater(Daemon):
    """Rows that object servers left on their devices."""

    name = "object-updater"

    async def work(self) -> None:
        seen: set[int] = set()
        for policy in self.store.policies:
            for device, root in self.own_devices(self.store.rings[policy.ring]):
                if device.id not in seen:
                    seen.add(device.id)
                    for path in sorted((root / FOLDER).glob("*/*")):
                        async with self.piece():
                            await self.tell(device, root, path)

    async def tell(self, device: Device, root: Path, path: Path) -> None:
        try:
            pending = msgspec.json.decode(path.read_bytes(), type=Pending)
        except FileNotFoundError:
            return
        ring = self.store.rings["container"]
        part = ring.partition(pending.account, pending.container)
        told = list(pending.told)
        for node in ring.primaries(part):
            if node.device.name in told:
                continue
            target = f"/container/{node.device.device}/{part}/{pending.account}/{pending.container}/{pending.object}"
            try:
                answer = await self.store.transport(node.key, Request(pending.method, target, pending.headers))
                await answer.close()
            except OSError:
                continue
            if answer.ok or answer.status == 404:
                told.append(node.device.name)
        if {node.device.name for node in ring.primaries(part)} <= set(told):
            path.unlink(missing_ok=True)
            self.did["told"] += 1
        elif told != pending.told:
            pending.told = told
            hash, at = path.name[:32], path.name[33:]
            keep(root, hash, at, pending)
            self.did["told partly"] += 1


class ContainerUpdater(Daemon):
    """Counts of containers that their accounts have not heard of."""

    name = "container-updater"
    every_s = 10.0

    async def work(self) -> None:
        ring = self.store.rings["container"]
        for device, root in self.own_devices(ring):
            run = self.store.node.devices.threads_of(device.device).run
            for part, hash in await run(hashes_of, root / "containers"):
                async with self.piece():
                    try:
                        broker = await run(self.store.node.containers.get, root, part, hash)
                    except Absent:
                        continue
                    info = await run(broker.info)
                    if _news(info):
                        await self.tell(broker, info, run)

    async def tell(self, broker: ContainerBroker, info: dict[str, Any], run: Any) -> None:
        ring = self.store.rings["account"]
        account, container = info["account"], info["container"]
        part = ring.partition(account)
        headers = {"x-put-timestamp": info["put_timestamp"], "x-delete-timestamp": info["delete_timestamp"],
                   "x-object-count": str(info["object_count"]), "x-bytes-used": str(info["bytes_used"]),
                   "x-counted-at": self.store.proxy.stamp(),
                   "x-backend-storage-policy-index": str(info["storage_policy_index"])}
        heard = 0
        primaries = ring.primaries(part)
        for node in primaries:
            try:
                answer = await self.store.transport(node.key, Request("PUT", f"/account/{node.device.device}/{part}/{account}/{container}",
                                                                      headers))
                await answer.close()
            except OSError:
                continue
            heard += answer.ok or answer.status == 404
        if heard > len(primaries) // 2:
            await run(broker.reported, info)
            self.did["told"] += 1


def _news(info: dict[str, Any]) -> bool:
    return any(info[name] != info["reported_" + name] for name in ("put_timestamp", "delete_timestamp", "object_count", "bytes_used"))
