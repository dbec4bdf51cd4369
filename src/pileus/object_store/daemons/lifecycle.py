"""Goes by the rules of S3's buckets: what they say is over expires. Each bucket is worked through by one of those that hold it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.object_store.daemons.held import DatabaseDaemon, Held
from pileus.object_store.s3 import kept
from pileus.object_store.s3.call import own_call
from pileus.object_store.s3.feature import S3
from pileus.object_store.s3.lifecycle import rules
from pileus.object_store.s3.lifecycle.expire import expire
from pileus.object_store.storage.database.container import ContainerBroker


class ObjectLifecycle(DatabaseDaemon[ContainerBroker]):
    name = "object-lifecycle"
    kind = "container"
    every_s = 3600.0

    async def database(self, held: Held[ContainerBroker]) -> None:
        if not held.broker.is_deleted(held.info):
            await self.bucket(held.info["account"], held.info["container"])

    async def bucket(self, account: str, container: str) -> None:
        known = await self.store.proxy.container_info(account, container)
        document = kept.read(known, rules.NAME)
        if document is None:
            return
        feature = self.store.store.features[S3.__name__]
        assert isinstance(feature, S3)
        self.did.update(await expire(own_call(feature, account, container), rules.load(document)))
