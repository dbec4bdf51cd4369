"""Reads everything that is kept, and puts away what is damaged: replication brings a good copy in its place."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlite3
from hashlib import md5
from pathlib import Path
from typing import ClassVar

from pileus.object_store.daemons import dark_data
from pileus.object_store.daemons.daemon import Daemon
from pileus.object_store.model.policy import StoragePolicy
from pileus.object_store.ring.device import Device
from pileus.object_store.storage.database.broker import Absent
from pileus.object_store.storage.object.files import Files, Missing, Quarantined

READ = 1 << 20


class ObjectAuditor(Daemon):
    """Bodies whose hash is not what it was."""

    name = "object-auditor"
    every_s = 3600.0
    patience = 4.0

    async def work(self) -> None:
        for policy in self.store.policies:
            for device, root in self.own_devices(self.store.rings[policy.ring]):
                await self.device(policy, device, root)

    async def device(self, policy: StoragePolicy, device: Device, root: Path) -> None:
        files = self.store.node.files_of(device.device, policy)
        run = self.store.node.devices.threads_of(device.device).run
        for part in await run(files.partitions):
            # What was reckoned may be as old as the damage: replication has to see what is really there.
            for suffix in await run(lambda p: files.hashes(p, all_again=True), part):
                for hash in await run(files.suffix, part, suffix):
                    async with self.piece():
                        await run(self.audit, files, part, hash)
                        if self.store.config.dark_data.action != "nothing":
                            await dark_data.watch(self, run, files, part, hash)

    def audit(self, files: Files, part: int, hash: str) -> None:
        try:
            files.open(part, hash).close()  # what is not as long as it should be is put away by that
            bodies = [name for name in files.names(part, hash) if name.endswith(".data")]
            sound = all([self.sound(files, part, hash, name) for name in bodies])
        except Missing as missing:
            self.did["quarantined"] += isinstance(missing, Quarantined)
            return
        except FileNotFoundError:
            return                          # replaced meanwhile
        except ValueError:
            sound = False
        if not sound:
            files.quarantine(part, hash, "its body is not what it was")
            self.did["quarantined"] += 1

    def sound(self, files: Files, part: int, hash: str, name: str) -> bool:
        """Whether a body, or a fragment, is what it was. Raises FileNotFoundError, and ValueError for damaged metadata."""
        metadata, content, size = files.read_file(part, hash, name)
        self.did["objects"] += 1
        try:
            digest = md5(usedforsecurity=False)
            for at in range(0, size, READ):
                digest.update(content.read(at, min(READ, size - at)))
            self.did["bytes"] += size
        finally:
            content.close()
        return digest.hexdigest() == metadata.get("etag") and str(size) == metadata.get("content-length")


class DatabaseAuditor(Daemon):
    """Databases that SQLite finds damaged."""

    kind: ClassVar[str]
    every_s = 1800.0

    async def work(self) -> None:
        databases = self.store.node.accounts if self.kind == "account" else self.store.node.containers
        for device, root in self.own_devices(self.store.rings[self.kind]):
            run = self.store.node.devices.threads_of(device.device).run
            for part, hash in await run(databases.listed, root):
                async with self.piece():
                    await run(self.audit, databases, root, part, hash)

    def audit(self, databases, root: Path, part: int, hash: str) -> None:
        self.did["databases"] += 1
        try:
            broker = databases.get(root, part, hash)
            sound = broker.all("PRAGMA quick_check") == [("ok",)]
            broker.info()
        except Absent:
            return
        except (sqlite3.DatabaseError, TypeError):
            sound = False
        if not sound:
            databases.quarantine(root, part, hash, self.store.ids.hex())
            self.did["quarantined"] += 1


class AccountAuditor(DatabaseAuditor):
    name, kind = "account-auditor", "account"


class ContainerAuditor(DatabaseAuditor):
    name, kind = "container-auditor", "container"
