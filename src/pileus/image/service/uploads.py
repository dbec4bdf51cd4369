"""Receiving the bytes of an image: hashed, inspected and stored while they come, and either all of it or nothing.

Every upload has a blob of its own, whose key is in the image's row before the blob is made. So a blob that no row names is
nobody's and is swept away, and of two uploads of one image (the first was believed dead) only the one in the row can end well.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, suppress
from datetime import timedelta
from typing import Any

import msgspec

from pileus.core.context import EVERYONE
from pileus.core.db import Database
from pileus.core.kit import Kit
from pileus.core.log import Log
from pileus.image.backends.base import BlobInUse, BlobMissing, StoreFailed
from pileus.image.backends.stores import Stores
from pileus.image.backends.work import Workers
from pileus.image.config import ImageConfig
from pileus.image.errors import (
    FormatsMissing,
    ImageDataTooLarge,
    ImageGone,
    ImageInWrongState,
    SizeMismatch,
    StorageOverQuota,
    StoreUnknown,
    UploadLost,
    UploadTimedOut,
)
from pileus.image.model import TRANSITIONS, Action, Image, Place, Received
from pileus.image.service.meter import Meter, blocks
from pileus.image.service.quotas import Quotas
from pileus.image.service.signatures import Signatures
from pileus.image.store.images import Images as ImageStore

LEASE = timedelta(seconds=60)
#: What of a row changes when the upload of its bytes comes to nothing.
REQUEUED: dict[str, Any] = {"set_blob": None, "coming": [], "upload_owner": None, "upload_lease": None}
log = Log("pileus.image.uploads")


class Upload:
    """One upload of this process, to one store, or (without one) of bytes that stay where they are; a staged one is kept until it is
    imported."""

    def __init__(self, image: Image, blob: str, store: str, *, staged: bool = False, algorithm: str = "sha512"):
        self.image, self.blob, self.store, self.staged, self.algorithm, self.size = image, blob, store, staged, algorithm, 0
        self.gone = False
        self.deadline: asyncio.Timeout = asyncio.timeout(None)

    def end(self) -> None:
        """The image was deleted: wait for no more bytes of it."""
        self.gone = True
        if self.deadline.when() is not None:
            self.deadline.reschedule(0)


class Uploads:
    def __init__(self, kit: Kit, config: ImageConfig, store: ImageStore, stores: Stores, workers: Workers,
                 quotas: Quotas, signatures: Signatures):
        self.signatures = signatures
        self.kit, self.config, self.store, self.stores, self.workers, self.quotas = kit, config, store, stores, workers, quotas
        self.going: dict[str, Upload] = {}             # by image
        self.arriving: Counter[str | None] = Counter()  # bytes of uploads that go on, by owner

    @property
    def db(self) -> Database:
        return self.kit.db

    async def receive(self, image: Image, data: AsyncIterator[bytes], declared: int | None = None, *, store: str | None = None,
                      stage: bool = False) -> None:
        """Store the bytes of a queued image, or with `stage` keep them where they will be stored: importing them to the same store
        copies nothing. On any failure the image is queued again and nothing is left behind."""
        store = store or self.stores.default
        if store not in self.stores.writable:
            raise StoreUnknown(store=store)
        if not image.disk_format or not image.container_format:
            raise FormatsMissing()
        if declared is not None:
            await self._affordable(image.owner, declared, stage)
        upload = Upload(image, self.kit.ids.uuid(), store, staged=stage)
        await self._begin(upload, "stage" if stage else "upload")
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._give_up, upload)
            received = await self._keep(upload, data, declared)
            await self._finish(upload, received, "finish_stage" if stage else "finish")
            undo.pop_all()
        self._forget(upload)

    async def pour(self, image: Image, blob: str, store: str, data: AsyncIterator[bytes], *, packed: bool = False) -> Received:
        """Store bytes for an image whose row names `blob` and the store already. When it raises, nothing is left. Repeatable.

        They may be `packed` when a plug-in is to unpack them: then what is inside is inspected later."""
        upload = Upload(image, blob, store)
        self.going[image.id] = upload
        try:
            return await self._keep(upload, data, packed=packed)
        except BaseException:
            await self.stores.discard(store, blob)
            raise
        finally:
            self._forget(upload)

    async def look(self, image: Image, blob: str, data: AsyncIterator[bytes], algorithm: str = "sha512") -> Received:
        """What bytes are that stay where they are. Repeatable."""
        upload = Upload(image, blob, "", algorithm=algorithm)
        self.going[image.id] = upload
        try:
            return await self._keep(upload, data)
        finally:
            self._forget(upload)

    def deleted(self, image_id: str) -> None:
        """An image is gone: end its upload, if it goes on here."""
        if (upload := self.going.get(image_id)) is not None:
            upload.end()

    async def _keep(self, upload: Upload, data: AsyncIterator[bytes], declared: int | None = None, packed: bool = False) -> Received:
        """The bytes, hashed, inspected and held to their signature on their way to the store."""
        verifier = await self.signatures.verifier(upload.image)
        packed = packed and verifier is None and "image_decompression" in self.config.import_plugins
        meter = Meter(upload.image, self.workers, verifier.digest.update if verifier else None, packed=packed, staged=upload.staged,
                      algorithm=upload.algorithm)
        try:
            async with (upload.deadline, aclosing(self._watched(upload, data)) as chunks, aclosing(blocks(chunks)) as whole,
                        aclosing(meter.through(whole)) as metered):
                if not upload.store:
                    async for _ in metered:
                        pass
                else:
                    await self.stores.writable[upload.store].put(upload.blob, metered)
        except (TimeoutError, BlobMissing) as failure:
            if upload.gone or isinstance(failure, BlobMissing):
                raise ImageGone(id=upload.image.id) from failure
            raise UploadTimedOut(seconds=self.config.upload_timeout_s) from failure
        if declared is not None and upload.size != declared:
            raise SizeMismatch(size=upload.size, declared=declared)
        received = await meter.finish(self.config.max_virtual_bytes)
        if verifier is not None:
            verifier.check()
        return received

    # ---- steps -------------------------------------------------------------------------------------------------------
    async def _begin(self, upload: Upload, action: Action) -> None:
        allowed, to = TRANSITIONS[action]
        now = self.kit.clock.now()
        async with self.db.transaction():
            await self.quotas.one_more_upload(upload.image.owner)
            begun = await self.store.change_state(upload.image.id, allowed, to, now, set_blob=upload.blob, coming=[upload.store],
                                                  upload_owner=self.kit.sagas.owner, upload_lease=now + LEASE)
        if not begun:
            found = await self.store.find(upload.image.id, EVERYONE)
            if found is None:
                raise ImageGone(id=upload.image.id)
            raise ImageInWrongState(id=upload.image.id, status=found.status, action="an upload")
        self.going[upload.image.id] = upload

    async def _watched(self, upload: Upload, data: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """The chunks as they come, as long as they come in time, are wanted and are not too many."""
        owner, renewed = upload.image.owner, self.kit.clock.monotonic()
        left = await self.quotas.left(owner, staged=upload.staged)
        if left is not None:
            left += upload.image.size or 0                                 # bytes that came before, and that these replace
        loop = asyncio.get_running_loop()
        if upload.gone:
            raise ImageGone(id=upload.image.id)
        upload.deadline.reschedule(loop.time() + self.config.upload_timeout_s)
        async for chunk in data:
            if upload.gone:
                raise ImageGone(id=upload.image.id)
            upload.deadline.reschedule(loop.time() + self.config.upload_timeout_s)
            upload.size += len(chunk)
            self.arriving[owner] += len(chunk)
            if upload.size > self.config.max_image_bytes:
                raise ImageDataTooLarge(limit=self.config.max_image_bytes)
            if left is not None and self.arriving[owner] > left:
                raise StorageOverQuota(left=left)
            if self.kit.clock.monotonic() - renewed > LEASE.total_seconds() / 3:
                renewed = self.kit.clock.monotonic()
                if not await self.store.extend(upload.image.id, upload.blob, self.kit.clock.now() + LEASE):
                    raise UploadLost(id=upload.image.id)
            yield chunk
        upload.deadline.reschedule(None)

    async def _finish(self, upload: Upload, received: Received, action: Action) -> None:
        allowed, to = TRANSITIONS[action]
        async with self.db.transaction():
            await self.quotas.more_bytes(upload.image.owner, received.size, staged=upload.staged)
            ended = await self.store.change_state(
                upload.image.id, allowed, to, self.kit.clock.now(), blob=upload.blob, upload_owner=None, upload_lease=None,
                places=[Place(upload.store, upload.blob)], coming=[], **msgspec.structs.asdict(received))
            if not ended:
                raise ImageGone(id=upload.image.id)

    async def _give_up(self, upload: Upload) -> None:
        """Back to how it was before. What a crash leaves undone here, `sweep` does."""
        self._forget(upload)
        await self.stores.discard(upload.store, upload.blob)
        allowed, to = TRANSITIONS["requeue"]
        await self.store.change_state(upload.image.id, allowed, to, self.kit.clock.now(), blob=upload.blob, **REQUEUED)

    def _forget(self, upload: Upload) -> None:
        self.arriving[upload.image.owner] -= upload.size
        if not self.arriving[upload.image.owner]:
            del self.arriving[upload.image.owner]
        if self.going.get(upload.image.id) is upload:
            del self.going[upload.image.id]

    # ---- limits ------------------------------------------------------------------------------------------------------
    async def _affordable(self, owner: str | None, size: int, staged: bool) -> None:
        """Refuse at once what was announced to be too large."""
        if size > self.config.max_image_bytes:
            raise ImageDataTooLarge(limit=self.config.max_image_bytes)
        left = await self.quotas.left(owner, staged=staged)
        if left is not None and self.arriving[owner] + size > left:
            raise StorageOverQuota(left=left)

    # ---- what a crash leaves -----------------------------------------------------------------------------------------
    async def sweep(self, *, at_start: bool = False) -> str | None:
        """Queue images again whose upload nobody carries on, and remove bytes that belong to no image.

        The keys are listed before the rows are read: a row names its blob before there is one, so what is listed and not
        named then is nobody's for good. At a start only stores of this host are looked at: others may be no further yet."""
        queued = removed = 0
        allowed, to = TRANSITIONS["requeue"]
        for image in await self.store.abandoned(self.kit.clock.now(), self.kit.sagas.owner if at_start else None):
            queued += await self.store.change_state(image.id, allowed, to, self.kit.clock.now(), blob=image.blob, **REQUEUED)
        for id in self.stores.local if at_start else self.stores.writable:
            removed += await self._sweep_store(id)
        return f"queued {queued}, removed {removed}" if queued or removed else None

    async def _sweep_store(self, id: str) -> int:
        """One that cannot be reached is swept another time, and so is what is still in use."""
        blobs, removed = self.stores.writable[id], 0
        try:
            keys = await blobs.keys()
            named = {key for store, key in await self.store.blobs() if store == id}
            for key in keys - named:
                with suppress(BlobInUse):
                    await blobs.delete(key)
                    removed += 1
        except StoreFailed as failure:
            log.warning("a store of images could not be swept", store=id, why=failure.detail or str(failure))
        return removed
