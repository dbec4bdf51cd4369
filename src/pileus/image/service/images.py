"""Images, as the API and the other services see them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec

from pileus.core.context import EVERYONE, Context
from pileus.core.db import Duplicate
from pileus.core.kit import Kit
from pileus.image.backends.base import StoreFailed
from pileus.image.backends.file import FileStore
from pileus.image.backends.stores import Around, configured_stores
from pileus.image.backends.work import Workers
from pileus.image.config import ImageConfig
from pileus.image.errors import (
    ImageDeactivated,
    ImageIdTaken,
    ImageInWrongState,
    ImageNotFound,
    ImageNotSwitchable,
    ImageProtected,
    MarkerInvalid,
    OwnerForbidden,
    TagNotFound,
    TooMany,
)
from pileus.image.model import SHARED, TRANSITIONS, Action, Condition, Image, Place, Wanted
from pileus.image.service.cache import Cache
from pileus.image.service.changes import Change, apply
from pileus.image.service.copies import Copies
from pileus.image.service.imports import Imports
from pileus.image.service.locations import Locations
from pileus.image.service.members import Members
from pileus.image.service.metadefs import Metadefs
from pileus.image.service.protections import Protections
from pileus.image.service.quotas import Quotas
from pileus.image.service.reading import Reading
from pileus.image.service.refining import Refining
from pileus.image.service.relocating import Moves, Relocating
from pileus.image.service.remote import Remote
from pileus.image.service.scrubbing import Scrubbing
from pileus.image.service.signatures import Signatures
from pileus.image.service.snapshots import Snapshots
from pileus.image.service.tasks import ImageTasks
from pileus.image.service.uploads import Uploads
from pileus.image.store.images import Images as ImageStore
from pileus.image.store.members import Members as MemberStore

SLICE = 1 << 16


class Images:
    """Glance. `members`, `metadefs`, `uploads`, `reading`, `copies`, `imports` and `snapshots` are its parts."""

    def __init__(self, kit: Kit, config: ImageConfig, state: Path, *, identity: Any = None):
        """`identity` keeps the limits of projects when the configuration says so."""
        self.kit, self.config = kit, config
        self.store, self.member_store = ImageStore(kit.db), MemberStore(kit.db)
        self.workers = Workers(config.hash_threads)
        self.stores = configured_stores(config, Around(state, self.workers, kit.clock, config))
        self.members = Members(kit, config, self.store, self.member_store)
        self.metadefs = Metadefs(kit)
        protections = Path(config.property_protection_file) if config.property_protection_file else None
        self.protections = Protections(kit.policy, protections, config.property_protection_rules)
        self.quotas = Quotas(config, self.store, identity)
        self.signatures = Signatures(Path(config.certificates_folder) if config.certificates_folder else None, kit.clock, self.workers)
        self.uploads = Uploads(kit, config, self.store, self.stores, self.workers, self.quotas, self.signatures)
        self.reading = Reading(self.stores)
        cached = FileStore([Path(config.cache_folder) if config.cache_folder else state / "image-cache"], self.workers)
        self.cache = Cache(kit, config, self.store, self.reading, cached, self.workers)
        self.copies = Copies(kit, self.store, self.stores, self.reading, self.workers, config.max_virtual_bytes)
        self.work = FileStore([state / "image-work"], self.workers)
        refining = Refining(kit, config, self.uploads, self.copies, self.work)
        self.imports = Imports(kit, config, self.store, self.uploads, self.copies, refining,
                               Remote(identity, config.remote_properties))
        self.locations = Locations(kit, config, self.uploads, self.copies)
        self.relocating = Relocating(self.locations, config.max_locations)
        self.scrubbing = Scrubbing(kit, config, self.store, self.member_store, self.stores)
        self.tasks = ImageTasks(self)
        self.snapshots = Snapshots(self)

    async def start(self) -> None:
        """Make room for bytes, and tidy up what the process before this one left half done."""
        self.stores.start()
        self.work.start()
        self.cache.files.start()
        await self.uploads.sweep(at_start=True)

    # ---- reading -----------------------------------------------------------------------------------------------------
    async def get(self, image_id: str, scope: str | None) -> Image:
        """Raises ImageNotFound, also for an image that is neither the project's nor meant for it."""
        image = await self.store.find(image_id, scope)
        if image is None:
            raise ImageNotFound(id=image_id)
        return image

    async def page(self, who: Context, wanted: Wanted) -> list[Image]:
        return await self.store.page(wanted, who.scope, who.project_id)

    async def marker(self, image_id: str, who: Context) -> Image:
        """The image that a page begins behind. Raises MarkerInvalid."""
        image = await self.store.find(image_id, who.scope)
        if image is None:
            raise MarkerInvalid(id=image_id)
        return image

    async def named(self, name: str, who: Context) -> list[Image]:
        """All images of that name that the caller may use, newest first."""
        return await self.page(who, Wanted(conditions=(Condition("name", "eq", name),), visibility="all", member_status=None))

    async def local_path(self, image_id: str) -> Path | None:
        """The file with the bytes of an image; None when they are in no store of this host.

        Raises ImageNotFound, or ImageInWrongState when there are no bytes yet. With `verify_at_boot` also what `Signatures.check`
        raises."""
        image = await self.get(image_id, EVERYONE)
        if not image.has_data:
            raise ImageInWrongState(id=image_id, status=image.status, action="using its data")
        if self.config.verify_at_boot:
            await self.signatures.check(image, self.reading.blocks(image))
        return self.reading.path(image)

    async def file(self, who: Context, image: Image) -> Path | None:
        """The file with the bytes of an image, if there are any and a store or cache of this host has them. Raises ImageDeactivated."""
        if not image.has_data or not image.places:
            return None
        self._usable(who, image)
        path = self.reading.path(image)
        if path is None:
            return await self.cache.file(image)
        return path if path.exists() else None

    async def data(self, who: Context, image: Image, start: int = 0, length: int | None = None,
                   preferred: tuple[str, ...] = ()) -> AsyncGenerator[bytes, None] | None:
        """The bytes of an image, from a preferred store if it can be; None while there are none. Raises ImageDeactivated."""
        if not image.has_data or not image.places:
            return None
        self._usable(who, image)
        stream = self.reading.blocks(image, start, length, preferred) if preferred else await self.cache.read(image, start, length)
        try:
            first = await anext(stream, b"")
        except StoreFailed:
            await self.get(image.id, EVERYONE)             # it was deleted meanwhile
            raise
        return _sliced(first, stream)

    # ---- changing ----------------------------------------------------------------------------------------------------
    async def create(self, who: Context, image: Image) -> Image:
        """Raises ImageIdTaken (ids of deleted images stay taken), OwnerForbidden or TooMany."""
        if image.owner != who.project_id and not who.is_admin:
            raise OwnerForbidden(owner=image.owner)
        self._limit(image.tags, image.properties)
        async with self.kit.db.transaction():
            if await self.store.spent(image.id):
                raise ImageIdTaken(id=image.id)
            await self.quotas.one_more_image(image.owner)
            try:
                await self.store.add(image)
            except Duplicate as taken:
                raise ImageIdTaken(id=image.id) from taken
        return image

    async def add(self, who: Context, *, name: str, disk_format: str, container_format: str, data: AsyncIterator[bytes],
                  visibility: str = SHARED, properties: dict[str, str] | None = None) -> Image:
        """An image with its bytes. When they are refused, there is no image."""
        now = self.kit.clock.now()
        image = await self.create(who, Image(
            id=self.kit.ids.uuid(), name=name, disk_format=disk_format, container_format=container_format, visibility=visibility,
            owner=who.project_id, properties=properties or {}, created_at=now, updated_at=now))
        try:
            await self.uploads.receive(image, data)
        except BaseException:
            await self.discard(image)
            raise
        return await self.get(image.id, EVERYONE)

    async def upload(self, image: Image, data: AsyncIterator[bytes], size: int | None = None, *, store: str | None = None) -> None:
        """Store the bytes of a queued image; `size` is how many were announced."""
        await self.uploads.receive(image, data, size, store=store)

    async def stage(self, image: Image, data: AsyncIterator[bytes], size: int | None = None, *, store: str | None = None) -> None:
        """Keep the bytes of a queued image until it is imported."""
        await self.uploads.receive(image, data, size, store=store, stage=True)

    async def change(self, who: Context, image_id: str, changes: list[Change],
                     check: Callable[[Image, dict[str, Any]], None], moves: Moves | None = None) -> Image:
        """Apply a patch, all of it or nothing. `check` gets the image and its new values, and raises when they may not be. `moves`
        are what the patch does to its locations."""
        async with self.kit.db.transaction():
            image = await self._locked(image_id, who.scope)
            values = apply(image, changes)
            check(image, values)
            self._limit(values.get("tags", []), values.get("properties", {}))
            if moves is not None:
                values |= await self.relocating.values(msgspec.structs.replace(image, **values), moves)
            if not values:
                return image
            values["updated_at"] = self.kit.clock.now()
            await self.store.update(image.id, values)
            changed = msgspec.structs.replace(image, **values)
        await self._discard(image, changed)
        return changed

    async def delete(self, who: Context, image_id: str) -> None:
        """Raises ImageProtected, or ImageCopied. Bytes that are still coming are refused from now on; those that are there may be
        kept for a while."""
        async with self.kit.db.transaction():
            image = await self._locked(image_id, who.scope)
            if image.protected:
                raise ImageProtected(id=image.id)
            self.copies.idle(image)
            kept = await self.scrubbing.keep(image)
            await self.member_store.remove(image.id)
            await self.store.remove(image.id, self.kit.clock.now())
        if kept:
            await self.cache.drop(image.id)
        else:
            await self._drop_data(image)

    async def discard(self, image: Image) -> None:
        """Delete an image that the cloud itself has made, protected or not. Repeatable."""
        async with self.kit.db.transaction():
            await self.member_store.remove(image.id)
            await self.store.update(image.id, {"protected": False})
            await self.store.remove(image.id, self.kit.clock.now())
        await self._drop_data(image)

    async def add_tag(self, who: Context, image_id: str, tag: str) -> None:
        async with self.kit.db.transaction():
            image = await self._locked(image_id, who.scope)
            if tag not in image.tags:
                self._limit([*image.tags, tag], {})
                await self.store.update(image.id, {"tags": [*image.tags, tag], "updated_at": self.kit.clock.now()})

    async def remove_tag(self, who: Context, image_id: str, tag: str) -> None:
        async with self.kit.db.transaction():
            image = await self._locked(image_id, who.scope)
            if tag not in image.tags:
                raise TagNotFound(tag=tag, id=image_id)
            await self.store.update(image.id, {"tags": [t for t in image.tags if t != tag], "updated_at": self.kit.clock.now()})

    async def act(self, who: Context, image_id: str, action: Action) -> None:
        """Deactivate or reactivate. Raises ImageNotSwitchable."""
        image = await self.get(image_id, who.scope)
        allowed, to = TRANSITIONS[action]
        if not await self.store.change_state(image.id, allowed, to, self.kit.clock.now()):
            raise ImageNotSwitchable(id=image.id, status=image.status, action=action)

    # ---- parts -------------------------------------------------------------------------------------------------------
    def _usable(self, who: Context, image: Image) -> None:
        if image.status != "active" and not who.is_admin:
            raise ImageDeactivated()

    async def _locked(self, image_id: str, scope: str | None) -> Image:
        image = await self.store.find(image_id, scope, lock=True)
        if image is None:
            raise ImageNotFound(id=image_id)
        return image

    async def _discard(self, before: Image, after: Image) -> None:
        """Forget the bytes at places that the image was taken away from."""
        kept = {(place.store, place.key) for place in after.places}
        for place in before.places:
            if (place.store, place.key) not in kept:
                await self.stores.discard(place.store, place.key)

    async def _drop_data(self, image: Image) -> None:
        self.uploads.deleted(image.id)
        coming = [Place(store, image.blob) for store in image.coming] if image.blob else []
        for place in (*image.places, *coming):
            await self.stores.discard(place.store, place.key)
        await self.cache.drop(image.id)

    def _limit(self, tags: list[str], properties: dict[str, str]) -> None:
        for what, found, limit in (("tags", tags, self.config.max_tags), ("properties", properties, self.config.max_properties)):
            if len(found) > limit:
                raise TooMany(limit=limit, what=what)


async def _sliced(first: bytes, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """In pieces of which the server may hold some hundreds for a client that is slow to take them.

    The first block was read before the answer began, so that missing bytes are an error and not a cut-off answer."""
    async with aclosing(stream):
        block = first
        while block:
            for at in range(0, len(block), SLICE):
                yield block[at:at + SLICE]
            block = await anext(stream, b"")
