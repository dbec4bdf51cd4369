"""Tells containers of objects, and accounts of containers, what could not be told when it happened."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from pileus.object_store.daemons.daemon import Daemon
from pileus.object_store.storage.database.broker import Absent
from pileus.object_store.storage.database.container import ContainerBroker
from pileus.object_store.storage.object.pending import Pendings
from pileus.object_store.wire.message import Request


class ObjectUpdater(Daemon):
    """Rows that object servers left on their devices."""

    name = "object-updater"

    async def work(self) -> None:
        seen: set[int] = set()
        for policy in self.store.policies:
            for device, _ in self.own_devices(self.store.rings[policy.ring]):
                if device.id not in seen:
                    seen.add(device.id)
                    pendings, run = self.store.node.media.pendings(device.device), self.store.node.devices.threads_of(device.device).run
                    for name in await run(pendings.names):
                        async with self.piece():
                            await self.tell(pendings, name, run)

    async def tell(self, pendings: Pendings, name: str, run: Callable[..., Any]) -> None:
        try:
            pending = await run(pendings.read, name)
        except msgspec.DecodeError:
            await run(pendings.put_away, name)
            self.did["quarantined"] += 1
            return
        if pending is None:
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
            await run(pendings.forget, name)
            self.did["told"] += 1
        elif told != pending.told:
            pending.told = told
            await run(pendings.keep, name, pending)
            self.did["told partly"] += 1


class ContainerUpdater(Daemon):
    """Counts of containers that their accounts have not heard of."""

    name = "container-updater"
    every_s = 10.0

    async def work(self) -> None:
        ring = self.store.rings["container"]
        for device, root in self.own_devices(ring):
            run = self.store.node.devices.threads_of(device.device).run
            for part, hash in await run(self.store.node.containers.listed, root):
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
        heard = unknown = 0
        primaries = ring.primaries(part)
        for node in primaries:
            try:
                answer = await self.store.transport(node.key, Request("PUT", f"/account/{node.device.device}/{part}/{account}/{container}",
                                                                      headers))
                await answer.close()
            except OSError:
                continue
            heard += answer.ok
            unknown += answer.status == 404
        # Where nobody knows the account there is nobody to tell; one replica may only not have it yet.
        if heard > len(primaries) // 2 or unknown == len(primaries):
            await run(broker.reported, info)
            self.did["told"] += 1


def _news(info: dict[str, Any]) -> bool:
    return any(info[name] != info["reported_" + name] for name in ("put_timestamp", "delete_timestamp", "object_count", "bytes_used"))
