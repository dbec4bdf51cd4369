"""Brings objects to the devices that should have them.

For each partition on each own device it asks the other devices of that partition for their suffixes' hashes, and sends what
they miss. What this device should not have (a handoff's, or after the ring changed) it sends to all that should, and then removes.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pileus.object_store.daemons.daemon import Daemon
from pileus.object_store.model.policy import StoragePolicy
from pileus.object_store.ring.device import Device, Node
from pileus.object_store.ring.ring import Ring
from pileus.object_store.storage.object.files import Files
from pileus.object_store.storage.object.history import data_time, resolve
from pileus.object_store.storage.object.replicate import METADATA
from pileus.object_store.wire.message import Request

#: Suffixes whose files are asked for at a time.
BATCH = 32


class ObjectReplicator(Daemon):
    name = "object-replicator"

    def policies(self) -> Iterable[StoragePolicy]:
        """Those of whole copies: fragments are the reconstructor's."""
        return (p for p in self.store.policies if p.erasure is None)

    async def work(self) -> None:
        for policy in self.policies():
            ring = self.store.rings[policy.ring]
            if ring.next_part_power is not None:
                # Things have two names, or are not yet where the others look for them.
                self.did["left alone while partitions are doubled"] += 1
                continue
            for device, _ in self.own_devices(ring):
                await self.device(policy, ring, device)

    async def device(self, policy: StoragePolicy, ring: Ring, device: Device) -> None:
        files = self.store.node.files_of(device.device, policy)
        for part in await self.run(device, files.partitions):
            if part < ring.partitions:
                async with self.piece():
                    await self.partition(policy, ring, device, files, part)

    async def partition(self, policy: StoragePolicy, ring: Ring, device: Device, files: Files, part: int) -> None:
        primaries = ring.primaries(part)
        others = [n for n in primaries if n.device.id != device.id]
        self.did["partitions"] += 1
        own = await self.run(device, files.hashes, part)
        # What is sent away is exactly what was looked at before: something may be put here meanwhile.
        mine = len(others) < len(primaries)
        moving = {} if mine else {s: await self.run(device, files.suffix, part, s) for s in own}
        complete = True
        for node in others:
            complete &= await self.bring(policy, device, files, part, own, node)
        if mine:
            return
        if complete:
            for objects in moving.values():
                for hash, names in objects.items():
                    await self.run(device, files.remove, part, hash, names)
                    self.did["removed"] += 1
            await self.run(device, files.remove_partition, part)

    async def bring(self, policy: StoragePolicy, device: Device, files: Files, part: int, own: dict[str, str], node: Node) -> bool:
        """Send a device what it misses; whether it has everything now."""
        there = await self.ask(policy, node, part, "")
        if there is None:
            return False
        differing = [suffix for suffix, hash in own.items() if there.get(suffix) != hash]
        complete = True
        for at in range(0, len(differing), BATCH):
            batch = differing[at:at + BATCH]
            theirs = await self.ask(policy, node, part, "/" + "-".join(batch))
            if theirs is None:
                return False
            for suffix in batch:
                for hash, names in (await self.run(device, files.suffix, part, suffix)).items():
                    for name in missing(names, theirs.get(hash, [])):
                        complete &= await self.send(policy, device, files, part, hash, name, node)
        return complete

    async def ask(self, policy: StoragePolicy, node: Node, part: int, rest: str) -> dict | None:
        headers = {"x-backend-storage-policy-index": str(policy.index)}
        try:
            req = Request("REPLICATE", f"/object/{node.device.device}/{part}{rest}", headers)
            answer = await self.store.transport(node.replication, req)
            body = await answer.read()
        except OSError:
            answer = None
        if answer is None or not answer.ok:
            self.did["unreachable"] += 1
            return None
        return msgspec.json.decode(body)

    async def send(self, policy: StoragePolicy, device: Device, files: Files, part: int, hash: str, name: str, node: Node) -> bool:
        """Send one file; whether it is there now. One that is gone meanwhile has a newer one in its place, which is the next run's."""
        try:
            metadata, content, size = await self.run(device, files.read_file, part, hash, name)
        except FileNotFoundError:
            return False
        except ValueError as damage:
            await self.run(device, files.quarantine, part, hash, str(damage))
            return False
        headers = {"x-backend-storage-policy-index": str(policy.index), "content-length": str(size),
                   METADATA: msgspec.json.encode(metadata).decode("utf-8", "surrogateescape")}
        body = content.body(0, size) if name.endswith(".data") else None
        content.close()
        req = Request("SYNC", f"/object/{node.device.device}/{part}/{hash}/{name}", headers, body=body)
        try:
            answer = await self.store.transport(node.replication, req)
            await answer.close()
        except OSError:
            self.did["unreachable"] += 1
            return False
        finally:
            if body is not None:
                await body.aclose()
        if answer.status == 422:
            # What we have is not what its metadata says: bit rot that the auditor has not met yet.
            await self.run(device, files.quarantine, part, hash, "refused by another replica")
        self.did["sent"] += answer.ok
        return answer.ok

    async def run(self, device: Device, function, *args):
        return await self.store.node.devices.threads_of(device.device).run(function, *args)


def missing(mine: list[str], theirs: list[str]) -> list[str]:
    """The files of an object that another replica lacks, as far as they would count there. Pure."""
    counting = set(resolve([*mine, *theirs]).counting)
    # A body is sent before what changes its metadata, so that nothing stands there alone.
    return sorted((n for n in mine if n in counting and n not in theirs), key=lambda n: (not n.endswith((".data", ".ts")), data_time(n)))
