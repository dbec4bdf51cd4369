"""The `image_images` table with its labels and spent ids."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pileus.core.context import EVERYONE
from pileus.core.db import Database, Duplicate
from pileus.image.model import COMING, IMPORTING, SAVING, UPLOADING, Image, Wanted
from pileus.image.store.query import label, listed, reachable
from pileus.image.store.tables import deleted, images, labels, owners, spent_ids

ANY = sa.select(images).where(images.c.id == sa.bindparam("id"))
REACHABLE = ANY.where(reachable(sa.bindparam("scope", type_=sa.String)))


class Images:
    def __init__(self, db: Database):
        self.db = db

    async def add(self, image: Image) -> None:
        """Raises Duplicate when the id is taken."""
        await self.db.insert(images, image)
        await self._label(image.id, image.tags, image.properties)

    async def find(self, id: str, scope: str | None, *, lock: bool = False) -> Image | None:
        """With `lock` nobody else changes the image until the transaction around ends."""
        stmt = ANY if scope == EVERYONE else REACHABLE
        return await self.db.one(Image, stmt.with_for_update() if lock else stmt, {"id": id, "scope": scope})

    async def page(self, wanted: Wanted, scope: str | None, project_id: str | None) -> list[Image]:
        return await self.db.all(Image, listed(wanted, scope, project_id))

    async def spent(self, id: str) -> bool:
        return await self.db.scalar(sa.select(spent_ids.c.id).where(spent_ids.c.id == id)) is not None

    async def unspend(self, id: str) -> None:
        """For the image that had it."""
        await self.db.execute(spent_ids.delete().where(spent_ids.c.id == id))

    async def update(self, id: str, values: dict[str, Any]) -> None:
        await self.db.execute(images.update().where(images.c.id == id).values(**values))
        if "tags" in values or "properties" in values:
            await self.db.execute(labels.delete().where(labels.c.image_id == id))
            image = await self.db.one(Image, sa.select(images).where(images.c.id == id))
            if image is not None:
                await self._label(id, image.tags, image.properties)

    async def change_state(self, id: str, allowed: frozenset[str], to: str, now: datetime, *, blob: str | None = None,
                           **values: Any) -> bool:
        """Compare and swap: False when the image is gone, in none of the allowed states, or its bytes are not to be `blob`.

        `set_blob` among the values is the column `blob`."""
        stmt = images.update().where(images.c.id == id, images.c.status.in_(allowed))
        if blob is not None:
            stmt = stmt.where(images.c.blob == blob)
        if "set_blob" in values:
            values["blob"] = values.pop("set_blob")
        return bool(await self.db.execute(stmt.values(status=to, updated_at=now, **values)))

    async def remove(self, id: str, now: datetime) -> bool:
        """Forget an unprotected image; its id is spent."""
        await self.db.execute(labels.delete().where(labels.c.image_id == id))
        if not await self.db.execute(images.delete().where(images.c.id == id, images.c.protected.is_(False))):
            return False
        await self.db.insert(spent_ids, {"id": id, "deleted_at": now})
        return True

    # ---- uploads -----------------------------------------------------------------------------------------------------
    async def extend(self, id: str, blob: str, lease: datetime) -> bool:
        """Say that an upload goes on; False when it is not wanted any more."""
        stmt = images.update().where(images.c.id == id, images.c.blob == blob, images.c.status.in_(COMING))
        return bool(await self.db.execute(stmt.values(upload_lease=lease)))

    async def abandoned(self, now: datetime, owner: str | None) -> list[Image]:
        """Images whose upload nobody carries on: those with an expired lease, and all of `owner`."""
        expired = images.c.upload_lease < now
        return await self.db.all(Image, sa.select(images).where(
            images.c.status.in_((SAVING, UPLOADING)), expired if owner is None else sa.or_(expired, images.c.upload_owner == owner)))

    async def blobs(self) -> set[tuple[str, str]]:
        """(store, key) of all bytes that belong to an image or a deleted one, or will: in one look, for images come and go."""
        found: set[tuple[str, str]] = set()
        there = sa.select(images.c.blob, images.c.places, images.c.coming)
        kept = sa.select(deleted.c.id, deleted.c.places, deleted.c.coming)
        for blob, places, coming in await self.db.rows(there.union_all(kept)):
            found.update((store, blob) for store in coming)
            found.update((place["store"], place["key"]) for place in places)
        return found

    async def used(self, owner: str | None, *, staged: bool = False) -> int:
        """Bytes of a project's images, or of those that are not imported yet."""
        stmt = sa.select(sa.func.coalesce(sa.func.sum(images.c.size), 0)).where(images.c.owner == owner)
        return int(await self.db.scalar(stmt.where(images.c.status.in_((UPLOADING, IMPORTING))) if staged else stmt))

    async def hold(self, owner: str | None) -> None:
        """Until the transaction around ends, nobody else counts what the project has."""
        with suppress(Duplicate):
            await self.db.insert(owners, {"owner": owner or ""})
        await self.db.scalar(sa.select(owners.c.owner).where(owners.c.owner == (owner or "")).with_for_update())

    async def count(self, owner: str | None, *, uploading: bool = False) -> int:
        """Images of a project, or those whose bytes are coming."""
        stmt = sa.select(sa.func.count()).select_from(images).where(images.c.owner == owner)
        return await self.db.scalar(stmt.where(images.c.status.in_(COMING)) if uploading else stmt)

    async def _label(self, id: str, tags: list[str], properties: dict[str, str]) -> None:
        found = [label("tag", tag) for tag in tags] + [label("property", name, value) for name, value in properties.items()]
        if found:
            await self.db.execute(labels.insert(), [{"image_id": id, "label": digest} for digest in found])
