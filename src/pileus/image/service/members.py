"""Sharing an image with other projects."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pileus.core.context import Context
from pileus.core.db import Duplicate
from pileus.core.kit import Kit
from pileus.image.config import ImageConfig
from pileus.image.errors import ImageNotFound, MemberExists, MemberForbidden, MemberNotFound, MembersAbsent, NotShareable, TooMany
from pileus.image.model import SHARED, Image, Member
from pileus.image.store.images import Images as ImageStore
from pileus.image.store.members import Members as MemberStore


class Members:
    """The owner says who is a member; only the member says what it thinks of it."""

    def __init__(self, kit: Kit, config: ImageConfig, images: ImageStore, store: MemberStore):
        self.kit, self.config, self.images, self.store = kit, config, images, store

    async def all(self, who: Context, image: Image) -> list[Member]:
        """All members for the owner; a member sees itself."""
        self._shared(image)
        return await self.store.all(image.id, None if self._owns(who, image) else who.project_id or "")

    async def get(self, who: Context, image: Image, member_id: str) -> Member:
        if image.visibility != SHARED:
            raise MembersAbsent()
        member = await self.store.find(image.id, member_id)
        if member is None or not (self._owns(who, image) or member_id == who.project_id):
            raise MemberNotFound(member=member_id, id=image.id)
        return member

    async def add(self, who: Context, image: Image, member_id: str) -> Member:
        now = self.kit.clock.now()
        member = Member(image_id=image.id, member_id=member_id, created_at=now, updated_at=now)
        async with self.kit.db.transaction():
            found = await self.images.find(image.id, who.scope, lock=True)
            if found is None:
                raise ImageNotFound(id=image.id)
            self._shared(found)
            if await self.store.count(image.id) >= self.config.max_members:
                raise TooMany(limit=self.config.max_members, what="members")
            try:
                await self.store.add(member)
            except Duplicate as there:
                raise MemberExists(member=member_id, id=image.id) from there
        return member

    async def set_status(self, who: Context, image: Image, member_id: str, status: str) -> Member:
        await self.get(who, image, member_id)
        if member_id != who.project_id and not who.is_admin:
            raise MemberForbidden()
        await self.store.set_status(image.id, member_id, status, self.kit.clock.now())
        return await self.get(who, image, member_id)

    async def remove(self, image: Image, member_id: str) -> None:
        self._shared(image)
        if not await self.store.remove(image.id, member_id):
            raise MemberNotFound(member=member_id, id=image.id)

    def _owns(self, who: Context, image: Image) -> bool:
        return who.is_admin or (image.owner is not None and image.owner == who.project_id)

    def _shared(self, image: Image) -> None:
        if image.visibility != SHARED:
            raise NotShareable()
