"""Goes by the rules of S3's buckets: what they say is over expires. Each bucket is worked through by one of those that hold it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.daemons.daemon import Daemon
from pileus.object_store.daemons.db_replicator import hashes_of
from pileus.object_store.s3 import kept
from pileus.object_store.s3.call import own_call
from pileus.object_store.s3.feature import S3
from pileus.object_store.s3.lifecycle import rules
from pileus.object_store.s3.lifecycle.expire import expire
from pileus.object_store.storage.database.broker import Absent


class ObjectLifecycle(Daemon):
    name = "object-lifecycle"
    every_s = 3600.0

    async def work(self) -> None:
        ring = self.store.rings["container"]
        for device, root in self.own_devices(ring):
            run = self.store.node.devices.threads_of(device.device).run
            for part, hash in await run(hashes_of, root / "containers"):
                if part >= ring.partitions or ring.primaries(part)[0].device.id != device.id:
                    continue
                async with self.piece():
                    try:
                        broker = await run(self.store.node.containers.get, root, part, hash)
                        info = await run(broker.info)
                    except Absent:
                        continue
                    if not broker.is_deleted(info):
                        await self.bucket(info["account"], info["container"])

    async def bucket(self, account: str, container: str) -> None:
        known = await self.store.proxy.container_info(account, container)
        document = kept.read(known, rules.NAME)
        if document is None:
            return
        feature = self.store.store.features[S3.__name__]
        assert isinstance(feature, S3)
        self.did.update(await expire(own_call(feature, account, container), rules.load(document)))
