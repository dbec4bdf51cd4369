"""Brings databases to the devices that should have them, and their rows to each other.

For each database on each own device every other device of its partition is told of its timestamps and metadata, then sent the rows
that it has not had from here; one that has no such database gets a copy of the whole.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from pileus.object_store.daemons.daemon import Daemon
from pileus.object_store.model.shards import PREFIX
from pileus.object_store.ring.device import Device, Node
from pileus.object_store.ring.ring import Ring
from pileus.object_store.storage.database.broker import Absent, Broker
from pileus.object_store.storage.database.files import Databases
from pileus.object_store.storage.database.replicate import DO, ROWS, Rows, State, state
from pileus.object_store.wire.body import close, stream
from pileus.object_store.wire.message import Request


class DatabaseReplicator(Daemon):
    kind: ClassVar[str]

    @property
    def databases(self) -> Databases[Any]:
        return self.store.node.accounts if self.kind == "account" else self.store.node.containers

    async def work(self) -> None:
        ring = self.store.rings[self.kind]
        for device, root in self.own_devices(ring):
            run = self.store.node.devices.threads_of(device.device).run
            for part, hash in await run(self.databases.listed, root):
                if part < ring.partitions:
                    async with self.piece():
                        await self.database(ring, device, root, part, hash, run)

    async def database(self, ring: Ring, device: Device, root: Path, part: int, hash: str, run: Callable[..., Any]) -> None:
        try:
            broker = await run(self.databases.get, root, part, hash)
        except Absent:
            return
        self.did["databases"] += 1
        primaries = ring.primaries(part)
        others = [n for n in primaries if n.device.id != device.id]
        # Before the others are told: each would give back to the one before it what that has just forgotten.
        await run(broker.reclaim, self.store.node.reclaim_before())
        before = (await run(broker.info))["hash"]
        heard = [await self.bring(node, broker, part, hash, run, root) for node in others]
        if len(others) == len(primaries):
            if all(heard) and await run(broker.remove, before):
                self.databases.forget(broker.path)
                self.did["removed"] += 1
            return
        if all(heard):
            await run(self.reclaim, broker)

    def reclaim(self, broker: Broker) -> None:
        """Forget the whole database, which all replicas know, when it was deleted long ago."""
        if self.is_forgotten(broker):
            broker.remove(broker.info()["hash"])
            self.databases.forget(broker.path)
            self.did["reclaimed"] += 1

    def is_forgotten(self, broker: Broker) -> bool:
        """Whether it was deleted so long ago that nobody need know, and the sharder has taken its shards away."""
        info = broker.info()
        return broker.is_deleted(info) and info["delete_timestamp"] < self.store.node.reclaim_before() and broker.is_empty(info) \
            and not broker.ranges()

    async def bring(self, node: Node, broker: Broker, part: int, hash: str, run: Callable[..., Any], root: Path) -> bool:
        """Whether the other device now knows everything that is known here."""
        path = f"/{self.kind}/{node.device.device}/{part}/{hash}"
        try:
            own = await run(state, broker)
            theirs = await self.ask(node, path, "info", msgspec.json.encode(own))
            if theirs is None and await run(self.is_forgotten, broker):
                return True                 # they have forgotten it already
            if theirs is None:
                return await self.send_file(node, path, broker, run, root)
            while theirs.hash != own.hash:
                rows = await run(broker.since, theirs.point, ROWS)
                if not rows:
                    break                   # they know something that is not known here: they will tell
                again = await self.ask(node, path, "rows", msgspec.json.encode(Rows(source=own.id, rows=rows)))
                if again is None or again.point <= theirs.point:
                    return False
                theirs = again
                self.did["rows"] += len(rows)
            return True
        except OSError:
            self.did["unreachable"] += 1
            return False

    async def ask(self, node: Node, path: str, what: str, body: bytes) -> State | None:
        """None when there is no such database. Raises OSError when the other cannot answer."""
        req = Request("REPLICATE", path, {DO: what, "content-length": str(len(body))}, body=stream(body))
        answer = await self.store.transport(node.replication, req)
        data = await answer.read()
        if answer.status == 404:
            return None
        if not answer.ok:
            raise OSError(f"{node.device} answers {answer.status}")
        return msgspec.json.decode(data, type=State)

    async def send_file(self, node: Node, path: str, broker: Broker, run: Callable[..., Any], root: Path) -> bool:
        size, body = await run(self.databases.packed, root, broker, self.store.ids.uuid(), run)
        try:
            req = Request("REPLICATE", path, {DO: "file", "content-length": str(size)}, body=body)
            answer = await self.store.transport(node.replication, req)
            await answer.close()
        finally:
            await close(body)
        self.did["files"] += answer.ok
        return answer.ok


class AccountReplicator(DatabaseReplicator):
    name, kind = "account-replicator", "account"

    def is_forgotten(self, broker: Broker) -> bool:
        """The account of another one's shards was never deleted by anybody: it goes when the last of them has been gone for long."""
        info = broker.info()
        return super().is_forgotten(broker) or (info["account"].startswith(PREFIX) and broker.max_row() < 0
                                                and info["created_at"] < self.store.node.reclaim_before())


class ContainerReplicator(DatabaseReplicator):
    name, kind = "container-replicator", "container"

