"""Imports: bytes that were staged, or that are downloaded, become an image's; and the tasks that say how that goes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any

from pileus.core.context import EVERYONE, Context
from pileus.core.kit import Kit
from pileus.image import web
from pileus.image.backends.file import FileStore
from pileus.image.config import ImageConfig
from pileus.image.errors import FormatsMissing, ImageInWrongState, ImageNotFound, ImportMethodUnknown, TaskNotFound
from pileus.image.model import TRANSITIONS, Action, Image, Received, Task
from pileus.image.sagas.import_image import IMPORT_IMAGE, ImportImage
from pileus.image.service.refining import Refining
from pileus.image.service.uploads import Uploads
from pileus.image.store.images import Images as ImageStore
from pileus.image.store.tasks import Tasks

DIRECT, WEB = "glance-direct", "web-download"
METHODS: dict[str, Action] = {DIRECT: "import_staged", WEB: "import_web"}
#: How many bytes come between two notes of the progress.
NOTE = 64 << 20
NO_DATA: dict[str, Any] = {"set_blob": None, "size": None, "virtual_size": None, "checksum": None, "os_hash_algo": None,
                           "os_hash_value": None, "upload_owner": None, "upload_lease": None}


class Imports:
    def __init__(self, kit: Kit, config: ImageConfig, store: ImageStore, uploads: Uploads, work: FileStore):
        self.kit, self.config, self.store, self.uploads, self.tasks = kit, config, store, uploads, Tasks(kit.db)
        self.refining = Refining(kit, config, store, uploads, work)
        #: What gets the bytes of an address.
        self.fetch: Callable[[str, ImageConfig], AsyncGenerator[bytes, None]] = web.fetch
        kit.sagas.register(IMPORT_IMAGE, self)

    @property
    def methods(self) -> list[str]:
        return [method for method in METHODS if method in self.config.import_methods]

    async def begin(self, who: Context, image: Image, method: str, asked: dict[str, Any], *, uri: str | None = None) -> Task:
        """Start an import; `asked` is kept as the task's input.

        Raises ImportMethodUnknown, AddressRefused, FormatsMissing or ImageInWrongState."""
        if method not in self.methods:
            raise ImportMethodUnknown(method=method, known=", ".join(self.methods))
        if not image.disk_format or not image.container_format:
            raise FormatsMissing()
        if method == WEB:
            web.check(uri or "", self.config)
        now = self.kit.clock.now()
        task = Task(id=self.kit.ids.uuid(), status="processing", owner=image.owner, user_id=who.user_id, request_id=who.request_id,
                    image_id=image.id, input={"image_id": image.id, "import_req": asked}, created_at=now, updated_at=now)
        async with self.kit.db.transaction():
            if method == WEB:
                await self.uploads.quotas.one_more_upload(image.owner)
            blob = await self._claim(image, METHODS[method])
            await self.tasks.add(task)
            await self.kit.sagas.begin(IMPORT_IMAGE, image.id, ImportImage(
                image_id=image.id, task_id=task.id, blob=blob, uri=uri, inject=self.refining.injected(who)))
        return task

    async def get_task(self, id: str) -> Task:
        """Raises TaskNotFound."""
        task = await self.tasks.find(id)
        if task is None:
            raise TaskNotFound(id=id)
        return task

    async def expire(self) -> str | None:
        gone = await self.tasks.expire(self.kit.clock.now())
        return f"removed {gone}" if gone else None

    # ---- what the saga does ------------------------------------------------------------------------------------------
    async def download(self, state: ImportImage) -> Received:
        image = await self.store.find(state.image_id, EVERYONE)
        if image is None:
            raise ImageNotFound(id=state.image_id)
        async with aclosing(self._noted(state)) as data:
            return await self.uploads.pour(image, state.blob, data, packed=True)

    async def activate(self, state: ImportImage, values: dict[str, Any]) -> None:
        """Repeatable: an image that is active by now is left as it is."""
        allowed, to = TRANSITIONS["finish_import"]
        now = self.kit.clock.now()
        async with self.kit.db.transaction():
            image = await self.store.find(state.image_id, EVERYONE)
            if image is not None and values:                                # what was staged has been counted already
                await self.uploads.quotas.more_bytes(image.owner, values["size"] - (image.size or 0))
            ended = await self.store.change_state(state.image_id, allowed, to, now, blob=state.blob, upload_owner=None,
                                                  upload_lease=None, **values)
            image = await self.store.find(state.image_id, EVERYONE)
            if not ended and (image is None or not image.has_data):
                raise ImageNotFound(id=state.image_id)
            if ended and image is not None and state.inject:
                await self.store.update(image.id, {"properties": image.properties | state.inject})
            await self.tasks.update(state.task_id, now, status="success", message="", result={"image_id": state.image_id},
                                    expires_at=now + timedelta(days=self.config.task_days))

    async def undo(self, state: ImportImage, why: str) -> None:
        """The image is queued again, without bytes, and its task says why. Repeatable. One that is active by now stays so: it was
        not the import that failed."""
        allowed, to = TRANSITIONS["undo_import"]
        now = self.kit.clock.now()
        async with self.kit.db.transaction():
            image = await self.store.find(state.image_id, EVERYONE, lock=True)
            if image is not None and image.has_data and image.blob == state.blob:
                return
            await self.store.change_state(state.image_id, allowed, to, now, blob=state.blob, **NO_DATA)
            await self.tasks.update(state.task_id, now, status="failure", message=why,
                                    expires_at=now + timedelta(days=self.config.task_days))
        await self.uploads.blobs.delete(state.blob)

    # ---- parts -------------------------------------------------------------------------------------------------------
    async def _claim(self, image: Image, action: Action) -> str:
        """Make the image importing; returns the key of its bytes. Bytes that are still being staged are none."""
        found = await self.store.find(image.id, EVERYONE, lock=True)
        allowed, to = TRANSITIONS[action]
        if found is None:
            raise ImageNotFound(id=image.id)
        if found.status not in allowed or (action == "import_staged" and found.size is None):
            raise ImageInWrongState(id=image.id, status=found.status, action="an import")
        blob = found.blob or self.kit.ids.uuid()
        await self.store.change_state(image.id, allowed, to, self.kit.clock.now(), set_blob=blob)
        return blob

    async def _noted(self, state: ImportImage) -> AsyncGenerator[bytes, None]:
        got = noted = 0
        async with aclosing(self.fetch(state.uri or "", self.config)) as blocks:
            async for block in blocks:
                got += len(block)
                if got - noted >= NOTE:
                    noted = got
                    await self.tasks.update(state.task_id, self.kit.clock.now(), message=f"Copied {got >> 20} MiB")
                yield block
