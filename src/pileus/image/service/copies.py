"""Copies of an image's bytes: from a store that has them to others, and out of a store again."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from pileus.core.context import EVERYONE, Context
from pileus.core.kit import Kit
from pileus.image.backends.base import BlobMissing, StoreFailed
from pileus.image.backends.stores import Stores
from pileus.image.backends.work import Workers
from pileus.image.errors import ImageCopied, ImageInWrongState, ImageNotFound, LastCopy, NotInStore, StoreAbsent
from pileus.image.model import ACTIVE, Image, Place, Received
from pileus.image.sagas.state import Spread
from pileus.image.service.proof import proven
from pileus.image.service.reading import Reading
from pileus.image.store.images import Images as ImageStore
from pileus.image.store.tasks import Tasks

#: How many bytes come between two notes of the progress.
NOTE = 64 << 20


class Copies:
    def __init__(self, kit: Kit, store: ImageStore, stores: Stores, reading: Reading, workers: Workers,
                 max_virtual_bytes: int):
        self.kit, self.store, self.stores, self.reading, self.workers = kit, store, stores, reading, workers
        self.tasks, self.max_virtual_bytes = Tasks(kit.db), max_virtual_bytes

    async def remove(self, who: Context, image_id: str, store: str) -> None:
        """Take the bytes of an image out of one of its stores.

        Raises ImageNotFound, StoreAbsent, ImageInWrongState, ImageCopied, NotInStore or LastCopy."""
        if store not in self.stores.all:
            raise StoreAbsent(store=store)
        async with self.kit.db.transaction():
            image = await self.store.find(image_id, who.scope, lock=True)
            if image is None:
                raise ImageNotFound(id=image_id)
            if image.status != ACTIVE:
                raise ImageInWrongState(id=image_id, status=image.status, action="removing its data from a store")
            self.idle(image)
            gone = [place for place in image.places if place.store == store]
            if len(image.stores) == 1:
                raise LastCopy(id=image_id, store=image.stores[0])
            if not gone:
                raise NotInStore(id=image_id, store=store)
            await self._set(image_id, places=[place for place in image.places if place.store != store])
        for place in gone:
            await self.stores.discard(place.store, place.key)

    def idle(self, image: Image) -> None:
        """Raises ImageCopied while the bytes of an active image are on their way to further stores."""
        if image.has_data and image.coming:
            raise ImageCopied(id=image.id, stores=", ".join(image.coming))

    # ---- for sagas ---------------------------------------------------------------------------------------------------
    async def spread(self, state: Spread, received: Received | None = None) -> None:
        """Bring the bytes of an image to all stores that it is to be in. Repeatable: what is there is left there. `received` says
        what they are when the image does not yet.

        Without `must_succeed` it is enough that one of them has the image in the end. Raises ImageNotFound when the image was
        deleted meanwhile, or what a store raised."""
        failure: StoreFailed | None = None
        for store in state.stores:
            image = await self.get(state.image_id)
            if received is not None:
                image = msgspec.structs.replace(image, **msgspec.structs.asdict(received))
            if store in image.stores or store in state.failed:
                continue
            try:
                await self.stores.writable[store].put(state.blob, self._blocks(image, store, state.task_id))
            except StoreFailed as failed:
                failure = failed
                await self.missed(state, store)
                if state.must_succeed:
                    raise
            else:
                await self.arrived(state, store)
        if failure is not None and set(state.failed) >= set(state.stores):
            raise failure

    async def arrived(self, state: Spread, store: str) -> None:
        """All bytes are in that store now. Raises ImageNotFound when nobody wants them any more; then they are gone again."""
        async with self.kit.db.transaction():
            image = await self.store.find(state.image_id, EVERYONE, lock=True)
            if image is not None and (image.blob != state.blob or store not in (*image.coming, *image.stores)):
                image = None
            if image is not None and store in image.coming:
                await self._set(image.id, places=[*(p for p in image.places if p.store != store), Place(store, state.blob)],
                                coming=[other for other in image.coming if other != store])
        if image is None:
            await self.stores.discard(store, state.blob)
            raise ImageNotFound(id=state.image_id)

    async def missed(self, state: Spread, store: str) -> None:
        """That store could not take them: it is not asked again."""
        state.failed.append(store)
        async with self.kit.db.transaction():
            image = await self.store.find(state.image_id, EVERYONE, lock=True)
            if image is not None:
                await self._set(image.id, coming=[other for other in image.coming if other != store],
                                failed=sorted({*(image.failed or []), store}))

    async def get(self, image_id: str) -> Image:
        image = await self.store.find(image_id, EVERYONE)
        if image is None:
            raise ImageNotFound(id=image_id)
        return image

    # ---- parts -------------------------------------------------------------------------------------------------------
    async def _set(self, image_id: str, **values: Any) -> None:
        await self.store.update(image_id, values | {"updated_at": self.kit.clock.now()})

    async def _blocks(self, image: Image, store: str, task_id: str) -> AsyncGenerator[bytes, None]:
        """The bytes of an image, held against its size and digest: an error of one store does not become one of all.

        Raises BlobMissing when they are others, behind the last; of an active image what `proven` raises."""
        algorithm = image.os_hash_algo if not image.has_data else None
        digest = hashlib.new(algorithm) if algorithm is not None and algorithm in hashlib.algorithms_available else None
        whole = self.reading.blocks(image)
        if image.has_data:                                                 # nobody may have looked at it yet, see `relocating`
            whole = proven(image, whole, self.workers, self.max_virtual_bytes)
        got = noted = 0
        async with aclosing(whole) as blocks:
            async for block in blocks:
                if digest is not None:
                    await self.workers.run(digest.update, block)
                yield block
                got += len(block)
                if got - noted >= NOTE:
                    noted = got
                    await self.tasks.update(task_id, self.kit.clock.now(), message=f"Copied {got >> 20} MiB to {store}")
        if (image.size is not None and got != image.size) or (digest is not None and digest.hexdigest() != image.os_hash_value):
            raise BlobMissing(detail=f"image {image.id} was read with other bytes than it was stored with")
