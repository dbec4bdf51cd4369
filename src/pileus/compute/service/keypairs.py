"""Key pairs of users: an administrator may act for another user, everybody else for themselves."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio

from pileus.compute.config import ComputeConfig
from pileus.compute.errors import KeypairExists, KeypairNotFound, TooManyKeypairs
from pileus.compute.model.keypair import Keypair
from pileus.compute.model.quota import over
from pileus.compute.service import keys
from pileus.compute.service.quotas import Quotas
from pileus.compute.store.keypairs import Keypairs as Store
from pileus.core.db import Duplicate
from pileus.core.kit import Kit


class Keypairs:
    def __init__(self, kit: Kit, config: ComputeConfig, *, quotas: Quotas):
        self.kit, self.quotas = kit, quotas
        self.store = Store(kit.db)

    async def get(self, user_id: str, name: str) -> Keypair:
        found = await self.store.find(user_id, name)
        if found is None:
            raise KeypairNotFound(name=name, user=user_id)
        return found

    async def list(self, user_id: str) -> list[Keypair]:
        """By name."""
        return await self.store.list(user_id)

    async def add(self, user_id: str, name: str, type: str, public_key: str, *, project_id: str | None) -> Keypair:
        """Store a public key that the user brought. Raises KeypairInvalid, KeypairExists, TooManyKeypairs."""
        print_ = keys.fingerprint(type, public_key)
        limits = await self.quotas.limits(project_id or "", user_id)
        async with self.kit.db.transaction():
            if over(limits["key_pairs"], await self.quotas.store.count_keypairs(user_id) + 1):
                raise TooManyKeypairs()
            made = Keypair(
                user_id=user_id,
                name=name,
                number=await self.store.next_number(),
                type=type,
                public_key=public_key,
                fingerprint=print_,
                created_at=self.kit.clock.now(),
            )
            try:
                await self.store.insert(made)
            except Duplicate as taken:
                raise KeypairExists(name=name) from taken
        return made

    async def generate(self, user_id: str, name: str, type: str, *, project_id: str | None) -> tuple[Keypair, str]:
        """Make a pair, store its public half and return the private one, which nobody can ask for again."""
        pair = await asyncio.to_thread(keys.generate, type, user_id, self.kit.clock.now())
        return await self.add(user_id, name, type, pair.public_key, project_id=project_id), pair.private_key

    async def delete(self, user_id: str, name: str) -> None:
        if not await self.store.delete(user_id, name):
            raise KeypairNotFound(name=name, user=user_id)
