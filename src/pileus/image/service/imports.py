"""Imports: bytes that were staged, that are downloaded or that another store has become an image's; and the tasks that say how
that goes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import msgspec

from pileus.core.context import EVERYONE, Context
from pileus.core.kit import Kit
from pileus.image import web
from pileus.image.backends.base import StoreFailed
from pileus.image.config import ImageConfig
from pileus.image.errors import (
    CopyPresent,
    DownloadFailed,
    FormatsMissing,
    ImageInWrongState,
    ImageNotFound,
    ImportMethodUnknown,
    StoreAbsent,
)
from pileus.image.model import ACTIVE, IMAGE_IMPORT, IMPORT, TRANSITIONS, Action, Described, Image, Received, RemoteImage, Source, Task
from pileus.image.sagas.copy_image import COPY_IMAGE, CopyImage
from pileus.image.sagas.import_image import IMPORT_IMAGE, ImportImage, described
from pileus.image.service.copies import NOTE, Copies
from pileus.image.service.refining import Refining
from pileus.image.service.remote import Remote
from pileus.image.service.uploads import Uploads
from pileus.image.store.images import Images as ImageStore

DIRECT, WEB, COPY, REMOTE = "glance-direct", "web-download", "copy-image", "glance-download"
METHODS = (DIRECT, WEB, COPY, REMOTE)
ACTIONS: dict[str, Action] = {DIRECT: "import_staged", WEB: "import_web", REMOTE: "import_web"}
NO_DATA: dict[str, Any] = {"set_blob": None, "size": None, "virtual_size": None, "checksum": None, "os_hash_algo": None,
                           "os_hash_value": None, "upload_owner": None, "upload_lease": None, "places": [], "coming": []}


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to import from where to where; without `stores` to the default one. `asked` is kept as the task's input."""

    method: str
    asked: dict[str, Any]
    uri: str | None = None
    remote: RemoteImage | None = None
    stores: list[str] = []
    all_stores: bool = False
    must_succeed: bool = True
    made: bool = False                      # the image was made for this import: it goes when the import fails


class Imports:
    def __init__(self, kit: Kit, config: ImageConfig, store: ImageStore, uploads: Uploads, copies: Copies,
                 refining: Refining, remote: Remote):
        self.kit, self.config, self.store, self.uploads, self.copies, self.tasks = kit, config, store, uploads, copies, copies.tasks
        self.stores, self.refining, self.remote = uploads.stores, refining, remote
        #: Those who wait for a download from another cloud, by task. Their tokens are never stored: after a crash there are none.
        self.waiting: dict[str, Context] = {}
        #: What gets the bytes of an address.
        self.fetch: Callable[[str, ImageConfig], AsyncGenerator[bytes, None]] = web.fetch
        kit.sagas.register(IMPORT_IMAGE, self)
        kit.sagas.register(COPY_IMAGE, self)

    @property
    def methods(self) -> list[str]:
        return [method for method in METHODS if method in self.config.import_methods]

    def check(self, method: str) -> None:
        """Raises ImportMethodUnknown."""
        if method not in self.methods:
            raise ImportMethodUnknown(method=method, known=", ".join(self.methods))

    async def begin(self, who: Context, image: Image, order: Order) -> Task | None:
        """Start an import; None when there is nothing to do: all stores have the image.

        Raises StoreAbsent, AddressRefused, FormatsMissing, ImageInWrongState, ImageCopied or CopyPresent."""
        if not image.disk_format or not image.container_format:
            raise FormatsMissing()
        if order.method == WEB:
            web.check(order.uri or "", self.config)
        stores = self._stores(order)
        async with self.kit.db.transaction():
            found = await self.store.find(image.id, EVERYONE, lock=True)
            if found is None:
                raise ImageNotFound(id=image.id)
            if order.method == COPY:
                return await self._begin_copy(who, found, order, stores)
            return await self._begin_import(who, found, order, stores)

    async def expire(self) -> str | None:
        gone = await self.tasks.expire(self.kit.clock.now())
        return f"removed {gone}" if gone else None

    # ---- what the saga does ------------------------------------------------------------------------------------------
    async def download(self, state: ImportImage) -> Received:
        """Bring what is at the address to the first store that takes it. Raises what the last one raised, or the download."""
        while True:
            store = next(store for store in state.stores if store not in state.failed)
            image = await self.copies.get(state.image_id)
            try:
                received = await self._pour(image, state, store)
            except StoreFailed:
                await self.copies.missed(state, store)
                if state.must_succeed or len(state.failed) == len(state.stores):
                    raise
            else:
                await self.copies.arrived(state, store)
                return received

    async def find_remote(self, state: ImportImage, wanted: RemoteImage) -> tuple[Source, Described]:
        """Where another cloud's image is, and what that cloud says of it. Raises RegionUnknown or DownloadFailed."""
        who = self._who(state)
        source = await self.remote.source(who, wanted)
        return source, await self.remote.describe(source, who.token)

    async def activate(self, state: ImportImage, values: dict[str, Any]) -> None:
        """Repeatable: an image that is active by now is left as it is."""
        allowed, to = TRANSITIONS["finish_import"]
        now = self.kit.clock.now()
        async with self.kit.db.transaction():
            image = await self.copies.get(state.image_id)
            if "size" in values:                                            # what was staged has been counted already
                await self.uploads.quotas.more_bytes(image.owner, values["size"] - (image.size or 0))
            ended = await self.store.change_state(
                state.image_id, allowed, to, now, blob=state.blob, upload_owner=None, upload_lease=None, coming=[],
                places=[place for place in image.places if place.store in state.stores], **values)
            if not ended and not image.has_data:
                raise ImageNotFound(id=state.image_id)
            brought = state.described.properties if state.described is not None else {}
            if ended and (brought or state.inject):
                await self.store.update(image.id, {"properties": image.properties | brought | state.inject})
            await self._ended(state.task_id, "success", result={"image_id": state.image_id})
        if state.staged is not None and state.staged not in state.stores:
            await self.stores.discard(state.staged, state.blob)

    async def undo(self, state: ImportImage, why: str) -> None:
        """The image is queued again, without bytes, or gone when it was made for this; its task says why. Repeatable. One that is
        active by now stays so: it was not the import that failed."""
        allowed, to = TRANSITIONS["undo_import"]
        async with self.kit.db.transaction():
            image = await self.store.find(state.image_id, EVERYONE, lock=True)
            if image is not None and image.has_data and image.blob == state.blob:
                return
            await self.store.change_state(state.image_id, allowed, to, self.kit.clock.now(), blob=state.blob, failed=state.stores,
                                          **NO_DATA)
            if state.made and image is not None:
                await self.store.update(image.id, {"protected": False})
                await self.store.remove(image.id, self.kit.clock.now())
            await self._ended(state.task_id, "failure", why)
        for store in {*state.stores, *([state.staged] if state.staged else [])}:
            await self.stores.discard(store, state.blob)

    async def copied(self, state: CopyImage) -> None:
        await self._ended(state.task_id, "success", result={"image_id": state.image_id})

    async def undo_copy(self, state: CopyImage, why: str) -> None:
        """The image is in the stores it was in before. Repeatable. When meanwhile it was taken out of all of those, it stays where
        it was copied to."""
        gone = state.stores
        async with self.kit.db.transaction():
            image = await self.store.find(state.image_id, EVERYONE, lock=True)
            if image is not None:
                kept = [place for place in image.places if place.store not in state.stores] or image.places
                gone = [store for store in state.stores if store not in {place.store for place in kept}]
                await self.store.update(image.id, {"places": kept, "coming": [], "updated_at": self.kit.clock.now()})
            await self._ended(state.task_id, "failure", why)
        for store in gone:
            await self.stores.discard(store, state.blob)

    # ---- parts -------------------------------------------------------------------------------------------------------
    def _stores(self, order: Order) -> list[str]:
        stores = list(self.stores.writable) if order.all_stores else list(dict.fromkeys(order.stores)) or [self.stores.default]
        for store in stores:
            if store not in self.stores.writable:
                raise StoreAbsent(store=store)
        return stores

    async def _begin_import(self, who: Context, image: Image, order: Order, stores: list[str]) -> Task:
        """Make the image importing. Bytes that are still being staged are none."""
        allowed, to = TRANSITIONS[ACTIONS[order.method]]
        if image.status not in allowed or (order.method == DIRECT and not image.places):
            raise ImageInWrongState(id=image.id, status=image.status, action="an import")
        if order.method != DIRECT:
            await self.uploads.quotas.one_more_upload(image.owner)
        blob = image.blob or self.kit.ids.uuid()
        await self.store.change_state(image.id, allowed, to, self.kit.clock.now(), set_blob=blob, failed=[],
                                      coming=[store for store in stores if store not in image.stores])
        task = await self._task(who, image, order, stores)
        await self.kit.sagas.begin(IMPORT_IMAGE, image.id, ImportImage(
            image_id=image.id, task_id=task.id, blob=blob, stores=stores, must_succeed=order.must_succeed, remote=order.remote,
            uri=order.uri if order.method == WEB else None,
            staged=image.stores[0] if order.method == DIRECT else None,
            inject=self.refining.injected(who), made=order.made))
        if order.remote is not None:
            self.waiting[task.id] = who
        return task

    async def _begin_copy(self, who: Context, image: Image, order: Order, stores: list[str]) -> Task | None:
        if image.status != ACTIVE:
            raise ImageInWrongState(id=image.id, status=image.status, action="copying its data")
        self.copies.idle(image)
        present = [store for store in stores if store in image.stores]
        if present and not order.all_stores:
            raise CopyPresent(id=image.id, store=present[0])
        stores = [store for store in stores if store not in present]
        blob = image.blob or self.kit.ids.uuid()
        await self.store.update(image.id, {"blob": blob, "coming": stores, "failed": []})
        if not stores:
            return None
        task = await self._task(who, image, order, stores)
        await self.kit.sagas.begin(COPY_IMAGE, image.id, CopyImage(
            image_id=image.id, task_id=task.id, blob=blob, stores=stores, must_succeed=order.must_succeed))
        return task

    async def _task(self, who: Context, image: Image, order: Order, stores: list[str]) -> Task:
        now = self.kit.clock.now()
        given = order.asked if order.made else {"image_id": image.id, "import_req": order.asked, "backend": stores}
        task = Task(id=self.kit.ids.uuid(), type=IMPORT if order.made else IMAGE_IMPORT, status="processing", owner=image.owner,
                    user_id=who.user_id, request_id=who.request_id, image_id=image.id, input=given, created_at=now, updated_at=now)
        await self.tasks.add(task)
        return task

    async def _pour(self, image: Image, state: ImportImage, store: str) -> Received:
        """What is downloaded goes to a store. Of another cloud's image it must be what that cloud says it is."""
        async with aclosing(self._noted(state)) as data:
            received = await self.uploads.pour(described(image, state), state.blob, store, data, packed=True)
        if state.described is not None and not _same(received, state.described):
            await self.stores.discard(store, state.blob)
            raise DownloadFailed(why="other bytes came than the other cloud has")
        return received

    def _who(self, state: ImportImage) -> Context:
        if state.task_id not in self.waiting:
            raise DownloadFailed(why="it was interrupted, and the token for the other cloud is not kept; import the image again")
        return self.waiting[state.task_id]

    def _data(self, state: ImportImage) -> AsyncGenerator[bytes, None]:
        if state.source is not None:
            return self.remote.blocks(state.source, self._who(state).token)
        return self.fetch(state.uri or "", self.config)

    async def _ended(self, task_id: str, status: str, why: str = "", result: dict[str, Any] | None = None) -> None:
        self.waiting.pop(task_id, None)
        now = self.kit.clock.now()
        await self.tasks.update(task_id, now, status=status, message=why, result=result,
                                expires_at=now + timedelta(days=self.config.task_days))

    async def _noted(self, state: ImportImage) -> AsyncGenerator[bytes, None]:
        got = noted = 0
        async with aclosing(self._data(state)) as blocks:
            async for block in blocks:
                got += len(block)
                if got - noted >= NOTE:
                    noted = got
                    await self.tasks.update(state.task_id, self.kit.clock.now(), message=f"Copied {got >> 20} MiB")
                yield block


def _same(received: Received, told: Described) -> bool:
    """Whether the bytes are those of the other cloud, as far as it says."""
    if told.os_hash_algo == received.os_hash_algo and told.os_hash_value != received.os_hash_value:
        return False
    return received.size == told.size
