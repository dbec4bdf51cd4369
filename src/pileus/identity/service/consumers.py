"""Consumers of OAuth 1.0a: applications that are registered here. What users let them do is `oauth1`'s."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from pileus.core.errors import Invalid
from pileus.identity.keys import Keys
from pileus.identity.model import Consumer
from pileus.identity.service.core import Core
from pileus.identity.service.projects import merge


class Consumers:
    def __init__(self, core: Core, keys: Keys):
        self.core, self.db, self.store, self.keys = core, core.db, core.store.consumers, keys

    async def get(self, id: str) -> Consumer:
        return await self.store.get(id)

    async def all(self) -> list[Consumer]:
        return await self.store.matching()

    async def create(self, *, description: str | None = None, extra: dict | None = None) -> tuple[Consumer, str]:
        """The consumer and its secret, which is shown only now."""
        secret = self.core.ids.secret(16).hex()
        consumer = Consumer(
            id=self.core.ids.hex(), description=description, sealed=self.keys.seal(secret.encode()), extra=extra or {}
        )
        await self.store.add(consumer)
        return consumer, secret

    async def update(self, id: str, values: dict[str, Any]) -> Consumer:
        if "secret" in values.get("extra", {}):
            raise Invalid("Cannot change the secret of a consumer.")
        async with self.db.transaction():
            consumer = await self.store.get(id, lock=True)
            merge(consumer, values)
            return await self.store.change(consumer, values)

    async def delete(self, id: str) -> None:
        """What users have given it ends with it."""
        async with self.db.transaction():
            await self.store.remove(id)
            await self.core.generations.raise_()
